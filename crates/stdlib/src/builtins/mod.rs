//! `builtins`: the functions and names that every program sees.
//!
//! `numeric` has `sum`, `min`, `max`, `round`; `code` has `compile`, `eval`, `exec`; `class` has `__build_class__`; `text`
//! has `print` and `input`. The types themselves live in the engine.

mod anext;
mod class;
pub mod code;
mod numeric;
mod text;

use macros::pymodule;

/// Built-in functions, types, exceptions, and other objects.
///
/// This module provides direct access to all 'built-in'
/// identifiers of Python; for example, builtins.len is
/// the full name for the built-in function len().
///
/// This module is not normally accessed explicitly by most
/// applications, but can be useful in modules that provide
/// objects with the same name as a builtin and need the
/// builtin of that name.
#[pymodule(name = "builtins")]
pub mod builtins {
    use super::{anext as anext_mod, class, code, numeric, text};
    use runtime::convert::{Arg, FuncArgs, check_positional};
    use runtime::objects::long::number_index;
    use runtime::prelude::*;

    /// Internal helper function used by the class statement.
    #[pyfunction(raw, name = "__build_class__")]
    fn build_class(args: FuncArgs<'_>) -> PyResult<PyRef> {
        class::build_class(&args)
    }

    /// Import a module.
    ///
    /// Because this function is meant for use by the Python
    /// interpreter and not for general use, it is better to use
    /// importlib.import_module() to programmatically import a module.
    #[pyfunction(name = "__import__", sig = "name, globals=None, locals=None, fromlist=(), level=0")]
    fn import(
        name: &Object,
        globals: Option<&Object>,
        locals: Option<&Object>,
        fromlist: Option<&Object>,
        level: i32,
    ) -> PyResult<PyRef> {
        let _ = locals;
        runtime::import::import_name(name, globals, fromlist, level)
    }

    /// Return the absolute value of the argument.
    #[pyfunction]
    fn abs(x: &Object) -> PyResult<PyRef> {
        x.abs()
    }

    /// Return True if bool(x) is True for all values x in the iterable.
    ///
    /// If the iterable is empty, return True.
    #[pyfunction]
    fn all(iterable: &Object) -> PyResult<bool> {
        let it = iterable.iter()?;
        while let Some(v) = it.iter_next()? {
            if !v.is_true()? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Return True if bool(x) is True for any x in the iterable.
    ///
    /// If the iterable is empty, return False.
    #[pyfunction]
    fn any(iterable: &Object) -> PyResult<bool> {
        let it = iterable.iter()?;
        while let Some(v) = it.iter_next()? {
            if v.is_true()? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Return an ASCII-only representation of an object.
    #[pyfunction]
    fn ascii(obj: &Object) -> PyResult<Ref<Str>> {
        obj.ascii()
    }

    /// Return the binary representation of an integer.
    #[pyfunction]
    fn bin(number: &Object) -> PyResult<Ref<Str>> {
        number_index(number)?.to_prefixed(2)
    }

    /// Return the octal representation of an integer.
    #[pyfunction]
    fn oct(number: &Object) -> PyResult<Ref<Str>> {
        number_index(number)?.to_prefixed(8)
    }

    /// Return the hexadecimal representation of an integer.
    #[pyfunction]
    fn hex(number: &Object) -> PyResult<Ref<Str>> {
        number_index(number)?.to_prefixed(16)
    }

    /// Call sys.breakpointhook(*args, **kws).
    #[pyfunction(raw, text_signature = "*args, **kws")]
    fn breakpoint(args: FuncArgs<'_>) -> PyResult<PyRef> {
        let hook = runtime::objects::exceptions::display::sys_get("breakpointhook")
            .ok_or_else(|| raise!(RuntimeError, "lost sys.breakpointhook"))?;
        let tuple = args.to_tuple()?;
        let kwargs = args.kwargs_dict()?;
        hook.call_dict(&tuple, kwargs.as_deref())
    }

    /// Return whether the object is callable (i.e., some kind of function).
    #[pyfunction]
    fn callable(obj: &Object) -> bool {
        obj.is_callable()
    }

    /// Return a Unicode string of one character with ordinal i; 0 <= i <= 0x10ffff.
    #[pyfunction]
    fn chr(i: &Object) -> PyResult<Ref<Str>> {
        match number_index(i)?.try_i64() {
            Some(c @ 0..=0x10ffff) => Str::from_char(c as u32),
            _ => Err(raise!(ValueError, "chr() arg not in range(0x110000)")),
        }
    }

    /// Return the ordinal value of a character.
    #[pyfunction]
    fn ord(character: &Object) -> PyResult<u32> {
        let wrong = |n: usize| raise!(TypeError, "ord() expected a character, but string of length {} found", n);
        if let Some(s) = character.downcast::<Str>() {
            return if s.len() == 1 { Ok(s.char_at(0)) } else { Err(wrong(s.len())) };
        }
        if let Some(b) = character.downcast::<Bytes>() {
            return if let [c] = b.as_slice() { Ok(*c as u32) } else { Err(wrong(b.as_slice().len())) };
        }
        if character.downcast::<runtime::objects::ByteArray>().is_some() {
            let view = runtime::protocol::buffer::Buffer::get(character, runtime::abi::PyBUF_SIMPLE as _)?;
            return if let [c] = view.as_slice() { Ok(*c as u32) } else { Err(wrong(view.as_slice().len())) };
        }
        Err(raise!(TypeError, "ord() expected string of length 1, but {} found", character.ty().name_str()))
    }

    /// Compile source into a code object that can be executed by exec() or eval().
    #[pyfunction(sig = "source, filename, mode, flags=0, dont_inherit=False, optimize=-1, *, _feature_version=-1")]
    fn compile(
        source: &Object,
        filename: &Object,
        mode: &Object,
        flags: Arg<i32>,
        dont_inherit: bool,
        optimize: Arg<i32>,
        _feature_version: Arg<i32>,
    ) -> PyResult<PyRef> {
        code::compile(
            source,
            filename,
            mode,
            flags.unwrap_or(0),
            dont_inherit,
            optimize.unwrap_or(-1),
            _feature_version.unwrap_or(-1),
        )
    }

    /// Evaluate the given source in the context of globals and locals.
    #[pyfunction(sig = "source, /, globals=None, locals=None")]
    fn eval(source: &Object, globals: Option<&Object>, locals: Option<&Object>) -> PyResult<PyRef> {
        code::eval(source, globals, locals)
    }

    /// Execute the given source in the context of globals and locals.
    #[pyfunction(sig = "source, /, globals=None, locals=None, *, closure=None")]
    fn exec(
        source: &Object,
        globals: Option<&Object>,
        locals: Option<&Object>,
        closure: Option<&Object>,
    ) -> PyResult<()> {
        code::exec(source, globals, locals, closure)
    }

    fn attribute_name(name: &Object) -> PyResult<&Str> {
        name.downcast::<Str>()
            .ok_or_else(|| raise!(TypeError, "attribute name must be string, not '{}'", name.ty().name_str()))
    }

    /// Deletes the named attribute from the given object.
    ///
    /// delattr(x, 'y') is equivalent to ``del x.y``
    #[pyfunction]
    fn delattr(obj: &Object, name: &Object) -> PyResult<()> {
        obj.delattr(attribute_name(name)?)
    }

    /// getattr(object, name[, default]) -> value
    ///
    /// Get a named attribute from an object; getattr(x, 'y') is equivalent to x.y.
    /// When a default argument is given, it is returned when the attribute doesn't
    /// exist; without it, an exception is raised in that case.
    #[pyfunction(raw, text_signature = None)]
    fn getattr(args: FuncArgs<'_>) -> PyResult<PyRef> {
        args.no_keywords("getattr")?;
        check_positional("getattr", args.len(), 2, 3)?;
        let name = attribute_name(args.args[1])?;
        match args.get(2) {
            None => args.args[0].getattr(name),
            Some(default) => Ok(args.args[0].getattr_opt(name)?.unwrap_or_else(|| default.to_ref())),
        }
    }

    /// Return whether the object has an attribute with the given name.
    ///
    /// This is done by calling getattr(obj, name) and catching AttributeError.
    #[pyfunction]
    fn hasattr(obj: &Object, name: &Object) -> PyResult<bool> {
        Ok(obj.getattr_opt(attribute_name(name)?)?.is_some())
    }

    /// Sets the named attribute on the given object to the specified value.
    ///
    /// setattr(x, 'y', v) is equivalent to ``x.y = v``
    #[pyfunction]
    fn setattr(obj: &Object, name: &Object, value: &Object) -> PyResult<()> {
        obj.setattr(attribute_name(name)?, value)
    }

    /// dir([object]) -> list of strings
    ///
    /// If called without an argument, return the names in the current scope.
    /// Else, return an alphabetized list of names comprising (some of) the attributes
    /// of the given object, and of attributes reachable from it.
    #[pyfunction(raw, text_signature = None)]
    fn dir(args: FuncArgs<'_>) -> PyResult<PyRef> {
        args.no_keywords("dir")?;
        check_positional("dir", args.len(), 0, 1)?;
        match args.get(0) {
            Some(o) => Ok(o.dir()?.upcast()),
            None => {
                let names = runtime::interp::current_locals()?.call_method(intern!("keys"), &[])?.to_list()?;
                names.call_method(intern!("sort"), &[])?;
                Ok(names.upcast())
            }
        }
    }

    /// Return the tuple (x//y, x%y).  Invariant: div*y + mod == x.
    #[pyfunction]
    fn divmod(x: &Object, y: &Object) -> PyResult<PyRef> {
        x.divmod(y)
    }

    /// Return type(value).__format__(value, format_spec).
    ///
    /// Many built-in types implement format_spec according to the
    /// Format Specification Mini-language. See help('FORMATTING') for
    /// details.
    ///
    /// If type(value) does not supply a method named __format__
    /// and format_spec is empty, then str(value) is returned.
    #[pyfunction(sig = "value, format_spec='', /")]
    fn format(value: &Object, format_spec: Arg<&Object>) -> PyResult<PyRef> {
        match format_spec {
            Arg::Missing => Ok(value.format(Str::empty())?.upcast()),
            Arg::Given(s) => match s.downcast::<Str>() {
                Some(s) => Ok(value.format(s)?.upcast()),
                None => Err(raise!(TypeError, "format() argument 2 must be str, not {}", s.ty().name_str())),
            },
        }
    }

    /// Return the dictionary containing the current scope's global variables.
    ///
    /// NOTE: Updates to this dictionary *will* affect name lookups in the current
    /// global scope and vice-versa.
    #[pyfunction]
    fn globals() -> PyResult<PyRef> {
        Ok(runtime::interp::current_globals().map_or_else(none_ref, Ref::upcast))
    }

    /// Return a dictionary containing the current scope's local variables.
    ///
    /// NOTE: Whether or not updates to this dictionary will affect name lookups in
    /// the local scope and vice-versa is *implementation dependent* and not
    /// covered by any backwards compatibility guarantees.
    #[pyfunction]
    fn locals() -> PyResult<PyRef> {
        runtime::interp::current_locals()
    }

    /// Return the hash value for the given object.
    ///
    /// Two objects that compare equal must also have the same hash value, but the
    /// reverse is not necessarily true.
    #[pyfunction]
    fn hash(obj: &Object) -> PyResult<isize> {
        obj.hash()
    }

    /// Return the identity of an object.
    ///
    /// This is guaranteed to be unique among simultaneously existing objects.
    #[pyfunction]
    fn id(obj: &Object) -> PyResult<usize> {
        Ok(obj.as_ptr() as usize)
    }

    /// Read a string from standard input.  The trailing newline is stripped.
    ///
    /// The prompt string, if given, is printed to standard output without a
    /// trailing newline before reading input.
    ///
    /// If the user hits EOF (*nix: Ctrl-D, Windows: Ctrl-Z+Return), raise EOFError.
    #[pyfunction(sig = "prompt='', /")]
    fn input(prompt: Arg<&Object>) -> PyResult<PyRef> {
        text::input(prompt.into_option())
    }

    /// Return whether an object is an instance of a class or of a subclass thereof.
    ///
    /// A tuple, as in ``isinstance(x, (A, B, ...))``, may be given as the target to
    /// check against. This is equivalent to ``isinstance(x, A) or isinstance(x, B)
    /// or ...`` etc.
    #[pyfunction]
    fn isinstance(obj: &Object, class_or_tuple: &Object) -> PyResult<bool> {
        obj.isinstance(class_or_tuple)
    }

    /// Return whether 'cls' is derived from another class or is the same class.
    ///
    /// A tuple, as in ``issubclass(x, (A, B, ...))``, may be given as the target to
    /// check against. This is equivalent to ``issubclass(x, A) or issubclass(x, B)
    /// or ...``.
    #[pyfunction]
    fn issubclass(cls: &Object, class_or_tuple: &Object) -> PyResult<bool> {
        cls.issubclass(class_or_tuple)
    }

    /// iter(iterable) -> iterator
    /// iter(callable, sentinel) -> iterator
    ///
    /// Get an iterator from an object.
    /// In the first form, the argument must supply its own iterator, or be a sequence.
    /// In the second form, the callable is called until it returns the sentinel.
    #[pyfunction(raw, text_signature = None)]
    fn iter(args: FuncArgs<'_>) -> PyResult<PyRef> {
        args.no_keywords("iter")?;
        check_positional("iter", args.len(), 1, 2)?;
        match args.args {
            [o] => o.iter(),
            [f, sentinel] => {
                if !f.is_callable() {
                    return Err(raise!(TypeError, "iter(v, w): v must be callable"));
                }
                runtime::objects::iterobject::call_iter(f, sentinel)
            }
            _ => Err(raise!(TypeError, "iter expected 1 or 2 arguments")),
        }
    }

    /// next(iterator[, default])
    ///
    /// Return the next item from the iterator. If default is given and the iterator
    /// is exhausted, it is returned instead of raising StopIteration.
    #[pyfunction(raw, text_signature = None)]
    fn next(args: FuncArgs<'_>) -> PyResult<PyRef> {
        args.no_keywords("next")?;
        check_positional("next", args.len(), 1, 2)?;
        let it = args.args[0];
        if !it.is_iter() {
            return Err(raise!(TypeError, "'{}' object is not an iterator", it.ty().name_str()));
        }
        let Some(f) = it.ty().slots().tp_iternext else {
            return Err(raise!(TypeError, "'{}' object is not an iterator", it.ty().name_str()));
        };
        // SAFETY: the slot of the object's own type; null without an exception is exhaustion.
        let r = unsafe { PyRef::from_ptr_opt(f(it.as_ptr())) };
        if let Some(v) = r {
            return Ok(v);
        }
        match args.get(1) {
            Some(default) => {
                if runtime::error::error_occurred() {
                    let e = Raised::already_set();
                    if !e.matches(exc::StopIteration()) {
                        return Err(e);
                    }
                    e.clear();
                }
                Ok(default.to_ref())
            }
            None if runtime::error::error_occurred() => Err(Raised::already_set()),
            None => Err(runtime::error::raise_stop_iteration(None)),
        }
    }

    /// Return an AsyncIterator for an AsyncIterable object.
    #[pyfunction]
    fn aiter(async_iterable: &Object) -> PyResult<PyRef> {
        let o = async_iterable;
        // SAFETY: a type's async methods live as long as the type; the slot is called with an instance.
        unsafe {
            if let Some(m) = o.ty().slots().tp_as_async.as_ref() {
                if let Some(f) = m.am_aiter {
                    let it = PyRef::from_c_result(f(o.as_ptr()))?;
                    let ok = it.ty().slots().tp_as_async.as_ref().is_some_and(|m| m.am_anext.is_some());
                    if !ok {
                        return Err(raise!(
                            TypeError,
                            "aiter() returned not an async iterator of type '{}'",
                            it.ty().name_str()
                        ));
                    }
                    return Ok(it);
                }
            }
        }
        Err(raise!(TypeError, "'{}' object is not an async iterable", o.ty().name_str()))
    }

    /// Return the next item from the async iterator.
    ///
    /// If default is given and the async iterator is exhausted,
    /// it is returned instead of raising StopAsyncIteration.
    #[pyfunction(sig = "aiterator, default=<unrepresentable>, /")]
    fn anext(aiterator: &Object, default: Arg<&Object>) -> PyResult<PyRef> {
        let o = aiterator;
        // SAFETY: a type's async methods live as long as the type; the slot is called with an instance.
        let awaitable = unsafe {
            match o.ty().slots().tp_as_async.as_ref().and_then(|m| m.am_anext) {
                Some(f) => PyRef::from_c_result(f(o.as_ptr()))?,
                None => return Err(raise!(TypeError, "'{}' object is not an async iterator", o.ty().name_str())),
            }
        };
        match default {
            Arg::Missing => Ok(awaitable),
            Arg::Given(d) => anext_mod::new(&awaitable, d),
        }
    }

    /// Return the number of items in a container.
    #[pyfunction]
    fn len(obj: &Object) -> PyResult<usize> {
        obj.len()
    }

    /// max(iterable, *[, default=obj, key=func]) -> value
    /// max(arg1, arg2, *args, *[, key=func]) -> value
    ///
    /// With a single iterable argument, return its biggest item. The
    /// default keyword-only argument specifies an object to return if
    /// the provided iterable is empty.
    /// With two or more positional arguments, return the largest argument.
    #[pyfunction(raw, text_signature = None)]
    fn max(args: FuncArgs<'_>) -> PyResult<PyRef> {
        numeric::min_max(&args, "max", runtime::typeobject::CompareOp::Gt)
    }

    /// min(iterable, *[, default=obj, key=func]) -> value
    /// min(arg1, arg2, *args, *[, key=func]) -> value
    ///
    /// With a single iterable argument, return its smallest item. The
    /// default keyword-only argument specifies an object to return if
    /// the provided iterable is empty.
    /// With two or more positional arguments, return the smallest argument.
    #[pyfunction(raw, text_signature = None)]
    fn min(args: FuncArgs<'_>) -> PyResult<PyRef> {
        numeric::min_max(&args, "min", runtime::typeobject::CompareOp::Lt)
    }

    /// Equivalent to base**exp with 2 arguments or base**exp % mod with 3 arguments.
    ///
    /// Some types, such as ints, are able to use a more efficient algorithm when
    /// invoked using the three argument form.
    #[pyfunction(sig = "base, exp, mod=None")]
    fn pow(base: &Object, exp: &Object, r#mod: Option<&Object>) -> PyResult<PyRef> {
        base.pow(exp, r#mod.unwrap_or(none()))
    }

    /// Prints the values to a stream, or to sys.stdout by default.
    ///
    /// sep
    ///   string inserted between values, default a space.
    /// end
    ///   string appended after the last value, default a newline.
    /// file
    ///   a file-like object (stream); defaults to the current sys.stdout.
    /// flush
    ///   whether to forcibly flush the stream.
    #[pyfunction(raw, text_signature = "*args, sep=' ', end='\\n', file=None, flush=False")]
    fn print(args: FuncArgs<'_>) -> PyResult<()> {
        text::print(&args)
    }

    /// Return the canonical string representation of the object.
    ///
    /// For many object types, including most builtins, eval(repr(obj)) == obj.
    #[pyfunction]
    fn repr(obj: &Object) -> PyResult<Ref<Str>> {
        obj.repr()
    }

    /// Round a number to a given precision in decimal digits.
    ///
    /// The return value is an integer if ndigits is omitted or None.  Otherwise
    /// the return value has the same type as the number.  ndigits may be negative.
    #[pyfunction(sig = "number, ndigits=None")]
    fn round(number: &Object, ndigits: Option<&Object>) -> PyResult<PyRef> {
        numeric::round(number, ndigits)
    }

    /// Return a new list containing all items from the iterable in ascending order.
    ///
    /// A custom key function can be supplied to customize the sort order, and the
    /// reverse flag can be set to request the result in descending order.
    #[pyfunction(raw, text_signature = "iterable, /, *, key=None, reverse=False")]
    fn sorted(args: FuncArgs<'_>) -> PyResult<PyRef> {
        check_positional("sorted", args.len(), 1, 1)?;
        let list = args.args[0].to_list()?;
        if args.kwnames.is_empty() {
            list.sort(None, false)?;
            return Ok(list.upcast());
        }
        let sort = list.getattr(intern!("sort"))?;
        let names = Tuple::from_slice(args.kwnames)?;
        sort.call_kw(args.kwvalues, Some(&names))?;
        Ok(list.upcast())
    }

    /// Return the sum of a 'start' value (default: 0) plus an iterable of numbers
    ///
    /// When the iterable is empty, return the start value.
    /// This function is intended specifically for use with numeric values and may
    /// reject non-numeric types.
    #[pyfunction(sig = "iterable, /, start=0")]
    fn sum(iterable: &Object, start: Arg<&Object>) -> PyResult<PyRef> {
        numeric::sum(iterable, start.into_option())
    }

    /// vars([object]) -> dictionary
    ///
    /// Without arguments, equivalent to locals().
    /// With an argument, equivalent to object.__dict__.
    #[pyfunction(raw, text_signature = None)]
    fn vars(args: FuncArgs<'_>) -> PyResult<PyRef> {
        args.no_keywords("vars")?;
        check_positional("vars", args.len(), 0, 1)?;
        match args.get(0) {
            None => runtime::interp::current_locals(),
            Some(o) => o
                .getattr_opt(intern!("__dict__"))?
                .ok_or_else(|| raise!(TypeError, "vars() argument must have __dict__ attribute")),
        }
    }

    macro_rules! type_statics {
        ($($name:ident)*) => {
            unsafe extern "C" {
                $(static $name: Type;)*
            }
            /// The types that `builtins` shows under their own names.
            fn types() -> Vec<&'static Type> {
                // SAFETY: static type objects live as long as the process.
                unsafe { vec![$(&$name),*] }
            }
        };
    }
    type_statics! {
        PyBool_Type PyMemoryView_Type PyByteArray_Type PyBytes_Type PyClassMethod_Type PyComplex_Type PyDict_Type PyEnum_Type
        PyFilter_Type PyFloat_Type PyFrozenSet_Type PyProperty_Type PyLong_Type PyList_Type PyMap_Type PyBaseObject_Type PyRange_Type
        PyReversed_Type PySet_Type PySlice_Type PyStaticMethod_Type PyUnicode_Type PySuper_Type PyTuple_Type PyType_Type PyZip_Type
    }

    #[exec]
    fn init(m: &Module) -> PyResult<()> {
        runtime::typeobject::init_static(<anext_mod::AnextAwaitable as runtime::convert::HasSpec>::spec())?;
        let d = m.dict();
        let exceptions = runtime::objects::exceptions::types::TABLE.iter().map(|row| (row.ty)());
        for t in types().into_iter().chain(exceptions).chain([exc::ExceptionGroup()]) {
            d.set_str(t.name_str(), t)?;
        }
        d.set_str("EnvironmentError", exc::OSError())?;
        d.set_str("IOError", exc::OSError())?;
        d.set_str("None", none())?;
        d.set_str("Ellipsis", ellipsis())?;
        d.set_str("NotImplemented", not_implemented())?;
        d.set_str("False", false_())?;
        d.set_str("True", true_())?;
        let optimize = ThreadState::current().interp().config().optimization_level;
        d.set_str("__debug__", Bool::of(optimize == 0))
    }
}
