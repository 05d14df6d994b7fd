//! `_symtable`: the compiler's symbol tables for the module `symtable`.

use macros::pymodule;

#[pymodule(name = "_symtable", gil = not_used)]
pub mod _symtable {
    use compiler::blocks::{self, Block};
    use macros::pyclass;
    use runtime::prelude::*;

    /// `_symtable`'s "symtable entry": a block.
    #[repr(C)]
    pub struct Entry {
        ob_base: runtime::abi::PyObject,
        id: PyRef,
        name: PyRef,
        symbols: PyRef,
        varnames: PyRef,
        children: PyRef,
        kind: i64,
        nested: i64,
        lineno: i64,
    }

    #[pyclass(name = "symtable entry", flags = "DISALLOW_INSTANTIATION")]
    impl Entry {
        #[slot]
        fn tp_repr(&self) -> PyResult<Ref<Str>> {
            Str::format(format_args!(
                "<symtable entry {}({}), line {}>",
                self.name.str()?.to_string_lossy(),
                self.id.str()?.to_string_lossy(),
                self.lineno
            ))
        }
        #[slot]
        fn tp_dealloc(this: *mut Self) {
            // SAFETY: the object is dying; its fields were set when it was made.
            unsafe {
                for f in [
                    &raw mut (*this).id,
                    &raw mut (*this).name,
                    &raw mut (*this).symbols,
                    &raw mut (*this).varnames,
                    &raw mut (*this).children,
                ] {
                    core::ptr::drop_in_place(f);
                }
                runtime::mem::dealloc::free_instance(this.cast());
            }
        }
        #[pygetset]
        fn id(&self) -> PyResult<PyRef> {
            Ok(self.id.clone())
        }
        #[pygetset]
        fn name(&self) -> PyResult<PyRef> {
            Ok(self.name.clone())
        }
        #[pygetset]
        fn symbols(&self) -> PyResult<PyRef> {
            Ok(self.symbols.clone())
        }
        #[pygetset]
        fn varnames(&self) -> PyResult<PyRef> {
            Ok(self.varnames.clone())
        }
        #[pygetset]
        fn children(&self) -> PyResult<PyRef> {
            Ok(self.children.clone())
        }
        #[pygetset(name = "type")]
        fn kind(&self) -> PyResult<i64> {
            Ok(self.kind)
        }
        #[pygetset]
        fn nested(&self) -> PyResult<i64> {
            Ok(self.nested)
        }
        #[pygetset]
        fn lineno(&self) -> PyResult<i64> {
            Ok(self.lineno)
        }
    }

    fn entry(b: &Block) -> PyResult<PyRef> {
        runtime::protocol::enter_recursive_call("")?;
        let symbols = Dict::new()?;
        for (n, f) in &b.symbols {
            symbols.set(Str::intern(n), &*Int::from_i64(*f as i64)?)?;
        }
        let varnames = List::from_vec(b.varnames.iter().map(|n| Str::intern(n).to_ref()).collect())?;
        let children = List::from_vec(b.children.iter().map(entry).collect::<PyResult<_>>()?)?;
        let (id, name) = (Int::from_usize(b as *const Block as usize)?, Str::intern(&b.name).to_ref());
        let e = runtime::typeobject::alloc_object::<Entry>(Entry::type_object())?;
        // SAFETY: the object is fresh; its zeroed fields are written without being dropped.
        unsafe {
            let p = e.as_raw();
            (&raw mut (*p).id).write(id.upcast());
            (&raw mut (*p).name).write(name);
            (&raw mut (*p).symbols).write(symbols.upcast());
            (&raw mut (*p).varnames).write(varnames.upcast());
            (&raw mut (*p).children).write(children.upcast());
            (*p).kind = b.kind as i64;
            (*p).nested = b.nested as i64;
            (*p).lineno = b.lineno as i64;
        }
        Ok(e.upcast())
    }

    #[pyfunction]
    fn symtable(source: &Object, filename: &Object, startstr: &str) -> PyResult<PyRef> {
        let mode = match startstr {
            "exec" => compiler::Mode::Exec,
            "eval" => compiler::Mode::Eval,
            "single" => compiler::Mode::Single,
            _ => return Err(raise!(ValueError, "symtable() arg 3 must be 'exec' or 'eval' or 'single'")),
        };
        let filename = crate::builtins::code::file_name(filename)?;
        let kinds = "string or bytes";
        let text = crate::builtins::code::source_text(source, "symtable", kinds, &filename)?;
        let opts = compiler::Options { filename, mode, ..Default::default() };
        match blocks::blocks(&text, &opts) {
            Ok(top) => entry(&top),
            Err(e) => Err(runtime::interp::raise_compile_error(&e, &opts.filename, Some(&text))),
        }
    }

    #[exec]
    fn init(m: &Module) -> PyResult<()> {
        for (name, value) in [
            ("USE", 16),
            ("DEF_GLOBAL", 1),
            ("DEF_LOCAL", 2),
            ("DEF_PARAM", 4),
            ("DEF_NONLOCAL", 8),
            ("DEF_FREE_CLASS", 64),
            ("DEF_IMPORT", 128),
            ("DEF_ANNOT", 256),
            ("DEF_COMP_ITER", 512),
            ("DEF_TYPE_PARAM", 1024),
            ("DEF_COMP_CELL", 2048),
            ("DEF_BOUND", 134),
            ("TYPE_FUNCTION", 0),
            ("TYPE_CLASS", 1),
            ("TYPE_MODULE", 2),
            ("TYPE_ANNOTATION", 3),
            ("TYPE_TYPE_ALIAS", 4),
            ("TYPE_TYPE_PARAMETERS", 5),
            ("TYPE_TYPE_VARIABLE", 6),
            ("LOCAL", 1),
            ("GLOBAL_EXPLICIT", 2),
            ("GLOBAL_IMPLICIT", 3),
            ("FREE", 4),
            ("CELL", 5),
            ("SCOPE_OFF", 12),
            ("SCOPE_MASK", 15),
        ] {
            m.add(name, Int::from_i64(value)?.upcast())?;
        }
        m.add_type::<Entry>()
    }
}
pub use _symtable::{DEF, INIT};
