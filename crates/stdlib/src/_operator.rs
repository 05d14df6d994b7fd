//! `_operator`: the operators as functions, `itemgetter`, `attrgetter`, `methodcaller`.

use macros::pymodule;

#[pymodule(
    name = "_operator",
    doc = "Operator interface.\n\nThis module exports a set of functions implemented in C corresponding\nto the intrinsic operators of Python.  For example, operator.add(x, y)\nis equivalent to the expression x+y."
)]
pub mod _operator {
    use macros::pyclass;
    use runtime::fields;
    use runtime::objects::StrBuilder;
    use runtime::objects::reprguard::{repr_enter, repr_leave};
    use runtime::objects::support::{Slot, alloc, clear, dealloc, track, traverse};
    use runtime::prelude::*;
    use runtime::protocol::CompareOp;

    /// Return the truth value of a.
    #[pyfunction]
    fn truth(a: &Object) -> PyResult<bool> {
        a.is_true()
    }
    /// Same as not a.
    #[pyfunction(name = "not_")]
    fn not_(a: &Object) -> PyResult<bool> {
        Ok(!a.is_true()?)
    }
    /// Same as a is b.
    #[pyfunction]
    fn is_(a: &Object, b: &Object) -> bool {
        a.is(b)
    }
    /// Same as a is not b.
    #[pyfunction]
    fn is_not(a: &Object, b: &Object) -> bool {
        !a.is(b)
    }
    /// Same as a is None.
    #[pyfunction]
    fn is_none(a: &Object) -> bool {
        a.is_none()
    }
    /// Same as a is not None.
    #[pyfunction]
    fn is_not_none(a: &Object) -> bool {
        !a.is_none()
    }
    /// Same as a + b.
    #[pyfunction]
    fn add(a: &Object, b: &Object) -> PyResult<PyRef> {
        a.add(b)
    }
    /// Same as a - b.
    #[pyfunction]
    fn sub(a: &Object, b: &Object) -> PyResult<PyRef> {
        a.sub(b)
    }
    /// Same as a * b.
    #[pyfunction]
    fn mul(a: &Object, b: &Object) -> PyResult<PyRef> {
        a.mul(b)
    }
    /// Same as a @ b.
    #[pyfunction]
    fn matmul(a: &Object, b: &Object) -> PyResult<PyRef> {
        a.matmul(b)
    }
    /// Same as a // b.
    #[pyfunction]
    fn floordiv(a: &Object, b: &Object) -> PyResult<PyRef> {
        a.floordiv(b)
    }
    /// Same as a / b.
    #[pyfunction]
    fn truediv(a: &Object, b: &Object) -> PyResult<PyRef> {
        a.truediv(b)
    }
    /// Same as a % b.
    #[pyfunction(name = "mod")]
    fn mod_(a: &Object, b: &Object) -> PyResult<PyRef> {
        a.rem(b)
    }
    /// Same as a ** b.
    #[pyfunction]
    fn pow(a: &Object, b: &Object) -> PyResult<PyRef> {
        a.pow(b, none())
    }
    /// Same as a << b.
    #[pyfunction]
    fn lshift(a: &Object, b: &Object) -> PyResult<PyRef> {
        a.lshift(b)
    }
    /// Same as a >> b.
    #[pyfunction]
    fn rshift(a: &Object, b: &Object) -> PyResult<PyRef> {
        a.rshift(b)
    }
    /// Same as a & b.
    #[pyfunction]
    fn and_(a: &Object, b: &Object) -> PyResult<PyRef> {
        a.and(b)
    }
    /// Same as a ^ b.
    #[pyfunction]
    fn xor(a: &Object, b: &Object) -> PyResult<PyRef> {
        a.xor(b)
    }
    /// Same as a | b.
    #[pyfunction]
    fn or_(a: &Object, b: &Object) -> PyResult<PyRef> {
        a.or(b)
    }
    /// Same as -a.
    #[pyfunction]
    fn neg(a: &Object) -> PyResult<PyRef> {
        a.neg()
    }
    /// Same as +a.
    #[pyfunction]
    fn pos(a: &Object) -> PyResult<PyRef> {
        a.pos()
    }
    /// Same as ~a.
    #[pyfunction]
    fn inv(a: &Object) -> PyResult<PyRef> {
        a.invert()
    }
    /// Same as ~a.
    #[pyfunction]
    fn invert(a: &Object) -> PyResult<PyRef> {
        a.invert()
    }
    /// Same as abs(a).
    #[pyfunction]
    fn abs(a: &Object) -> PyResult<PyRef> {
        a.abs()
    }
    /// Same as a.__index__()
    #[pyfunction]
    fn index(a: &Object) -> PyResult<Ref<Int>> {
        a.index()
    }
    /// Same as a += b.
    #[pyfunction]
    fn iadd(a: &Object, b: &Object) -> PyResult<PyRef> {
        a.inplace_add(b)
    }
    /// Same as a -= b.
    #[pyfunction]
    fn isub(a: &Object, b: &Object) -> PyResult<PyRef> {
        a.inplace_sub(b)
    }
    /// Same as a *= b.
    #[pyfunction]
    fn imul(a: &Object, b: &Object) -> PyResult<PyRef> {
        a.inplace_mul(b)
    }
    /// Same as a @= b.
    #[pyfunction]
    fn imatmul(a: &Object, b: &Object) -> PyResult<PyRef> {
        a.inplace_matmul(b)
    }
    /// Same as a //= b.
    #[pyfunction]
    fn ifloordiv(a: &Object, b: &Object) -> PyResult<PyRef> {
        a.inplace_floordiv(b)
    }
    /// Same as a /= b.
    #[pyfunction]
    fn itruediv(a: &Object, b: &Object) -> PyResult<PyRef> {
        a.inplace_truediv(b)
    }
    /// Same as a %= b.
    #[pyfunction]
    fn imod(a: &Object, b: &Object) -> PyResult<PyRef> {
        a.inplace_rem(b)
    }
    /// Same as a **= b.
    #[pyfunction]
    fn ipow(a: &Object, b: &Object) -> PyResult<PyRef> {
        a.inplace_pow(b, none())
    }
    /// Same as a <<= b.
    #[pyfunction]
    fn ilshift(a: &Object, b: &Object) -> PyResult<PyRef> {
        a.inplace_lshift(b)
    }
    /// Same as a >>= b.
    #[pyfunction]
    fn irshift(a: &Object, b: &Object) -> PyResult<PyRef> {
        a.inplace_rshift(b)
    }
    /// Same as a &= b.
    #[pyfunction]
    fn iand(a: &Object, b: &Object) -> PyResult<PyRef> {
        a.inplace_and(b)
    }
    /// Same as a ^= b.
    #[pyfunction]
    fn ixor(a: &Object, b: &Object) -> PyResult<PyRef> {
        a.inplace_xor(b)
    }
    /// Same as a |= b.
    #[pyfunction]
    fn ior(a: &Object, b: &Object) -> PyResult<PyRef> {
        a.inplace_or(b)
    }
    /// Same as a + b, for a and b sequences.
    #[pyfunction]
    fn concat(a: &Object, b: &Object) -> PyResult<PyRef> {
        a.seq_concat(b)
    }
    /// Same as a += b, for a and b sequences.
    #[pyfunction]
    fn iconcat(a: &Object, b: &Object) -> PyResult<PyRef> {
        a.seq_inplace_concat(b)
    }
    /// Same as b in a (note reversed operands).
    #[pyfunction]
    fn contains(a: &Object, b: &Object) -> PyResult<bool> {
        a.contains(b)
    }
    /// Return the number of items in a which are, or which equal, b.
    #[pyfunction(name = "countOf")]
    fn count_of(a: &Object, b: &Object) -> PyResult<usize> {
        a.count(b)
    }
    /// Return the first index of b in a.
    #[pyfunction(name = "indexOf")]
    fn index_of(a: &Object, b: &Object) -> PyResult<usize> {
        a.index_of(b)
    }
    /// Same as a[b].
    #[pyfunction]
    fn getitem(a: &Object, b: &Object) -> PyResult<PyRef> {
        a.get_item(b)
    }
    /// Same as a[b] = c.
    #[pyfunction]
    fn setitem(a: &Object, b: &Object, c: &Object) -> PyResult<()> {
        a.set_item(b, c)
    }
    /// Same as del a[b].
    #[pyfunction]
    fn delitem(a: &Object, b: &Object) -> PyResult<()> {
        a.del_item(b)
    }
    /// Same as a < b.
    #[pyfunction]
    fn lt(a: &Object, b: &Object) -> PyResult<PyRef> {
        a.richcompare(b, CompareOp::Lt)
    }
    /// Same as a <= b.
    #[pyfunction]
    fn le(a: &Object, b: &Object) -> PyResult<PyRef> {
        a.richcompare(b, CompareOp::Le)
    }
    /// Same as a == b.
    #[pyfunction]
    fn eq(a: &Object, b: &Object) -> PyResult<PyRef> {
        a.richcompare(b, CompareOp::Eq)
    }
    /// Same as a != b.
    #[pyfunction]
    fn ne(a: &Object, b: &Object) -> PyResult<PyRef> {
        a.richcompare(b, CompareOp::Ne)
    }
    /// Same as a > b.
    #[pyfunction]
    fn gt(a: &Object, b: &Object) -> PyResult<PyRef> {
        a.richcompare(b, CompareOp::Gt)
    }
    /// Same as a >= b.
    #[pyfunction]
    fn ge(a: &Object, b: &Object) -> PyResult<PyRef> {
        a.richcompare(b, CompareOp::Ge)
    }
    /// Return an estimate of the number of items in obj.
    ///
    /// This is useful for presizing containers when building from an iterable.
    ///
    /// If the object supports len(), the result will be exact.
    /// Otherwise, it may over- or under-estimate by an arbitrary amount.
    /// The result will be an integer >= 0.
    #[pyfunction(sig = "obj, default=0, /")]
    fn length_hint(obj: &Object, default: Arg<&Object>) -> PyResult<usize> {
        let d = match default {
            Arg::Missing => 0,
            Arg::Given(o) => {
                if o.downcast::<Int>().is_none() {
                    return Err(raise!(
                        TypeError,
                        "'{}' object cannot be interpreted as an integer",
                        o.ty().name_str()
                    ));
                }
                o.as_isize()?.max(0) as usize
            }
        };
        obj.length_hint(d)
    }
    /// Return 'a == b'.
    ///
    /// This function uses an approach designed to prevent
    /// timing analysis, making it appropriate for cryptography.
    ///
    /// a and b must both be of the same type: either str (ASCII only),
    /// or any bytes-like object.
    #[pyfunction]
    fn _compare_digest(a: &Object, b: &Object) -> PyResult<bool> {
        fn same(a: &[u8], b: &[u8]) -> bool {
            let mut diff = (a.len() != b.len()) as u8;
            for (i, x) in b.iter().enumerate() {
                diff |= x ^ a.get(i).copied().unwrap_or(!x);
            }
            core::hint::black_box(diff) == 0
        }
        if let (Some(x), Some(y)) = (a.downcast::<Str>(), b.downcast::<Str>()) {
            let (Some(x), Some(y)) = (x.as_ascii(), y.as_ascii()) else {
                return Err(raise!(TypeError, "comparing strings with non-ASCII characters is not supported"));
            };
            return Ok(same(x.as_bytes(), y.as_bytes()));
        }
        let bytes_like = |o: &Object| runtime::protocol::buffer::Buffer::get(o, abi::PyBUF_SIMPLE);
        match (bytes_like(a), bytes_like(b)) {
            (Ok(x), Ok(y)) => Ok(same(x.as_slice(), y.as_slice())),
            (x, y) => {
                for r in [x, y] {
                    if let Err(e) = r {
                        e.clear();
                    }
                }
                Err(raise!(
                    TypeError,
                    "unsupported operand types(s) or combination of types: '{}' and '{}'",
                    a.ty().name_str(),
                    b.ty().name_str()
                ))
            }
        }
    }
    /// Same as obj(*args, **kwargs).
    #[pyfunction(raw)]
    fn call(args: FuncArgs<'_>) -> PyResult<PyRef> {
        let Some((f, rest)) = args.args.split_first() else {
            return Err(raise!(TypeError, "call expected at least 1 argument, got 0"));
        };
        forward(f, rest, &args)
    }

    fn forward(f: &Object, positional: &[&Object], kw: &FuncArgs<'_>) -> PyResult<PyRef> {
        if kw.kwnames.is_empty() {
            return f.call(positional);
        }
        let mut all = positional.to_vec();
        all.extend(kw.kwvalues);
        let names = Tuple::from_slice(kw.kwnames)?;
        f.call_kw(&all, Some(&names))
    }

    fn repr_guarded(me: &Object, f: impl FnOnce(&mut StrBuilder) -> PyResult<()>) -> PyResult<Ref<Str>> {
        if repr_enter(me)? {
            return Str::format(format_args!("{}(...)", me.ty().tp_name()));
        }
        let mut b = StrBuilder::new();
        b.push_str(me.ty().tp_name());
        b.push_char('(');
        let r = f(&mut b);
        repr_leave(me);
        r?;
        b.push_char(')');
        b.finish()
    }

    // ------------------------------------------------------------------------------------------ itemgetter

    #[repr(C)]
    pub struct ItemGetter {
        header: abi::PyObject,
        items: Slot,
    }
    fields!(ItemGetter: items);

    fn slot_tuple(s: &Slot, me: &Object) -> PyResult<Ref<Tuple>> {
        match s.get(me).map(PyRef::downcast_into::<Tuple>) {
            Some(Ok(t)) => Ok(t),
            _ => Err(raise!(SystemError, "cleared operator object")),
        }
    }

    /// itemgetter(item, /, *items)
    /// --
    ///
    /// Return a callable object that fetches the given item(s) from its operand.
    ///
    /// After f = itemgetter(2), the call f(r) returns r[2].
    /// After g = itemgetter(2, 5, 3), the call g(r) returns (r[2], r[5], r[3])
    #[pyclass(name = "itemgetter", module = "operator", flags = "HAVE_GC", slots(tp_traverse = traverse::<ItemGetter>, tp_clear = clear::<ItemGetter>, tp_dealloc = dealloc::<ItemGetter>))]
    impl ItemGetter {
        #[slot]
        fn tp_new(cls: &Type, args: FuncArgs<'_>) -> PyResult<PyRef> {
            args.no_keywords("itemgetter")?;
            if args.len() == 0 {
                return Err(raise!(TypeError, "itemgetter expected at least 1 argument, got 0"));
            }
            let g = alloc::<ItemGetter>(cls)?;
            g.items.init(args.to_tuple()?.upcast());
            Ok(track(g).upcast())
        }
        #[slot]
        fn tp_call(&self, args: FuncArgs<'_>) -> PyResult<PyRef> {
            args.no_keywords("itemgetter")?;
            args.check_positional("itemgetter", 1, 1)?;
            let obj = args.args[0];
            let items = slot_tuple(&self.items, self)?;
            if items.len() == 1 {
                return obj.get_item(items.get(0));
            }
            let mut out = Vec::with_capacity(items.len());
            for k in Tuple::iter(&items) {
                out.push(obj.get_item(k)?);
            }
            Ok(Tuple::from_refs(out)?.upcast())
        }
        #[slot]
        fn tp_repr(&self) -> PyResult<Ref<Str>> {
            let items = slot_tuple(&self.items, self)?;
            repr_guarded(self, |b| {
                for (i, k) in Tuple::iter(&items).enumerate() {
                    if i > 0 {
                        b.push_str(", ");
                    }
                    b.push_repr_of(k)?;
                }
                Ok(())
            })
        }
        /// Return state information for pickling
        #[pymethod]
        fn __reduce__(&self) -> PyResult<PyRef> {
            Ok(Tuple::pair((**self.ty()).to_ref(), slot_tuple(&self.items, self)?.upcast())?.upcast())
        }
    }

    // ------------------------------------------------------------------------------------------ attrgetter

    #[repr(C)]
    pub struct AttrGetter {
        header: abi::PyObject,
        /// The names as given.
        names: Slot,
        /// Per name: a `str`, or a tuple of `str` for a dotted one.
        paths: Slot,
    }
    fields!(AttrGetter: names, paths);

    /// attrgetter(attr, /, *attrs)
    /// --
    ///
    /// Return a callable object that fetches the given attribute(s) from its operand.
    ///
    /// After f = attrgetter('name'), the call f(r) returns r.name.
    /// After g = attrgetter('name', 'date'), the call g(r) returns (r.name, r.date).
    /// After h = attrgetter('name.first', 'name.last'), the call h(r) returns
    /// (r.name.first, r.name.last).
    #[pyclass(name = "attrgetter", module = "operator", flags = "HAVE_GC", slots(tp_traverse = traverse::<AttrGetter>, tp_clear = clear::<AttrGetter>, tp_dealloc = dealloc::<AttrGetter>))]
    impl AttrGetter {
        #[slot]
        fn tp_new(cls: &Type, args: FuncArgs<'_>) -> PyResult<PyRef> {
            args.no_keywords("attrgetter")?;
            if args.len() == 0 {
                return Err(raise!(TypeError, "attrgetter expected at least 1 argument, got 0"));
            }
            let mut paths = Vec::with_capacity(args.len());
            for a in args.args {
                let Some(s) = a.downcast::<Str>() else {
                    return Err(raise!(TypeError, "attribute name must be a string"));
                };
                let text = s.to_str()?;
                if text.contains('.') {
                    let parts = text.split('.').map(|p| Ref::new_ref(Str::intern(p)).upcast()).collect();
                    paths.push(Tuple::from_refs(parts)?.upcast());
                } else {
                    paths.push(Ref::new_ref(Str::intern(text)).upcast());
                }
            }
            let g = alloc::<AttrGetter>(cls)?;
            g.names.init(args.to_tuple()?.upcast());
            g.paths.init(Tuple::from_refs(paths)?.upcast());
            Ok(track(g).upcast())
        }
        #[slot]
        fn tp_call(&self, args: FuncArgs<'_>) -> PyResult<PyRef> {
            args.no_keywords("attrgetter")?;
            args.check_positional("attrgetter", 1, 1)?;
            let obj = args.args[0];
            let paths = slot_tuple(&self.paths, self)?;
            let fetch = |p: &Object| -> PyResult<PyRef> {
                if let Some(s) = p.downcast::<Str>() {
                    return obj.getattr(s);
                }
                let mut o = obj.to_ref();
                if let Some(parts) = p.downcast::<Tuple>() {
                    for s in Tuple::iter(parts) {
                        if let Some(s) = s.downcast::<Str>() {
                            o = o.getattr(s)?;
                        }
                    }
                }
                Ok(o)
            };
            if paths.len() == 1 {
                return fetch(paths.get(0));
            }
            let mut out = Vec::with_capacity(paths.len());
            for p in Tuple::iter(&paths) {
                out.push(fetch(p)?);
            }
            Ok(Tuple::from_refs(out)?.upcast())
        }
        #[slot]
        fn tp_repr(&self) -> PyResult<Ref<Str>> {
            let names = slot_tuple(&self.names, self)?;
            repr_guarded(self, |b| {
                for (i, k) in Tuple::iter(&names).enumerate() {
                    if i > 0 {
                        b.push_str(", ");
                    }
                    b.push_repr_of(k)?;
                }
                Ok(())
            })
        }
        /// Return state information for pickling
        #[pymethod]
        fn __reduce__(&self) -> PyResult<PyRef> {
            Ok(Tuple::pair((**self.ty()).to_ref(), slot_tuple(&self.names, self)?.upcast())?.upcast())
        }
    }

    // ------------------------------------------------------------------------------------------ methodcaller

    #[repr(C)]
    pub struct MethodCaller {
        header: abi::PyObject,
        name: Slot,
        args: Slot,
        kw: Slot,
    }
    fields!(MethodCaller: name, args, kw);

    /// methodcaller(name, /, *args, **kwargs)
    /// --
    ///
    /// Return a callable object that calls the given method on its operand.
    ///
    /// After f = methodcaller('name'), the call f(r) returns r.name().
    /// After g = methodcaller('name', 'date', foo=1), the call g(r) returns
    /// r.name('date', foo=1).
    #[pyclass(name = "methodcaller", module = "operator", flags = "HAVE_GC", slots(tp_traverse = traverse::<MethodCaller>, tp_clear = clear::<MethodCaller>, tp_dealloc = dealloc::<MethodCaller>))]
    impl MethodCaller {
        #[slot]
        fn tp_new(cls: &Type, args: FuncArgs<'_>) -> PyResult<PyRef> {
            let Some((name, rest)) = args.args.split_first() else {
                return Err(raise!(TypeError, "methodcaller needs at least one argument, the method name"));
            };
            let Some(s) = name.downcast::<Str>() else { return Err(raise!(TypeError, "method name must be a string")) };
            let m = alloc::<MethodCaller>(cls)?;
            m.name.init(Str::intern_ref(Ref::new_ref(s)).upcast());
            m.args.init(Tuple::from_slice(rest)?.upcast());
            if let Some(kw) = args.kwargs_dict()? {
                m.kw.init(kw.upcast());
            }
            Ok(track(m).upcast())
        }
        #[slot]
        fn tp_call(&self, args: FuncArgs<'_>) -> PyResult<PyRef> {
            args.no_keywords("methodcaller")?;
            args.check_positional("methodcaller", 1, 1)?;
            let Some(name) = self.name.get(self) else { return Err(raise!(SystemError, "cleared operator object")) };
            let stored = slot_tuple(&self.args, self)?;
            let Some(s) = name.downcast::<Str>() else { return Err(raise!(TypeError, "method name must be a string")) };
            match self.kw.get(self) {
                None => args.args[0].call_method(s, stored.as_slice()),
                Some(kw) => args.args[0].getattr(s)?.call_dict(&stored, kw.downcast::<Dict>()),
            }
        }
        #[slot]
        fn tp_repr(&self) -> PyResult<Ref<Str>> {
            let name = self.name.get(self).unwrap_or_else(none_ref);
            let stored = slot_tuple(&self.args, self)?;
            let kw = self.kw.get(self);
            repr_guarded(self, |b| {
                b.push_repr_of(&name)?;
                for a in Tuple::iter(&stored) {
                    b.push_str(", ");
                    b.push_repr_of(a)?;
                }
                if let Some(kw) = kw.as_ref().and_then(|k| k.downcast::<Dict>()) {
                    for (k, v) in kw.items_snapshot() {
                        b.push_str(", ");
                        b.push_str_of(&k)?;
                        b.push_char('=');
                        b.push_repr_of(&v)?;
                    }
                }
                Ok(())
            })
        }
        /// Return state information for pickling
        #[pymethod]
        fn __reduce__(&self) -> PyResult<PyRef> {
            let name = self.name.get(self).unwrap_or_else(none_ref);
            let stored = slot_tuple(&self.args, self)?;
            match self.kw.get(self) {
                None => {
                    let mut all = vec![name];
                    all.extend(Tuple::iter(&stored).map(|o| o.to_ref()));
                    Ok(Tuple::pair((**self.ty()).to_ref(), Tuple::from_refs(all)?.upcast())?.upcast())
                }
                Some(kw) => {
                    let partial = runtime::objects::support::import("functools")?.getattr(intern!("partial"))?;
                    let base = Tuple::from_refs(vec![(**self.ty()).to_ref(), name])?;
                    let f = partial.call_dict(&base, kw.downcast::<Dict>())?;
                    Ok(Tuple::pair(f, stored.upcast())?.upcast())
                }
            }
        }
    }

    #[exec]
    fn init(m: &Module) -> PyResult<()> {
        m.add_type::<ItemGetter>()?;
        m.add_type::<AttrGetter>()?;
        m.add_type::<MethodCaller>()
    }
}
