//! The abstract object protocol (to be completed).
#![allow(unused_variables)]
use crate::objects::*;
use crate::object::*;
use crate::error::PyResult;
pub use crate::typeobject::CompareOp;

pub mod buffer;

impl Object {
    pub fn getattr(&self, name: &Str) -> PyResult<PyRef> { todo!() }
    pub fn getattr_opt(&self, name: &Str) -> PyResult<Option<PyRef>> { todo!() }
    pub fn setattr(&self, name: &Str, value: &Object) -> PyResult<()> { todo!() }
    pub fn delattr(&self, name: &Str) -> PyResult<()> { todo!() }
    pub fn hasattr(&self, name: &Str) -> PyResult<bool> { todo!() }
    pub fn generic_getattr(&self, name: &Str) -> PyResult<PyRef> { todo!() }
    pub fn generic_setattr(&self, name: &Str, value: Option<&Object>) -> PyResult<()> { todo!() }
    pub fn lookup_special(&self, name: &Str) -> PyResult<Option<PyRef>> { todo!() }
    pub fn repr(&self) -> PyResult<Ref<Str>> { todo!() }
    pub fn str(&self) -> PyResult<Ref<Str>> { todo!() }
    pub fn ascii(&self) -> PyResult<Ref<Str>> { todo!() }
    pub fn bytes(&self) -> PyResult<Ref<Bytes>> { todo!() }
    pub fn format(&self, spec: &Str) -> PyResult<Ref<Str>> { todo!() }
    pub fn hash(&self) -> PyResult<isize> { todo!() }
    pub fn is_true(&self) -> PyResult<bool> { todo!() }
    pub fn dir(&self) -> PyResult<Ref<List>> { todo!() }
    pub fn richcompare(&self, other: &Object, op: CompareOp) -> PyResult<PyRef> { todo!() }
    pub fn richcompare_bool(&self, other: &Object, op: CompareOp) -> PyResult<bool> { todo!() }
    pub fn eq(&self, other: &Object) -> PyResult<bool> { todo!() }
    pub fn call0(&self) -> PyResult<PyRef> { todo!() }
    pub fn call1(&self, arg: &Object) -> PyResult<PyRef> { todo!() }
    pub fn call(&self, args: &[&Object]) -> PyResult<PyRef> { todo!() }
    pub fn call_kw(&self, args: &[&Object], kwnames: Option<&Tuple>) -> PyResult<PyRef> { todo!() }
    pub fn call_dict(&self, args: &Tuple, kwargs: Option<&Dict>) -> PyResult<PyRef> { todo!() }
    pub fn call_method(&self, name: &Str, args: &[&Object]) -> PyResult<PyRef> { todo!() }
    pub fn vectorcall(&self, args: *const *mut abi::PyObject, nargsf: usize, kwnames: *mut abi::PyObject) -> PyResult<PyRef> { todo!() }
    pub fn is_callable(&self) -> bool { todo!() }
    pub fn add(&self, other: &Object) -> PyResult<PyRef> { todo!() }
    pub fn sub(&self, other: &Object) -> PyResult<PyRef> { todo!() }
    pub fn mul(&self, other: &Object) -> PyResult<PyRef> { todo!() }
    pub fn matmul(&self, other: &Object) -> PyResult<PyRef> { todo!() }
    pub fn truediv(&self, other: &Object) -> PyResult<PyRef> { todo!() }
    pub fn floordiv(&self, other: &Object) -> PyResult<PyRef> { todo!() }
    pub fn rem(&self, other: &Object) -> PyResult<PyRef> { todo!() }
    pub fn divmod(&self, other: &Object) -> PyResult<PyRef> { todo!() }
    pub fn lshift(&self, other: &Object) -> PyResult<PyRef> { todo!() }
    pub fn rshift(&self, other: &Object) -> PyResult<PyRef> { todo!() }
    pub fn and(&self, other: &Object) -> PyResult<PyRef> { todo!() }
    pub fn or(&self, other: &Object) -> PyResult<PyRef> { todo!() }
    pub fn xor(&self, other: &Object) -> PyResult<PyRef> { todo!() }
    pub fn inplace_add(&self, other: &Object) -> PyResult<PyRef> { todo!() }
    pub fn inplace_sub(&self, other: &Object) -> PyResult<PyRef> { todo!() }
    pub fn inplace_mul(&self, other: &Object) -> PyResult<PyRef> { todo!() }
    pub fn inplace_matmul(&self, other: &Object) -> PyResult<PyRef> { todo!() }
    pub fn inplace_truediv(&self, other: &Object) -> PyResult<PyRef> { todo!() }
    pub fn inplace_floordiv(&self, other: &Object) -> PyResult<PyRef> { todo!() }
    pub fn inplace_rem(&self, other: &Object) -> PyResult<PyRef> { todo!() }
    pub fn inplace_lshift(&self, other: &Object) -> PyResult<PyRef> { todo!() }
    pub fn inplace_rshift(&self, other: &Object) -> PyResult<PyRef> { todo!() }
    pub fn inplace_and(&self, other: &Object) -> PyResult<PyRef> { todo!() }
    pub fn inplace_or(&self, other: &Object) -> PyResult<PyRef> { todo!() }
    pub fn inplace_xor(&self, other: &Object) -> PyResult<PyRef> { todo!() }
    pub fn pow(&self, exp: &Object, modulus: &Object) -> PyResult<PyRef> { todo!() }
    pub fn inplace_pow(&self, exp: &Object, modulus: &Object) -> PyResult<PyRef> { todo!() }
    pub fn neg(&self) -> PyResult<PyRef> { todo!() }
    pub fn pos(&self) -> PyResult<PyRef> { todo!() }
    pub fn abs(&self) -> PyResult<PyRef> { todo!() }
    pub fn invert(&self) -> PyResult<PyRef> { todo!() }
    pub fn index(&self) -> PyResult<Ref<Int>> { todo!() }
    pub fn as_isize(&self) -> PyResult<isize> { todo!() }
    pub fn as_isize_clamped(&self) -> PyResult<isize> { todo!() }
    pub fn as_i64(&self) -> PyResult<i64> { todo!() }
    pub fn as_u64(&self) -> PyResult<u64> { todo!() }
    pub fn as_f64(&self) -> PyResult<f64> { todo!() }
    pub fn to_int(&self) -> PyResult<PyRef> { todo!() }
    pub fn to_float(&self) -> PyResult<PyRef> { todo!() }
    pub fn number_check(&self) -> bool { todo!() }
    pub fn index_check(&self) -> bool { todo!() }
    pub fn len(&self) -> PyResult<usize> { todo!() }
    pub fn length_hint(&self, default: usize) -> PyResult<usize> { todo!() }
    pub fn get_item(&self, key: &Object) -> PyResult<PyRef> { todo!() }
    pub fn set_item(&self, key: &Object, value: &Object) -> PyResult<()> { todo!() }
    pub fn del_item(&self, key: &Object) -> PyResult<()> { todo!() }
    pub fn get_item_index(&self, i: isize) -> PyResult<PyRef> { todo!() }
    pub fn set_item_index(&self, i: isize, value: &Object) -> PyResult<()> { todo!() }
    pub fn del_item_index(&self, i: isize) -> PyResult<()> { todo!() }
    pub fn get_slice(&self, a: isize, b: isize) -> PyResult<PyRef> { todo!() }
    pub fn contains(&self, item: &Object) -> PyResult<bool> { todo!() }
    pub fn seq_concat(&self, other: &Object) -> PyResult<PyRef> { todo!() }
    pub fn repeat(&self, n: isize) -> PyResult<PyRef> { todo!() }
    pub fn seq_inplace_concat(&self, other: &Object) -> PyResult<PyRef> { todo!() }
    pub fn inplace_repeat(&self, n: isize) -> PyResult<PyRef> { todo!() }
    pub fn count(&self, item: &Object) -> PyResult<usize> { todo!() }
    pub fn index_of(&self, item: &Object) -> PyResult<usize> { todo!() }
    pub fn sequence_check(&self) -> bool { todo!() }
    pub fn mapping_check(&self) -> bool { todo!() }
    pub fn to_list(&self) -> PyResult<Ref<List>> { todo!() }
    pub fn to_tuple(&self) -> PyResult<Ref<Tuple>> { todo!() }
    pub fn seq_fast(&self, msg: &str) -> PyResult<PyRef> { todo!() }
    pub fn iter(&self) -> PyResult<PyRef> { todo!() }
    pub fn iter_next(&self) -> PyResult<Option<PyRef>> { todo!() }
    pub fn is_iter(&self) -> bool { todo!() }
    pub fn isinstance(&self, cls: &Object) -> PyResult<bool> { todo!() }
    pub fn issubclass(&self, cls: &Object) -> PyResult<bool> { todo!() }
    /// Calls `f` with every item of the iterable.
    pub fn for_each(&self, f: impl FnMut(PyRef) -> PyResult<()>) -> PyResult<()> { todo!() }
}

/// `PyObject_RichCompare`-free dispatch of a call inside native code: guards the native stack.
pub fn enter_recursive_call(where_: &str) -> PyResult<()> { todo!() }
pub fn leave_recursive_call() {}
