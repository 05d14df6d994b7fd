use macros::{pyclass, pymodule};
use runtime::prelude::*;
use runtime::convert::ArgBytes;

use core::ffi::c_int;
#[repr(C)]
pub struct Foo { head: abi::PyObject, x: std::cell::Cell<i64>, o: *mut abi::PyObject }
/// Foo doc
#[pyclass(name = "Foo", module = "scratch", flags = "BASETYPE|HAVE_GC", members = "x: longlong@x; o: object@o readonly")]
impl Foo {
    #[slot(sig = "a, b=None, /, *, c=3")] fn tp_new(cls: &Type, a: i64, b: Option<&Str>, c: i64) -> PyResult<Ref<Foo>> { let r = runtime::typeobject::alloc_object::<Foo>(cls)?; r.x.set(a + c); let _ = b; Ok(r) }
    #[slot] fn tp_init(&self, args: FuncArgs<'_>) -> PyResult<()> { args.no_keywords("Foo") }
    #[slot] fn tp_call(&self, args: FuncArgs<'_>) -> PyResult<i64> { Ok(args.len() as i64) }
    #[slot] fn tp_repr(&self) -> PyResult<Ref<Str>> { Str::new("x") }
    #[slot] fn tp_hash(&self) -> PyResult<isize> { Ok(1) }
    #[slot] fn tp_richcompare(&self, _o: &Object, _op: CompareOp) -> PyResult<PyRef> { Ok(not_implemented().to_ref()) }
    #[slot] fn tp_iternext(&self) -> PyResult<Option<PyRef>> { Ok(None) }
    #[slot] fn nb_add(a: &Object, _b: &Object) -> PyResult<PyRef> { Ok(a.to_ref()) }
    #[slot] fn nb_bool(&self) -> bool { true }
    #[slot] fn sq_item(&self, i: isize) -> PyResult<isize> { Ok(i) }
    #[slot] fn mp_length(&self) -> PyResult<usize> { Ok(1) }
    #[slot] fn mp_ass_subscript(&self, _k: &Object, _v: Option<&Object>) -> PyResult<()> { Ok(()) }
    #[slot] fn tp_descr_get(&self, o: Option<&Object>, _t: Option<&Object>) -> PyResult<PyRef> { Ok(o.unwrap_or(none()).to_ref()) }
    #[slot] fn tp_finalize(&self) {}
    #[slot] fn tp_traverse(&self, _v: &mut runtime::mem::Visitor) -> c_int { 0 }
    #[slot] fn tp_clear(&self) {}
    #[pymethod] fn count(&self, v: &Object) -> PyResult<usize> { let _ = v; Ok(0) }
    #[pymethod(sig = "*args, k=None, **kw")] fn many(&self, args: &[&Object], k: &Object, kw: Option<&Dict>) -> PyResult<usize> { let _ = (k, kw); Ok(args.len()) }
    #[pyclassmethod] fn make(cls: &Type, b: ArgBytes) -> PyResult<()> { let _ = (cls, b.len()); Ok(()) }
    #[pystaticmethod] fn st(a: i32, b: Arg<&Object>) -> PyResult<bool> { let _ = (a, b.is_missing()); Ok(true) }
    #[pymethod(raw)] fn raw(&self, args: FuncArgs<'_>) -> PyResult<PyRef> { let _ = args; Ok(none().to_ref()) }
    #[pygetset] fn real(&self) -> i64 { self.x.get() }
    #[pysetter] fn set_real(&self, v: Option<&Object>) -> PyResult<()> { self.x.set(v.unwrap_or(none()).as_i64()?); Ok(()) }
}
#[pymodule(name = "scratch")]
pub mod scratch { use super::*;
  #[pyattr] const VERSION: i64 = 3;
  #[pyfunction(module)] fn f(m: &Module, a: &str) -> PyResult<String> { let _ = m; Ok(a.to_string()) }
  #[pyfunction(sig="fd, path='x', flag=True, n=-1")] fn g(fd: i32, path: &str, flag: bool, n: Option<i64>) -> PyResult<()> { let _ = (fd,path,flag,n); Ok(()) }
  #[exec] fn init(m: &Module) -> PyResult<()> { m.add_type::<Foo>() } }
