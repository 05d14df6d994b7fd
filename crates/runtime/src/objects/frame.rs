//! Frame objects and the write-through proxy that `f_locals` gives (PEP 667).
//!
//! A frame object points at its frame on the data stack or in a generator while that lives. When the frame ends and the
//! object is still wanted, `detach` moves the contents into memory of the object's own.
//!
//! Any thread may hold the object of a frame that another one runs. `steady` decides how to look at the frame: directly, if
//! this thread runs it (nobody else ends it meanwhile); with the object's lock held, if it has ended; with the world
//! stopped otherwise (its thread has then saved what it works with).

use crate::interp::frame::{InterpFrame, Owner};
use crate::interp::slot::Slot;
use crate::lock;
use crate::objects::r#gen::{free, visit_slot};
use crate::objects::{Cell, Code};
use crate::prelude::*;
use compiler::code::{co, fast};
use core::ffi::c_int;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicI32, AtomicPtr, AtomicU8, AtomicUsize, Ordering::*};
use macros::pyclass;

/// A Python-visible frame.
#[repr(C)]
pub struct Frame {
    pub ob_base: abi::PyObject,
    /// The caller's frame object, once this frame has ended
    pub back: AtomicPtr<Frame>,
    pub frame: AtomicPtr<InterpFrame>,
    /// f_trace (owned) or null
    pub trace: AtomicPtr<abi::PyObject>,
    /// f_lineno set by a tracer, 0 otherwise
    pub lineno: AtomicI32,
    pub trace_lines: AtomicU8,
    pub trace_opcodes: AtomicU8,
    /// Extra names set through `f_locals` (a dict) or null
    pub extra_locals: AtomicPtr<abi::PyObject>,
    /// Old values of locals overwritten through `f_locals` (a list): borrowed copies may exist
    pub overwritten: AtomicPtr<abi::PyObject>,
    /// Allocation that holds the frame after the call, in slots (0: none). Set after `frame`.
    pub own_slots: AtomicUsize,
}

#[unsafe(no_mangle)]
pub static mut PyFrame_Type: Type = Type::STATIC;
py_layout!(Frame, PyFrame_Type);

/// What `f_locals` of a function's frame is.
#[repr(transparent)]
pub struct FrameLocalsProxy(pub abi::PyFrameLocalsProxyObject);
#[unsafe(no_mangle)]
pub static mut PyFrameLocalsProxy_Type: Type = Type::STATIC;
py_layout!(FrameLocalsProxy, PyFrameLocalsProxy_Type);

/// Parts a frame object from the frame that ends: the object keeps the contents if anybody else wants it.
///
/// # Safety
/// The frame is saved, has a frame object and will not run any more.
pub unsafe fn detach(frame: *mut InterpFrame) {
    // SAFETY: the caller's promise.
    unsafe {
        let fo: Ref<Frame> = Ref::from_raw(core::mem::replace(&mut (*frame).frame_obj, null_mut()));
        let raw = fo.as_raw();
        if fo.is_uniquely_referenced() {
            (*raw).frame.store(null_mut(), Release);
            return;
        }
        let base = InterpFrame::localsplus(frame);
        let n = (*frame).sp.offset_from(base) as usize;
        let total = InterpFrame::HEADER_SLOTS + n;
        let own = libc::malloc(total * 8).cast::<InterpFrame>();
        if own.is_null() {
            (*raw).frame.store(null_mut(), Release);
            return;
        }
        core::ptr::copy_nonoverlapping(frame, own, 1);
        let dst = InterpFrame::localsplus(own);
        for i in 0..n {
            *dst.add(i) = (*base.add(i)).counted();
            *base.add(i) = Slot::NULL;
        }
        (*own).sp = dst.add(n);
        (*own).func = (*frame).func.dup_strong().counted();
        (*own).code = (*frame).code.dup_strong().counted();
        (*frame).locals = null_mut();
        (*own).owner = Owner::FrameObject;
        (*own).flags = 0;
        let prev = crate::interp::caller_of(frame);
        (*own).previous = null_mut();
        (*raw).frame.store(own, Release);
        (*raw).own_slots.store(total, Release);
        if let Some(p) = prev
            && (*raw).back.load(Relaxed).is_null()
        {
            let saved = crate::error::take_error();
            match InterpFrame::frame_object(p) {
                Ok(b) => (*raw).back.store(b.into_raw(), Release),
                Err(e) => e.clear(),
            }
            if let Some(e) = saved {
                let _ = crate::error::restore(e);
            }
        }
    }
}

impl Frame {
    /// A new frame object for a running frame.
    pub fn for_interp_frame(frame: *mut InterpFrame) -> PyResult<Ref<Frame>> {
        let f = crate::typeobject::alloc_object::<Frame>(Frame::type_object())?;
        // SAFETY: the object is fresh and ours alone.
        unsafe {
            (*f.as_raw()).frame.store(frame, Relaxed);
            (*f.as_raw()).trace_lines.store(1, Relaxed);
        }
        crate::interp::pending::track(&f);
        Ok(f)
    }
    /// The frame: null only while the object is being destroyed.
    pub fn raw(&self) -> *mut InterpFrame {
        self.frame.load(Acquire)
    }
    /// Whether the frame has ended: its contents belong to the object.
    fn has_ended(&self) -> bool {
        self.own_slots.load(Acquire) != 0
    }
    /// Whether no other thread runs the frame or can begin to before the caller runs Python code.
    fn is_mine(&self) -> bool {
        let ts = ThreadState::current();
        let frame = self.raw();
        if ts.stack.base.get() <= frame.cast() && frame.cast() < ts.stack.limit.get() {
            return true;
        }
        // A generator's frame, or one of another thread.
        let mut f = ts.abi().current_frame.cast::<InterpFrame>();
        for _ in 0..16 {
            if f == frame {
                return true;
            }
            // SAFETY: frames of this thread are live while it is inside them.
            match unsafe { f.as_ref() } {
                Some(r) => f = r.previous,
                None => break,
            }
        }
        let here = ts.interp();
        let alone = |i: &crate::thread::InterpreterState| i.next_interp().is_none() && core::ptr::eq(i, here);
        here.thread_count.load(Relaxed) == 1 && crate::thread::InterpreterState::head().is_some_and(alone)
    }
    /// Calls `f` with the frame while it holds still. `f` runs no Python code and takes no locks.
    pub fn steady<R>(&self, f: impl FnOnce(*mut InterpFrame) -> R) -> R {
        if self.has_ended() {
            lock!(self);
            return f(self.raw());
        }
        if self.is_mine() {
            return f(self.raw());
        }
        crate::thread::stop_the_world(|| f(self.raw()))
    }
    /// The code. It outlives the frame: code is freed by the collector only.
    pub fn code(&self) -> &Code {
        // SAFETY: a reachable frame object has a frame.
        self.steady(|f| unsafe { (*f).code() })
    }
    pub fn globals(&self) -> PyRef {
        // SAFETY: as above.
        self.steady(|f| unsafe { (*f).globals().to_ref() })
    }
    pub fn builtins(&self) -> PyRef {
        // SAFETY: as above.
        self.steady(|f| unsafe { (*f).builtins().to_ref() })
    }
    /// Index of the current instruction, -1 before the first.
    pub fn lasti(&self) -> i32 {
        // SAFETY: as above.
        self.steady(|f| unsafe { (*f).lasti() })
    }
    /// The generator whose frame it is.
    pub fn generator(&self) -> Option<PyRef> {
        self.steady(|f| InterpFrame::generator(f).map(|g| g.to_ref()))
    }
    /// The current line.
    pub fn line(&self) -> Option<u32> {
        let set = self.lineno.load(Relaxed);
        // SAFETY: as above.
        if set > 0 { Some(set as u32) } else { self.steady(|f| unsafe { (*f).lineno() }) }
    }
    /// The locals mapping, if the frame has one.
    fn mapping(&self) -> Option<PyRef> {
        // SAFETY: null or a live mapping.
        self.steady(|f| unsafe { Object::from_ptr_opt((*f).locals).map(|l| l.to_ref()) })
    }
    /// The caller's frame.
    pub fn back(&self) -> PyResult<Option<Ref<Frame>>> {
        self.steady(|f| {
            // SAFETY: the frame is live and holds still, and so do its callers; `back` lives as long as the object.
            unsafe {
                if let Some(b) = self.back.load(Acquire).as_ref() {
                    return Ok(Some(Ref::new_ref(b)));
                }
                match crate::interp::caller_of(f) {
                    Some(p) => Ok(Some(InterpFrame::frame_object(p)?)),
                    None => Ok(None),
                }
            }
        })
    }
    /// The cell behind the local at `i`, if `o` is one.
    fn cell<'a>(&self, i: usize, o: &'a Object) -> Option<&'a Cell> {
        if self.code().kind(i) & (fast::CELL | fast::FREE) != 0 { o.downcast_exact::<Cell>() } else { None }
    }
    /// Value of the local at `i`, through its cell if it has one.
    pub fn local(&self, i: usize) -> PyResult<Option<PyRef>> {
        // SAFETY: the index is checked against the saved stack pointer.
        let v = self.steady(|f| unsafe {
            let p = InterpFrame::localsplus(f).add(i);
            if p >= (*f).sp || (*p).is_null() { Ok(None) } else { (*p).to_ref().map(Some) }
        })?;
        Ok(v.and_then(|v| match self.cell(i, &v) {
            Some(c) => c.get(),
            None => Some(v),
        }))
    }
    /// Sets the local at `i`.
    pub fn set_local(&self, i: usize, v: &Object) -> PyResult<()> {
        // SAFETY: the index is within localsplus.
        let old = self.steady(|f| unsafe {
            let s = *InterpFrame::localsplus(f).add(i);
            if s.is_null() { Ok(None) } else { s.to_ref().map(Some) }
        })?;
        if let Some(c) = old.as_ref().and_then(|o| self.cell(i, o)) {
            drop(c.replace(Some(v.to_ref())));
            return Ok(());
        }
        let new = v.to_ref();
        // SAFETY: as above.
        let old =
            self.steady(|f| unsafe { core::mem::replace(&mut *InterpFrame::localsplus(f).add(i), Slot::owned(new)) });
        if old.is_counted() {
            // Borrowed copies of the old value may lie on the stack
            let l = self.overwritten_list()?;
            l.push(old.into_ref()?)?;
        }
        Ok(())
    }
    fn overwritten_list(&self) -> PyResult<Ref<List>> {
        lazy(&self.overwritten, || Ok(List::new()?.upcast())).map(|r| {
            // SAFETY: only lists are stored there.
            unsafe { r.cast_into() }
        })
    }
    /// Dict of names that are no locals of the code.
    pub fn extra(&self) -> PyResult<Ref<Dict>> {
        // SAFETY: only dicts are stored there.
        lazy(&self.extra_locals, || Ok(Dict::new()?.upcast())).map(|r| unsafe { r.cast_into() })
    }
    fn extra_opt(&self) -> Option<&Dict> {
        // SAFETY: null or a dict that lives as long as the frame object.
        unsafe { self.extra_locals.load(Acquire).cast::<Dict>().as_ref() }
    }
    /// Indices of the locals that show up in `locals()`.
    pub fn visible_locals(&self) -> impl Iterator<Item = usize> + '_ {
        let code = self.code();
        (0..code.nlocalsplus()).filter(move |i| code.kind(*i) & fast::HIDDEN == 0 || self.is_bound(*i))
    }
    /// Whether the slot holds anything.
    fn is_bound(&self, i: usize) -> bool {
        // SAFETY: checked against the saved stack pointer.
        self.steady(|f| unsafe {
            let p = InterpFrame::localsplus(f).add(i);
            p < (*f).sp && !(*p).is_null()
        })
    }
    /// Whether variables of an inlined comprehension are alive in a frame that has a locals mapping.
    pub fn has_hidden(&self) -> bool {
        let code = self.code();
        (0..code.nlocalsplus()).any(|i| code.kind(i) & fast::HIDDEN != 0 && self.is_bound(i))
    }
    /// `f_locals`.
    pub fn locals(&self) -> PyResult<PyRef> {
        if self.code().flags() & co::OPTIMIZED == 0
            && let Some(l) = self.mapping()
            && !self.has_hidden()
        {
            return Ok(l);
        }
        let p = crate::typeobject::alloc_object::<FrameLocalsProxy>(FrameLocalsProxy::type_object())?;
        // SAFETY: the object is fresh and ours alone.
        unsafe { (*p.as_raw()).0.frame = self.to_ref().into_ptr().cast() };
        crate::interp::pending::track(&p);
        Ok(p.upcast())
    }
    /// A fresh dict of the visible locals: `locals()` in a function.
    pub fn locals_snapshot(&self) -> PyResult<Ref<Dict>> {
        let d = Dict::new()?;
        if let Some(l) = self.mapping() {
            d.update(&l)?;
        }
        for i in self.visible_locals() {
            if let Some(v) = self.local(i)? {
                d.set(self.code().local_name(i), &v)?;
            }
        }
        if let Some(x) = self.extra_opt() {
            d.update(x)?;
        }
        Ok(d)
    }
}

fn lazy(slot: &AtomicPtr<abi::PyObject>, make: impl FnOnce() -> PyResult<PyRef>) -> PyResult<PyRef> {
    let p = slot.load(Acquire);
    // SAFETY: set once, lives as long as the owner.
    if let Some(o) = unsafe { Object::from_ptr_opt(p) } {
        return Ok(o.to_ref());
    }
    let v = make()?;
    if slot.compare_exchange(null_mut(), v.as_ptr(), AcqRel, Acquire).is_ok() {
        return Ok(v.clone_into_slot());
    }
    // SAFETY: another thread set it.
    Ok(unsafe { Object::from_ptr(slot.load(Acquire)) }.to_ref())
}

trait IntoSlot {
    fn clone_into_slot(self) -> PyRef;
}
impl IntoSlot for PyRef {
    /// One reference went into the slot, another is returned.
    fn clone_into_slot(self) -> PyRef {
        let r = self.clone();
        let _ = self.into_ptr();
        r
    }
}

#[pyclass(name = "frame", type_object = PyFrame_Type, flags = "HAVE_GC")]
impl Frame {
    #[slot]
    fn tp_repr(&self) -> PyResult<Ref<Str>> {
        let c = self.code();
        let line = match self.line() {
            Some(l) => l.to_string(),
            None => "None".into(),
        };
        Str::format(format_args!(
            "<frame at {:p}, file {}, line {}, code {}>",
            self,
            c.filename().repr()?.to_string_lossy(),
            line,
            c.name().to_string_lossy()
        ))
    }
    #[slot]
    fn tp_traverse(&self, v: &mut crate::mem::Visitor) -> c_int {
        for p in [
            self.back.load(Relaxed).cast::<abi::PyObject>(),
            self.trace.load(Relaxed),
            self.extra_locals.load(Relaxed),
            self.overwritten.load(Relaxed),
        ] {
            let r = v.visit_ptr(p);
            if r != 0 {
                return r;
            }
        }
        let f = self.raw();
        if !self.has_ended() || f.is_null() {
            return 0;
        }
        // SAFETY: the frame is the object's own.
        unsafe {
            for s in [(*f).func, (*f).code] {
                let r = visit_slot(s, v);
                if r != 0 {
                    return r;
                }
            }
            let r = v.visit_ptr((*f).locals);
            if r != 0 {
                return r;
            }
            let mut p = InterpFrame::localsplus(f);
            while p < (*f).sp {
                let r = visit_slot(*p, v);
                if r != 0 {
                    return r;
                }
                p = p.add(1);
            }
        }
        0
    }
    #[slot]
    fn tp_clear(&self) {
        clear_own(self);
    }
    #[slot]
    fn tp_dealloc(this: *mut Self) {
        // SAFETY: the object is dying.
        unsafe {
            crate::mem::gc::untrack(&*this);
            clear_own(&*this);
            let f = (*this).raw();
            if (*this).has_ended() && !f.is_null() {
                InterpFrame::clear_header(f);
                libc::free(f.cast());
            }
            drop(PyRef::from_ptr_opt((*this).back.load(Relaxed).cast()));
            for a in [&(*this).trace, &(*this).extra_locals, &(*this).overwritten] {
                drop(PyRef::from_ptr_opt(a.swap(null_mut(), AcqRel)));
            }
            free(this.cast());
        }
    }
    /// Clear all references held by the frame.
    #[pymethod]
    fn clear(&self) -> PyResult<()> {
        // SAFETY: a reachable frame object has a frame.
        match self.steady(|f| unsafe { (*f).owner }) {
            Owner::Thread => return Err(raise!(RuntimeError, "cannot clear an executing frame")),
            Owner::Generator => {
                if let Some(g) = self.generator() {
                    // SAFETY: generators, coroutines and asynchronous generators have one layout.
                    let g = unsafe { g.cast::<crate::objects::Generator>() };
                    use crate::objects::r#gen::gen_state as st;
                    let s = g.state.load(Acquire);
                    if s == st::EXECUTING {
                        return Err(raise!(RuntimeError, "cannot clear an executing frame"));
                    }
                    if s == st::SUSPENDED || s == st::SUSPENDED_YIELD_FROM {
                        return Err(raise!(RuntimeError, "cannot clear a suspended frame"));
                    }
                    crate::objects::r#gen::gen_finalize_created(g);
                }
            }
            Owner::FrameObject => clear_own(self),
        }
        Ok(())
    }
    #[pymethod(name = "__sizeof__")]
    fn sizeof(&self) -> usize {
        size_of::<Frame>() + 8 * self.code().framesize()
    }
    #[pygetset]
    fn f_back(&self) -> PyResult<PyRef> {
        Ok(self.back()?.map_or_else(none_ref, Ref::upcast))
    }
    #[pygetset]
    fn f_locals(&self) -> PyResult<PyRef> {
        self.locals()
    }
    #[pygetset]
    fn f_globals(&self) -> PyRef {
        self.globals()
    }
    #[pygetset]
    fn f_builtins(&self) -> PyRef {
        self.builtins()
    }
    #[pygetset]
    fn f_code(&self) -> PyRef {
        self.code().to_ref()
    }
    #[pygetset]
    fn f_lasti(&self) -> i32 {
        let i = self.lasti();
        if i < 0 { -1 } else { self.code().shown_offset(i as usize) as i32 }
    }
    #[pygetset]
    fn f_lineno(&self) -> PyResult<PyRef> {
        match self.line() {
            Some(l) => Ok(Int::from_i64(l as i64)?.upcast()),
            None => Ok(none_ref()),
        }
    }
    #[pysetter]
    fn set_f_lineno(&self, v: Option<&Object>) -> PyResult<()> {
        let Some(v) = v else { return Err(raise!(AttributeError, "cannot delete attribute")) };
        if v.downcast_exact::<Int>().is_none() {
            return Err(raise!(ValueError, "lineno must be an integer"));
        }
        crate::interp::jump::set_lineno(self, v.as_i64()?)
    }
    #[pygetset]
    fn f_trace(&self) -> PyRef {
        crate::interp::pending::load_ref(self, &self.trace).unwrap_or_else(none_ref)
    }
    #[pysetter]
    fn set_f_trace(&self, v: Option<&Object>) -> PyResult<()> {
        let new = match v {
            Some(v) if !v.is_none() => v.to_ref().into_ptr(),
            _ => null_mut(),
        };
        let old = self.trace.swap(new, AcqRel);
        // SAFETY: the field owned it.
        drop(unsafe { PyRef::from_ptr_opt(old) });
        Ok(())
    }
    #[pygetset]
    fn f_trace_lines(&self) -> bool {
        self.trace_lines.load(Relaxed) != 0
    }
    #[pysetter]
    fn set_f_trace_lines(&self, v: Option<&Object>) -> PyResult<()> {
        if v.is_none() {
            return Err(raise!(TypeError, "attribute value type must be bool"));
        }
        let b = bool_attr(v)?;
        self.trace_lines.store(b as u8, Relaxed);
        Ok(())
    }
    #[pygetset]
    fn f_trace_opcodes(&self) -> bool {
        self.trace_opcodes.load(Relaxed) != 0
    }
    #[pysetter]
    fn set_f_trace_opcodes(&self, v: Option<&Object>) -> PyResult<()> {
        let b = bool_attr(v)?;
        self.trace_opcodes.store(b as u8, Relaxed);
        Ok(())
    }
    #[pygetset]
    fn f_generator(&self) -> PyRef {
        self.generator().unwrap_or_else(none_ref)
    }
}

fn bool_attr(v: Option<&Object>) -> PyResult<bool> {
    match v {
        Some(v) if v.is(true_()) => Ok(true),
        Some(v) if v.is(false_()) => Ok(false),
        Some(_) => Err(raise!(TypeError, "attribute value type must be bool")),
        None => Err(raise!(AttributeError, "cannot delete attribute")),
    }
}

fn clear_own(f: &Frame) {
    let frame = f.raw();
    if f.has_ended() && !frame.is_null() {
        lock!(f);
        // SAFETY: the frame is the object's own and does not run; each slot is emptied before its value is dropped.
        unsafe {
            InterpFrame::clear_slots(frame);
            let l = core::mem::replace(&mut (*frame).locals, null_mut());
            drop(PyRef::from_ptr_opt(l));
        }
    }
}

impl FrameLocalsProxy {
    fn frame(&self) -> &Frame {
        // SAFETY: set at construction.
        unsafe { &*self.0.frame.cast::<Frame>() }
    }
    fn index(&self, key: &Object) -> PyResult<Option<usize>> {
        let f = self.frame();
        if let Some(k) = key.downcast_exact::<Str>() {
            return Ok(f.visible_locals().find(|i| {
                let n = f.code().local_name(*i);
                core::ptr::eq(k, n) || k.eq_data(n)
            }));
        }
        // Anything that hashes and compares as a name does
        let h = key.hash()?;
        for i in f.visible_locals() {
            let n = f.code().local_name(i);
            if n.hash()? == h && Object::eq(key, n)? {
                return Ok(Some(i));
            }
        }
        Ok(None)
    }
    fn lookup(&self, key: &Object) -> PyResult<Option<PyRef>> {
        if let Some(i) = self.index(key)?
            && let Some(v) = self.frame().local(i)?
        {
            return Ok(Some(v));
        }
        if let Some(l) = self.frame().mapping() {
            return crate::interp::ops::mapping_get(&l, key);
        }
        match self.frame().extra_opt() {
            Some(d) => d.get(key),
            None => {
                key.hash()?;
                Ok(None)
            }
        }
    }
    fn snapshot(&self) -> PyResult<Ref<Dict>> {
        self.frame().locals_snapshot()
    }
    fn assign(&self, key: &Object, v: &Object) -> PyResult<()> {
        if let Some(i) = self.index(key)? {
            return self.frame().set_local(i, v);
        }
        self.frame().extra()?.set(key, v)
    }
    fn no_remove() -> Raised {
        raise!(ValueError, "cannot remove local variables from FrameLocalsProxy")
    }
}

#[pyclass(name = "FrameLocalsProxy", type_object = PyFrameLocalsProxy_Type, flags = "HAVE_GC|MAPPING")]
impl FrameLocalsProxy {
    #[slot(sig = "frame, /")]
    fn tp_new(cls: &Type, frame: &Object) -> PyResult<PyRef> {
        let Some(f) = frame.downcast::<Frame>() else {
            return Err(raise!(TypeError, "expect frame, not {}", frame.ty().name_str()));
        };
        let p = crate::typeobject::alloc_object::<FrameLocalsProxy>(cls)?;
        // SAFETY: the object is fresh and ours alone.
        unsafe { (*p.as_raw()).0.frame = f.to_ref().into_ptr().cast() };
        crate::interp::pending::track(&p);
        Ok(p.upcast())
    }
    #[slot]
    fn tp_repr(&self) -> PyResult<Ref<Str>> {
        use crate::objects::reprguard::{repr_enter, repr_leave};
        if repr_enter(self)? {
            return Str::new("{...}");
        }
        let r = self.snapshot().and_then(|d| d.repr());
        repr_leave(self);
        r
    }
    #[slot]
    fn tp_traverse(&self, v: &mut crate::mem::Visitor) -> c_int {
        v.visit_ptr(self.0.frame.cast())
    }
    #[slot]
    fn tp_dealloc(this: *mut Self) {
        // SAFETY: the object is dying.
        unsafe {
            crate::mem::gc::untrack(&*this);
            let f = core::mem::replace(&mut (*this).0.frame, null_mut());
            drop(PyRef::from_ptr_opt(f.cast()));
            free(this.cast());
        }
    }
    #[slot]
    fn tp_iter(&self) -> PyResult<PyRef> {
        self.snapshot()?.iter()
    }
    #[slot]
    fn tp_richcompare(&self, other: &Object, op: crate::typeobject::CompareOp) -> PyResult<PyRef> {
        if let Some(o) = other.downcast::<FrameLocalsProxy>() {
            let same = core::ptr::eq(self.0.frame, o.0.frame);
            return Ok(match op {
                crate::typeobject::CompareOp::Eq => Bool::of(same).to_ref(),
                crate::typeobject::CompareOp::Ne => Bool::of(!same).to_ref(),
                _ => not_implemented().to_ref(),
            });
        }
        if other.downcast::<Dict>().is_some() {
            return self.snapshot()?.richcompare(other, op);
        }
        Ok(not_implemented().to_ref())
    }
    #[slot]
    fn mp_length(&self) -> PyResult<usize> {
        Ok(self.snapshot()?.len())
    }
    #[slot]
    fn mp_subscript(&self, key: &Object) -> PyResult<PyRef> {
        match self.lookup(key)? {
            Some(v) => Ok(v),
            None => {
                if key.downcast::<Str>().is_some() {
                    return Err(raise!(KeyError, "local variable '{}' is not defined", key.str()?.to_string_lossy()));
                }
                Err(crate::error::raise_key_error(key))
            }
        }
    }
    #[slot]
    fn mp_ass_subscript(&self, key: &Object, v: Option<&Object>) -> PyResult<()> {
        match v {
            Some(v) => self.assign(key, v),
            None => {
                if self.index(key)?.is_some() {
                    return Err(Self::no_remove());
                }
                if let Some(d) = self.frame().extra_opt()
                    && d.del(key)?
                {
                    return Ok(());
                }
                Err(crate::error::raise_key_error(key))
            }
        }
    }
    #[slot]
    fn sq_contains(&self, key: &Object) -> PyResult<bool> {
        Ok(self.lookup(key)?.is_some())
    }
    #[slot]
    fn nb_or(a: &Object, b: &Object) -> PyResult<PyRef> {
        let d = Dict::new()?;
        for x in [a, b] {
            if x.downcast::<FrameLocalsProxy>().is_none() && x.downcast::<Dict>().is_none() {
                return Ok(not_implemented().to_ref());
            }
            d.update(x)?;
        }
        Ok(d.upcast())
    }
    #[slot]
    fn nb_inplace_or(&self, other: &Object) -> PyResult<PyRef> {
        if other.downcast::<FrameLocalsProxy>().is_none() && other.downcast::<Dict>().is_none() {
            return Ok(not_implemented().to_ref());
        }
        self.update(other)?;
        Ok(self.to_ref())
    }
    #[pymethod(name = "__contains__")]
    fn contains(&self, key: &Object) -> PyResult<bool> {
        Ok(self.lookup(key)?.is_some())
    }
    #[pymethod(name = "__getitem__")]
    fn getitem(&self, key: &Object) -> PyResult<PyRef> {
        self.mp_subscript(key)
    }
    #[pymethod]
    fn update(&self, other: &Object) -> PyResult<()> {
        let d = Dict::new()?;
        d.update(other)?;
        for (k, v) in d.items_snapshot() {
            self.assign(&k, &v)?;
        }
        Ok(())
    }
    #[pymethod(name = "__reversed__")]
    fn reversed(&self) -> PyResult<PyRef> {
        let l = self.snapshot()?.keys_list()?;
        l.reverse();
        Ok(l.upcast())
    }
    #[pymethod]
    fn copy(&self) -> PyResult<PyRef> {
        Ok(self.snapshot()?.upcast())
    }
    #[pymethod]
    fn keys(&self) -> PyResult<PyRef> {
        Ok(self.snapshot()?.keys_list()?.upcast())
    }
    #[pymethod]
    fn values(&self) -> PyResult<PyRef> {
        Ok(self.snapshot()?.values_list()?.upcast())
    }
    #[pymethod]
    fn items(&self) -> PyResult<PyRef> {
        Ok(self.snapshot()?.items_list()?.upcast())
    }
    #[pymethod(sig = "key, default=None, /")]
    fn get(&self, key: &Object, default: &Object) -> PyResult<PyRef> {
        Ok(self.lookup(key)?.unwrap_or_else(|| default.to_ref()))
    }
    #[pymethod(sig = "key, default=None, /")]
    fn setdefault(&self, key: &Object, default: &Object) -> PyResult<PyRef> {
        if let Some(v) = self.lookup(key)? {
            return Ok(v);
        }
        self.assign(key, default)?;
        Ok(default.to_ref())
    }
    #[pymethod(raw)]
    fn pop(&self, args: FuncArgs<'_>) -> PyResult<PyRef> {
        args.check_positional("pop", 1, 2)?;
        let key = args.args[0];
        if self.index(key)?.is_some() {
            return Err(Self::no_remove());
        }
        if let Some(d) = self.frame().extra_opt()
            && let Some(v) = d.pop(key)?
        {
            return Ok(v);
        }
        match args.get(1) {
            Some(d) => Ok(d.to_ref()),
            None => Err(crate::error::raise_key_error(key)),
        }
    }
}
