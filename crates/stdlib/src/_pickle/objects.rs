//! The types `Pickler` and `Unpickler` and the views of their memos.

use super::load::{Input, Machine, Source, find_class};
use super::save::{Memo, Saver, Sink};
use super::{HIGHEST, pickling_error, unpickling_error};
use core::ffi::c_int;
use core::sync::atomic::Ordering::{AcqRel, Relaxed, Release};
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicI64};
use macros::pyclass;
use runtime::fields;
use runtime::mem::Visitor;
use runtime::objects::support::{Locked, Slot, alloc, begin_dealloc, clear, dealloc, free_object, track, traverse};
use runtime::prelude::*;

/// The protocol that arguments ask for.
pub fn protocol_of(protocol: Option<&Object>, buffer_callback: Option<&Object>) -> PyResult<i64> {
    let proto = match protocol {
        None => HIGHEST,
        Some(p) => {
            let v = p.as_i64()?;
            if v > HIGHEST {
                return Err(raise!(ValueError, "pickle protocol must be <= {}", HIGHEST));
            }
            if v < 0 { HIGHEST } else { v }
        }
    };
    if buffer_callback.is_some() && proto < 5 {
        return Err(raise!(ValueError, "buffer_callback needs protocol >= 5"));
    }
    Ok(proto)
}

/// The file's `write`.
pub fn writer_of(file: &Object) -> PyResult<PyRef> {
    file.getattr_opt(intern!("write"))?.ok_or_else(|| raise!(TypeError, "file must have a 'write' attribute"))
}

/// Clears the flag that says "running" at the end of a call.
struct Running<'a>(&'a AtomicBool);
impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.store(false, Release);
    }
}
fn begin<'a>(flag: &'a AtomicBool, what: &str) -> PyResult<Running<'a>> {
    if flag.swap(true, AcqRel) {
        return Err(raise!(RuntimeError, "{} object is already used", what));
    }
    Ok(Running(flag))
}

/// The callable that a subclass or an instance gives for a hook; `None` when it is the base class's method.
fn hook(o: &Object, base: &Type, name: &'static Str, own: &Slot) -> PyResult<Option<PyRef>> {
    if let Some(f) = own.get(o) {
        return Ok(Some(f));
    }
    if core::ptr::eq(o.ty(), base) {
        return Ok(None);
    }
    let inherited = match (o.ty().lookup(name), base.lookup(name)) {
        (Some(a), Some(b)) => a.is(&b),
        _ => false,
    };
    if inherited && runtime::protocol::attr::instance_get(o, name)?.is_none() {
        return Ok(None);
    }
    o.getattr_opt(name)
}

// ---------------------------------------------------------------------------------------------- Pickler

#[repr(C)]
pub struct Pickler {
    header: abi::PyObject,
    write: Slot,
    dispatch_table: Slot,
    buffer_callback: Slot,
    persistent_id_attr: Slot,
    memo: Locked<Memo>,
    proto: AtomicI64,
    bin: AtomicI32,
    fast: AtomicI32,
    fix_imports: AtomicBool,
    running: AtomicBool,
}

impl Pickler {
    fn slots(&self) -> [&Slot; 4] {
        [&self.write, &self.dispatch_table, &self.buffer_callback, &self.persistent_id_attr]
    }
}

/// Pickler(file, protocol=None, fix_imports=True, buffer_callback=None)
/// --
///
/// This takes a binary file for writing a pickle data stream.
#[pyclass(
    name = "Pickler",
    module = "_pickle",
    flags = "BASETYPE|HAVE_GC|IMMUTABLETYPE",
    members = "bin: int@bin; fast: int@fast; dispatch_table: object_ex@dispatch_table"
)]
impl Pickler {
    #[slot]
    fn tp_new(cls: &Type, _args: FuncArgs<'_>) -> PyResult<PyRef> {
        Ok(track(alloc::<Pickler>(cls)?).upcast())
    }
    #[slot(sig = "file, protocol=None, fix_imports=True, buffer_callback=None")]
    fn tp_init(
        &self,
        file: &Object,
        protocol: Option<&Object>,
        fix_imports: Arg<bool>,
        buffer_callback: Option<&Object>,
    ) -> PyResult<()> {
        let running = begin(&self.running, "Pickler")?;
        let proto = protocol_of(protocol, buffer_callback)?;
        let write = writer_of(file)?;
        self.proto.store(proto, Relaxed);
        self.bin.store((proto > 0) as i32, Relaxed);
        self.fast.store(0, Relaxed);
        self.fix_imports.store(fix_imports.unwrap_or(true) && proto < 3, Relaxed);
        // A class may have its own table.
        if !core::ptr::eq(self.ty(), Pickler::type_object()) && self.dispatch_table.is_empty() {
            if let Some(t) = self.getattr_opt(intern!("dispatch_table"))? {
                drop(self.dispatch_table.replace(self, Some(t)));
            }
        }
        let old_memo = self.memo.take();
        self.memo.set(Memo::default());
        let old = (
            self.write.replace(self, Some(write)),
            self.buffer_callback.replace(self, buffer_callback.map(|o| o.to_ref())),
        );
        drop(running);
        drop((old, old_memo));
        Ok(())
    }
    /// Write a pickled representation of the given object to the open file.
    #[pymethod(sig = "obj, /")]
    fn dump(&self, obj: &Object) -> PyResult<()> {
        let Some(write) = self.write.get(self) else {
            return Err(pickling_error(format_args!(
                "Pickler.__init__() was not called by {}.__init__()",
                self.ty().name_str()
            )));
        };
        let running = begin(&self.running, "Pickler")?;
        let mut s = Saver::new(Sink::File(write), self.proto.load(Relaxed), self.fix_imports.load(Relaxed));
        s.bin = self.bin.load(Relaxed) != 0;
        s.fast = self.fast.load(Relaxed) != 0;
        s.dispatch_table = self.dispatch_table.get(self);
        s.buffer_callback = self.buffer_callback.get(self);
        s.reducer_override = self.getattr_opt(intern!("reducer_override"))?;
        s.persistent_id = hook(self, Pickler::type_object(), intern!("persistent_id"), &self.persistent_id_attr)?;
        s.memo = self.memo.take().map(|m| *m).unwrap_or_default();
        let r = s.dump(obj).and_then(|()| s.flush());
        self.memo.set(core::mem::take(&mut s.memo));
        drop(running);
        // Clearing hooks may run code.
        drop(s);
        r
    }
    /// Clears the pickler's "memo".
    ///
    /// The memo is the data structure that remembers which objects the
    /// pickler has already seen, so that shared or recursive objects are
    /// pickled by reference and not by value.  This method is useful when
    /// re-using picklers.
    #[pymethod]
    fn clear_memo(&self) {
        let old = self.memo.take();
        self.memo.set(Memo::default());
        drop(old);
    }
    /// Override point: a persistent id for the object, or None.
    #[pymethod(sig = "obj, /")]
    fn persistent_id(&self, _obj: &Object) {}
    /// Returns size in memory, in bytes.
    #[pymethod]
    fn __sizeof__(&self) -> usize {
        core::mem::size_of::<Pickler>() + self.memo.with(|m| m.alive.capacity() * 32).unwrap_or(0)
    }
    #[pygetset]
    fn memo(&self) -> PyResult<PyRef> {
        let p = alloc::<PicklerMemoProxy>(PicklerMemoProxy::type_object())?;
        p.owner.init(self.to_ref());
        Ok(track(p).upcast())
    }
    #[pysetter]
    fn set_memo(&self, value: Option<&Object>) -> PyResult<()> {
        let Some(v) = value else { return Err(raise!(TypeError, "attribute deletion is not supported")) };
        let mut memo = Memo::default();
        if let Some(p) = v.downcast::<PicklerMemoProxy>() {
            let entries = p.entries();
            for (o, i) in &entries {
                memo.set(o, *i);
            }
        } else if let Some(d) = v.downcast::<Dict>() {
            let mut pos = 0;
            while let Some((_, value)) = d.next(&mut pos) {
                let Some(t) = value.downcast::<Tuple>().filter(|t| t.len() == 2) else {
                    return Err(raise!(TypeError, "'memo' values must be 2-item tuples"));
                };
                let i = t.get(0).as_isize()?;
                memo.set(t.get(1), i.max(0) as usize);
            }
        } else {
            return Err(raise!(
                TypeError,
                "'memo' attribute must be a PicklerMemoProxy object or dict, not {}",
                v.ty().name_str()
            ));
        }
        let old = self.memo.take();
        self.memo.set(memo);
        drop(old);
        Ok(())
    }
    #[slot]
    fn tp_getattro(&self, name: &Object) -> PyResult<PyRef> {
        attribute(self, name, "persistent_id", &self.persistent_id_attr)
    }
    #[slot]
    fn tp_setattro(&self, name: &Object, value: Option<&Object>) -> PyResult<()> {
        set_attribute(self, name, value, "persistent_id", &self.persistent_id_attr)
    }
    #[slot]
    fn tp_traverse(&self, v: &mut Visitor) -> c_int {
        for s in self.slots() {
            let r = v.visit_ptr(s.ptr());
            if r != 0 {
                return r;
            }
        }
        self.memo.with(|m| m.alive.iter().map(|o| v.visit(o)).find(|r| *r != 0).unwrap_or(0)).unwrap_or(0)
    }
    #[slot]
    fn tp_clear(&self) {
        let old: Vec<_> = self.slots().into_iter().map(|s| s.swap(None)).collect();
        drop((old, self.memo.take()));
    }
    #[slot]
    fn tp_dealloc(this: *mut Self) {
        // SAFETY: a dying object.
        unsafe {
            begin_dealloc(this);
            for s in (*this).slots() {
                drop(s.swap(None));
            }
            drop((*this).memo.take());
            free_object(this.cast());
        }
    }
}

/// Reading an attribute of which an instance may have its own version.
fn attribute(o: &Object, name: &Object, special: &str, own: &Slot) -> PyResult<PyRef> {
    let Some(n) = name.downcast::<Str>() else { return Err(runtime::protocol::attr::name_type_error(name)) };
    if n.eq_str(special) {
        if let Some(f) = own.get(o) {
            return Ok(f);
        }
    }
    o.generic_getattr(n)
}

fn set_attribute(o: &Object, name: &Object, value: Option<&Object>, special: &str, own: &Slot) -> PyResult<()> {
    let Some(n) = name.downcast::<Str>() else { return Err(runtime::protocol::attr::name_type_error(name)) };
    if n.eq_str(special) {
        let old = own.replace(o, value.map(|v| v.to_ref()));
        if value.is_none() && old.is_none() {
            return o.generic_setattr(n, None);
        }
        drop(old);
        return Ok(());
    }
    o.generic_setattr(n, value)
}

#[repr(C)]
pub struct PicklerMemoProxy {
    header: abi::PyObject,
    owner: Slot,
}
fields!(PicklerMemoProxy: owner);

impl PicklerMemoProxy {
    fn entries(&self) -> Vec<(PyRef, usize)> {
        match self.owner.get(self) {
            Some(o) => match o.downcast::<Pickler>() {
                Some(p) => p.memo.with(|m| m.entries()).unwrap_or_default(),
                None => Vec::new(),
            },
            None => Vec::new(),
        }
    }
    fn to_dict(&self) -> PyResult<Ref<Dict>> {
        let d = Dict::new()?;
        for (o, i) in self.entries() {
            let key = Int::from_usize(o.as_ptr() as usize)?;
            let value = Tuple::pair(Int::from_usize(i)?.upcast(), o)?;
            d.insert(key.upcast(), value.upcast())?;
        }
        Ok(d)
    }
}

/// The memo of a Pickler.
#[pyclass(
    name = "PicklerMemoProxy",
    module = "_pickle",
    flags = "HAVE_GC|IMMUTABLETYPE|DISALLOW_INSTANTIATION",
    slots(
        tp_traverse = traverse::<PicklerMemoProxy>,
        tp_clear = clear::<PicklerMemoProxy>,
        tp_dealloc = dealloc::<PicklerMemoProxy>
    )
)]
impl PicklerMemoProxy {
    /// Remove all items from memo.
    #[pymethod]
    fn clear(&self) {
        if let Some(o) = self.owner.get(self) {
            if let Some(p) = o.downcast::<Pickler>() {
                p.clear_memo();
            }
        }
    }
    /// Copy the memo to a new object.
    #[pymethod]
    fn copy(&self) -> PyResult<Ref<Dict>> {
        self.to_dict()
    }
    /// Implement pickle support.
    #[pymethod]
    fn __reduce__(&self) -> PyResult<(PyRef, PyRef)> {
        Ok(((**Dict::type_object()).to_ref(), Tuple::from_refs(vec![self.to_dict()?.upcast()])?.upcast()))
    }
}

// ---------------------------------------------------------------------------------------------- Unpickler

/// How an unpickler was set up, and what it remembers between loads.
pub struct Setup {
    fix_imports: bool,
    encoding: String,
    errors: String,
    proto: i64,
    memo: Vec<Option<PyRef>>,
    memo_count: usize,
}

#[repr(C)]
pub struct Unpickler {
    header: abi::PyObject,
    read: Slot,
    readline: Slot,
    readinto: Slot,
    peek: Slot,
    buffers: Slot,
    persistent_load_attr: Slot,
    setup: Locked<Setup>,
    running: AtomicBool,
}

impl Unpickler {
    fn slots(&self) -> [&Slot; 6] {
        [&self.read, &self.readline, &self.readinto, &self.peek, &self.buffers, &self.persistent_load_attr]
    }
}

/// Unpickler(file, *, fix_imports=True, encoding='ASCII', errors='strict', buffers=())
/// --
///
/// This takes a binary file for reading a pickle data stream.
#[pyclass(name = "Unpickler", module = "_pickle", flags = "BASETYPE|HAVE_GC|IMMUTABLETYPE")]
impl Unpickler {
    #[slot]
    fn tp_new(cls: &Type, _args: FuncArgs<'_>) -> PyResult<PyRef> {
        Ok(track(alloc::<Unpickler>(cls)?).upcast())
    }
    #[slot(sig = "file, *, fix_imports=True, encoding='ASCII', errors='strict', buffers=()")]
    fn tp_init(
        &self,
        file: &Object,
        fix_imports: Arg<bool>,
        encoding: Arg<&str>,
        errors: Arg<&str>,
        buffers: Arg<&Object>,
    ) -> PyResult<()> {
        let running = begin(&self.running, "Unpickler")?;
        let Source::File { read, readline, readinto, peek } = Input::file(file)?.into_source() else {
            return Err(raise!(SystemError, "no file"));
        };
        let iter = match buffers.into_option() {
            Some(b) if !b.is_none() => Some(b.iter()?),
            _ => None,
        };
        let setup = Setup {
            fix_imports: fix_imports.unwrap_or(true),
            encoding: encoding.unwrap_or("ASCII").to_string(),
            errors: errors.unwrap_or("strict").to_string(),
            proto: 0,
            memo: Vec::new(),
            memo_count: 0,
        };
        let old_setup = self.setup.take();
        self.setup.set(setup);
        let old = [
            self.read.replace(self, Some(read)),
            self.readline.replace(self, Some(readline)),
            self.readinto.replace(self, readinto),
            self.peek.replace(self, peek),
            self.buffers.replace(self, iter),
        ];
        drop(running);
        drop((old, old_setup));
        Ok(())
    }
    /// Load a pickle.
    ///
    /// Read a pickled object representation from the open file object given
    /// in the constructor, and return the reconstituted object hierarchy
    /// specified therein.
    #[pymethod]
    fn load(&self) -> PyResult<PyRef> {
        let (Some(read), Some(readline)) = (self.read.get(self), self.readline.get(self)) else {
            return Err(unpickling_error(format_args!(
                "Unpickler.__init__() was not called by {}.__init__()",
                self.ty().name_str()
            )));
        };
        let running = begin(&self.running, "Unpickler")?;
        let source = Source::File { read, readline, readinto: self.readinto.get(self), peek: self.peek.get(self) };
        let (fix_imports, encoding, errors, memo, count) = self
            .setup
            .with(|s| {
                (
                    s.fix_imports,
                    s.encoding.clone(),
                    s.errors.clone(),
                    core::mem::take(&mut s.memo),
                    core::mem::take(&mut s.memo_count),
                )
            })
            .ok_or_else(|| raise!(SystemError, "an unpickler without a set-up"))?;
        let mut m = Machine::new(Input::source(source), fix_imports, &encoding, &errors);
        m.memo = memo;
        m.memo_count = count;
        m.buffers = self.buffers.get(self);
        if !core::ptr::eq(self.ty(), Unpickler::type_object()) {
            m.finder = Some(self.to_ref());
        }
        m.persistent_load =
            hook(self, Unpickler::type_object(), intern!("persistent_load"), &self.persistent_load_attr)?;
        let r = m.load();
        let (memo, count, proto) = (core::mem::take(&mut m.memo), m.memo_count, m.proto);
        let old = self.setup.with(|s| {
            s.memo_count = count;
            s.proto = proto;
            core::mem::replace(&mut s.memo, memo)
        });
        drop(running);
        drop(old);
        drop(m);
        r
    }
    /// Override point: the object of a persistent id.
    #[pymethod(sig = "pid, /")]
    fn persistent_load(&self, _pid: &Object) -> PyResult<PyRef> {
        Err(unpickling_error(format_args!(
            "A load persistent id instruction was encountered, but no persistent_load function was specified."
        )))
    }
    /// Return an object from a specified module.
    ///
    /// If necessary, the module will be imported. Subclasses may override
    /// this method (e.g. to restrict unpickling of arbitrary classes and
    /// functions).
    ///
    /// This method is called whenever a class or a function object is
    /// needed.  Both arguments passed are str objects.
    #[pymethod(sig = "module_name, global_name, /")]
    fn find_class(&self, module_name: &Object, global_name: &Object) -> PyResult<PyRef> {
        let (proto, fix) = self.setup.with(|s| (s.proto, s.fix_imports)).unwrap_or((HIGHEST, true));
        find_class(module_name, global_name, proto, fix)
    }
    /// Returns size in memory, in bytes.
    #[pymethod]
    fn __sizeof__(&self) -> usize {
        core::mem::size_of::<Unpickler>() + self.setup.with(|s| s.memo.capacity() * 8).unwrap_or(0)
    }
    #[pygetset]
    fn memo(&self) -> PyResult<PyRef> {
        let p = alloc::<UnpicklerMemoProxy>(UnpicklerMemoProxy::type_object())?;
        p.owner.init(self.to_ref());
        Ok(track(p).upcast())
    }
    #[pysetter]
    fn set_memo(&self, value: Option<&Object>) -> PyResult<()> {
        let Some(v) = value else { return Err(raise!(TypeError, "attribute deletion is not supported")) };
        let mut m = Machine::new(Input::memory(&[]), true, "", "");
        if let Some(p) = v.downcast::<UnpicklerMemoProxy>() {
            for (i, o) in p.entries() {
                m.memo_set(i, o)?;
            }
        } else if let Some(d) = v.downcast::<Dict>() {
            let mut pos = 0;
            while let Some((k, o)) = d.next(&mut pos) {
                let Some(i) = k.downcast::<Int>() else {
                    return Err(raise!(TypeError, "memo key must be integers"));
                };
                let i = i.as_isize()?;
                if i < 0 {
                    return Err(raise!(ValueError, "memo key must be positive integers."));
                }
                m.memo_set(i as usize, o)?;
            }
        } else {
            return Err(raise!(
                TypeError,
                "'memo' attribute must be an UnpicklerMemoProxy object or dict, not {}",
                v.ty().name_str()
            ));
        }
        let (memo, count) = (core::mem::take(&mut m.memo), m.memo_count);
        let old = self.setup.with(|s| {
            s.memo_count = count;
            core::mem::replace(&mut s.memo, memo)
        });
        drop(old);
        Ok(())
    }
    #[slot]
    fn tp_getattro(&self, name: &Object) -> PyResult<PyRef> {
        attribute(self, name, "persistent_load", &self.persistent_load_attr)
    }
    #[slot]
    fn tp_setattro(&self, name: &Object, value: Option<&Object>) -> PyResult<()> {
        set_attribute(self, name, value, "persistent_load", &self.persistent_load_attr)
    }
    #[slot]
    fn tp_traverse(&self, v: &mut Visitor) -> c_int {
        for s in self.slots() {
            let r = v.visit_ptr(s.ptr());
            if r != 0 {
                return r;
            }
        }
        self.setup.with(|s| s.memo.iter().flatten().map(|o| v.visit(o)).find(|r| *r != 0).unwrap_or(0)).unwrap_or(0)
    }
    #[slot]
    fn tp_clear(&self) {
        let old: Vec<_> = self.slots().into_iter().map(|s| s.swap(None)).collect();
        let memo = self.setup.with(|s| core::mem::take(&mut s.memo));
        drop((old, memo));
    }
    #[slot]
    fn tp_dealloc(this: *mut Self) {
        // SAFETY: a dying object.
        unsafe {
            begin_dealloc(this);
            for s in (*this).slots() {
                drop(s.swap(None));
            }
            drop((*this).setup.take());
            free_object(this.cast());
        }
    }
}

#[repr(C)]
pub struct UnpicklerMemoProxy {
    header: abi::PyObject,
    owner: Slot,
}
fields!(UnpicklerMemoProxy: owner);

impl UnpicklerMemoProxy {
    fn entries(&self) -> Vec<(usize, PyRef)> {
        let Some(o) = self.owner.get(self) else { return Vec::new() };
        let Some(u) = o.downcast::<Unpickler>() else { return Vec::new() };
        u.setup
            .with(|s| s.memo.iter().enumerate().filter_map(|(i, o)| o.clone().map(|o| (i, o))).collect())
            .unwrap_or_default()
    }
    fn to_dict(&self) -> PyResult<Ref<Dict>> {
        let d = Dict::new()?;
        for (i, o) in self.entries() {
            d.insert(Int::from_usize(i)?.upcast(), o)?;
        }
        Ok(d)
    }
}

/// The memo of an Unpickler.
#[pyclass(
    name = "UnpicklerMemoProxy",
    module = "_pickle",
    flags = "HAVE_GC|IMMUTABLETYPE|DISALLOW_INSTANTIATION",
    slots(
        tp_traverse = traverse::<UnpicklerMemoProxy>,
        tp_clear = clear::<UnpicklerMemoProxy>,
        tp_dealloc = dealloc::<UnpicklerMemoProxy>
    )
)]
impl UnpicklerMemoProxy {
    /// Remove all items from memo.
    #[pymethod]
    fn clear(&self) {
        if let Some(o) = self.owner.get(self) {
            if let Some(u) = o.downcast::<Unpickler>() {
                let old = u.setup.with(|s| {
                    s.memo_count = 0;
                    core::mem::take(&mut s.memo)
                });
                drop(old);
            }
        }
    }
    /// Copy the memo to a new object.
    #[pymethod]
    fn copy(&self) -> PyResult<Ref<Dict>> {
        self.to_dict()
    }
    /// Implement pickling support.
    #[pymethod]
    fn __reduce__(&self) -> PyResult<(PyRef, PyRef)> {
        Ok(((**Dict::type_object()).to_ref(), Tuple::from_refs(vec![self.to_dict()?.upcast()])?.upcast()))
    }
}
