//! Weak references: `weakref.ref`, `weakref.proxy`, and the lists that objects keep of them.
//!
//! An object with weak references heads a doubly linked list of them (at `tp_weaklistoffset`, which is negative for the managed
//! slot before the header). The list, and `wr_object`/`wr_callback` of its members, are protected by a lock chosen by the
//! object's address; every weak reference keeps that lock's address. Reading the referent is: lock, look, try-incref,
//! unlock. A referent that has a weak reference carries MAYBE_WEAKREF, so that its last decref and a try-incref of another
//! thread meet on `ob_ref_shared`. The shareable reference and proxy (no callback, exact type) stand first in the list.

use crate::mem::refcount::{set_maybe_weakref, try_incref};
use crate::mem::{Visitor, gc};
use crate::object::{decref, incref};
use crate::prelude::*;
use crate::thread::mutex::RawMutex;
use crate::typeobject::CompareOp;
use abi::{PyObject, PyWeakReference};
use core::cell::UnsafeCell;
use core::ffi::c_int;
use core::ptr::null_mut;
use macros::pyclass;

const LOCKS: usize = 127;
static TABLE: [RawMutex; LOCKS] = [const { RawMutex::new() }; LOCKS];

fn lock_of(o: *mut PyObject) -> &'static RawMutex {
    &TABLE[(o as usize >> 4) % LOCKS]
}

/// In a forked child.
pub(crate) fn after_fork() {
    for l in &TABLE {
        l.reset();
    }
}

/// A weak reference (a proxy has the same layout).
#[repr(C)]
pub struct WeakRef(UnsafeCell<PyWeakReference>);

/// `weakref.ProxyType`.
#[repr(C)]
pub struct WeakProxy(UnsafeCell<PyWeakReference>);

/// `weakref.CallableProxyType`.
#[repr(C)]
pub struct WeakCallableProxy(UnsafeCell<PyWeakReference>);

#[unsafe(no_mangle)]
pub static mut _PyWeakref_RefType: Type = Type::STATIC;
#[unsafe(no_mangle)]
pub static mut _PyWeakref_ProxyType: Type = Type::STATIC;
#[unsafe(no_mangle)]
pub static mut _PyWeakref_CallableProxyType: Type = Type::STATIC;
py_layout!(WeakRef, _PyWeakref_RefType);
py_layout!(WeakProxy, _PyWeakref_ProxyType);
py_layout!(WeakCallableProxy, _PyWeakref_CallableProxyType);

type Wr = *mut PyWeakReference;

fn none_ptr() -> *mut PyObject {
    none().as_ptr()
}

/// The head of the object's list, if its type supports weak references.
fn list_of(o: &Object) -> Option<*mut Wr> {
    let off = o.ty().slots().tp_weaklistoffset;
    // SAFETY: the offset is within the instance, or in the pre-header.
    if off == 0 { None } else { Some(unsafe { o.as_ptr().cast::<u8>().offset(off).cast() }) }
}

/// Whether weak references to instances of the type can be made.
pub fn supports_weakrefs(ty: &Type) -> bool {
    ty.slots().tp_weaklistoffset != 0
}

/// Whether the object is a weak reference or a proxy (`PyWeakref_Check`).
pub fn check(o: &Object) -> bool {
    WeakRef::is_instance(o) || check_proxy(o)
}

pub fn check_proxy(o: &Object) -> bool {
    let t = o.ty();
    core::ptr::eq(t, WeakProxy::type_object()) || core::ptr::eq(t, WeakCallableProxy::type_object())
}

fn wr_of(o: &Object) -> Wr {
    o.as_ptr().cast()
}

unsafe fn lock_wr(w: Wr) -> &'static RawMutex {
    // SAFETY: set when the weak reference was made; locks are static.
    unsafe {
        let l: &'static RawMutex = RawMutex::from_ptr((*w).weakrefs_lock);
        l.lock_raw();
        l
    }
}

/// The referent of a weak reference or proxy, if it is alive (`PyWeakref_GetRef`).
pub fn get_referent(wr: &Object) -> Option<PyRef> {
    let w = wr_of(wr);
    // SAFETY: the fields are read under the lock; the referent's memory is valid while it is in `wr_object`.
    unsafe {
        let l = lock_wr(w);
        let p = (*w).wr_object;
        let ok = p != none_ptr() && try_incref(p);
        l.unlock();
        if ok { Some(Ref::from_raw(p.cast())) } else { None }
    }
}

/// Whether the referent is gone (`PyWeakref_IsDead`).
pub fn is_dead(wr: &Object) -> bool {
    get_referent(wr).is_none()
}

unsafe fn is_basic(w: Wr, ty: &Type) -> bool {
    // SAFETY: the list's lock is held.
    unsafe {
        (*w).wr_callback.is_null()
            && core::ptr::eq((*w).ob_base.ob_type.load(core::sync::atomic::Ordering::Relaxed), ty.as_raw())
    }
}

/// A living shareable reference of type `ty`, as a new reference. Under the list's lock.
unsafe fn find_basic(list: *mut Wr, ty: &Type) -> Option<PyRef> {
    // SAFETY: the list's lock is held; members are readable.
    unsafe {
        let mut w = *list;
        for _ in 0..2 {
            if w.is_null() || !(*w).wr_callback.is_null() {
                return None;
            }
            if is_basic(w, ty) && try_incref(w.cast()) {
                return Some(Ref::from_raw(w.cast()));
            }
            w = (*w).wr_next;
        }
        None
    }
}

/// Inserts a new reference: shareable ones at the head (the plain reference first), others behind them.
unsafe fn insert(list: *mut Wr, w: Wr, basic: bool, proxy: bool) {
    // SAFETY: the list's lock is held.
    unsafe {
        let mut prev: Wr = null_mut();
        if !(basic && !proxy) {
            // Behind the shareable ones.
            let mut at = *list;
            let mut n = 0;
            while !at.is_null()
                && (*at).wr_callback.is_null()
                && n < 2
                && (!basic
                    || WeakRef::type_object().as_raw()
                        == (*at).ob_base.ob_type.load(core::sync::atomic::Ordering::Relaxed))
            {
                prev = at;
                at = (*at).wr_next;
                n += 1;
            }
        }
        let next = if prev.is_null() { *list } else { (*prev).wr_next };
        (*w).wr_prev = prev;
        (*w).wr_next = next;
        if !next.is_null() {
            (*next).wr_prev = w;
        }
        if prev.is_null() { *list = w } else { (*prev).wr_next = w }
    }
}

/// Takes a reference out of its referent's list. Under the lock, with a referent.
unsafe fn unlink(w: Wr) {
    // SAFETY: the list's lock is held, and the referent's memory is valid while it is in `wr_object`.
    unsafe {
        let (prev, next) = ((*w).wr_prev, (*w).wr_next);
        if prev.is_null() {
            if let Some(list) = list_of(Object::from_ptr((*w).wr_object))
                && *list == w
            {
                *list = next;
            }
        } else {
            (*prev).wr_next = next;
        }
        if !next.is_null() {
            (*next).wr_prev = prev;
        }
        (*w).wr_prev = null_mut();
        (*w).wr_next = null_mut();
        (*w).wr_object = none_ptr();
    }
}

/// A reference of type `ty` to `ob`: a shareable one, or a new one.
fn get_or_create(ty: &Type, ob: &Object, callback: Option<&Object>) -> PyResult<PyRef> {
    let Some(list) = list_of(ob) else {
        return Err(raise!(TypeError, "cannot create weak reference to '{}' object", ob.ty().tp_name()));
    };
    let callback = callback.filter(|c| !c.is_none());
    let proxy = core::ptr::eq(ty, WeakProxy::type_object()) || core::ptr::eq(ty, WeakCallableProxy::type_object());
    let basic = callback.is_none() && (proxy || core::ptr::eq(ty, WeakRef::type_object()));
    let lock = lock_of(ob.as_ptr());
    if basic {
        // SAFETY: under the lock.
        if let Some(w) = lock.with_raw(|| unsafe { find_basic(list, ty) }) {
            return Ok(w);
        }
    }
    // SAFETY: `ob` is alive.
    unsafe { set_maybe_weakref(ob.as_ptr()) };
    let new: Ref<WeakRef> = crate::typeobject::alloc_object(ty)?;
    let w = new.0.get();
    // SAFETY: a new object that nobody else knows.
    unsafe {
        (*w).wr_object = none_ptr();
        (*w).wr_callback = callback.map_or(null_mut(), |c| c.to_ref().into_ptr());
        (*w).hash = -1;
        (*w).wr_prev = null_mut();
        (*w).wr_next = null_mut();
        (*w).vectorcall = Some(vectorcall);
        (*w).weakrefs_lock = lock.as_abi();
        // Others take it from the list by try-incref.
        set_maybe_weakref(w.cast());
    }
    // SAFETY: under the lock.
    let other = lock.with_raw(|| unsafe {
        let other = if basic { find_basic(list, ty) } else { None };
        if other.is_none() {
            (*w).wr_object = ob.as_ptr();
            insert(list, w, basic, proxy);
        }
        other
    });
    match other {
        Some(o) => Ok(o),
        None => {
            if !gc::is_tracked(&new) {
                gc::track(&new);
            }
            Ok(new.upcast())
        }
    }
}

/// `weakref.ref(ob, callback)`.
pub fn new_ref(ob: &Object, callback: Option<&Object>) -> PyResult<PyRef> {
    get_or_create(WeakRef::type_object(), ob, callback)
}

/// `weakref.proxy(ob, callback)`.
pub fn new_proxy(ob: &Object, callback: Option<&Object>) -> PyResult<PyRef> {
    let ty = if ob.is_callable() { WeakCallableProxy::type_object() } else { WeakProxy::type_object() };
    get_or_create(ty, ob, callback)
}

/// Calls `f` for the members of an object's list, under the lock.
fn for_each(o: &Object, mut f: impl FnMut(Wr)) {
    let Some(list) = list_of(o) else { return };
    lock_of(o.as_ptr()).with_raw(|| {
        // SAFETY: under the lock.
        unsafe {
            let mut w = *list;
            while !w.is_null() {
                let next = (*w).wr_next;
                f(w);
                w = next;
            }
        }
    });
}

/// `weakref.getweakrefcount(o)`.
pub fn count(o: &Object) -> usize {
    let mut n = 0;
    for_each(o, |w| {
        // SAFETY: members are readable under the lock.
        n += unsafe {
            (*w).ob_base.ob_ref_local.load(core::sync::atomic::Ordering::Relaxed) > 0
                || crate::mem::refcount::refcnt(Object::from_ptr(w.cast())) > 0
        } as usize
    });
    n
}

/// `weakref.getweakrefs(o)`.
pub fn list(o: &Object) -> Vec<PyRef> {
    let mut out = Vec::new();
    // SAFETY: members are readable under the lock.
    for_each(o, |w| unsafe {
        if try_incref(w.cast()) {
            out.push(Ref::from_raw(w.cast::<Object>()));
        }
    });
    out
}

/// Detaches a weak reference from its referent without calling its callback (`_PyWeakref_ClearRef` keeps the callback,
/// `drop_callback` drops it).
fn clear_ref(w: Wr, drop_callback: bool) {
    // SAFETY: fields are changed under the lock; without one the object was never completed.
    unsafe {
        if (*w).weakrefs_lock.is_null() {
            return;
        }
        let l = lock_wr(w);
        if (*w).wr_object != none_ptr() {
            unlink(w);
        }
        let cb = if drop_callback { core::mem::replace(&mut (*w).wr_callback, null_mut()) } else { null_mut() };
        l.unlock();
        if !cb.is_null() {
            decref(cb);
        }
    }
}

/// `_PyWeakref_ClearRef`.
///
/// # Safety
/// `w` is a live weak reference.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn _PyWeakref_ClearRef(w: *mut PyWeakReference) {
    clear_ref(w, false);
}

/// Calls the callback of a cleared weak reference with it, once; an exception goes to the unraisable hook.
pub(crate) fn call_callback(w: &Object) {
    let p = wr_of(w);
    // SAFETY: the field is changed under the lock.
    let cb = unsafe {
        let l = lock_wr(p);
        let cb = core::mem::replace(&mut (*p).wr_callback, null_mut());
        l.unlock();
        PyRef::from_ptr_opt(cb)
    };
    if let Some(cb) = cb
        && cb.call1(w).is_err()
    {
        crate::objects::exceptions::display::write_unraisable_call("weakref callback", &cb);
    }
}

/// The object is about to die: clears its weak references and calls their callbacks (`PyObject_ClearWeakRefs`). For
/// destructors of types with a weak list.
///
/// # Safety
/// `p` is dying: its count is zero.
#[unsafe(export_name = "PyObject_ClearWeakRefs")]
pub unsafe extern "C" fn clear_weakrefs(p: *mut PyObject) {
    // SAFETY: a dying object still has its type and its list.
    unsafe {
        let o = Object::from_ptr(p);
        let Some(list) = list_of(o) else { return };
        if (*list).is_null() {
            return;
        }
        let mut callbacks: Vec<PyRef> = Vec::new();
        lock_of(p).with_raw(|| {
            while !(*list).is_null() {
                let w = *list;
                unlink(w);
                if !(*w).wr_callback.is_null() && try_incref(w.cast()) {
                    callbacks.push(Ref::from_raw(w.cast()));
                }
            }
        });
        if callbacks.is_empty() {
            return;
        }
        let saved = crate::error::take_error();
        for w in callbacks {
            call_callback(&w);
        }
        if let Some(e) = saved {
            let _ = crate::error::restore(e);
        }
    }
}

/// The collector: clears every weak reference to the object; those with a callback for which `keep` holds are put in `out`.
///
/// # Safety
/// The world is stopped; `o` is alive.
pub(crate) unsafe fn clear_for_collector(o: &Object, keep: &mut dyn FnMut(&Object) -> bool, out: &mut Vec<PyRef>) {
    for_each(o, |w| {
        // SAFETY: under the lock.
        unsafe {
            unlink(w);
            if !(*w).wr_callback.is_null() && keep(Object::from_ptr(w.cast())) && try_incref(w.cast()) {
                out.push(Ref::from_raw(w.cast()));
            }
        }
    });
}

/// The collector: clears every weak reference, without callbacks.
///
/// # Safety
/// The world is stopped; `o` is alive.
pub(crate) unsafe fn clear_silently(o: &Object) {
    // SAFETY: under the lock.
    for_each(o, |w| unsafe { unlink(w) });
}

unsafe extern "C" fn vectorcall(
    slf: *mut PyObject,
    _args: *mut *mut PyObject,
    nargsf: usize,
    kwnames: *mut PyObject,
) -> *mut PyObject {
    crate::convert::guard_object(|| {
        // SAFETY: called on a weak reference, with the vectorcall convention.
        unsafe {
            if Object::from_ptr_opt(kwnames).and_then(|k| k.downcast::<Tuple>()).is_some_and(|k| k.len() > 0) {
                return Err(raise!(TypeError, "weakref() takes no keyword arguments"));
            }
            let n = nargsf & !(1 << 63);
            if n > 0 {
                return Err(raise!(TypeError, "weakref expected 0 arguments, got {}", n));
            }
            Ok(get_referent(Object::from_ptr(slf)).unwrap_or_else(none_ref))
        }
    })
}

impl WeakRef {
    /// The referent, if it is alive.
    pub fn get(&self) -> Option<PyRef> {
        get_referent(self)
    }

    fn callback_field(&self) -> Option<PyRef> {
        let w = self.0.get();
        // SAFETY: read under the lock.
        unsafe {
            let l = lock_wr(w);
            let cb = (*w).wr_callback;
            if !cb.is_null() {
                incref(cb);
            }
            l.unlock();
            PyRef::from_ptr_opt(cb)
        }
    }
}

fn traverse(w: Wr, v: &mut Visitor) -> c_int {
    // SAFETY: the world is stopped, or the object is ours.
    v.visit_ptr(unsafe { (*w).wr_callback })
}

unsafe fn dealloc(p: *mut PyObject) {
    // SAFETY: the object is dying; its type frees it.
    unsafe {
        let o = Object::from_ptr(p);
        gc::untrack(o);
        clear_ref(p.cast(), true);
        crate::mem::dealloc::free_instance(p);
    }
}

/// The types, to be readied at start.
pub fn specs() -> [&'static crate::typeobject::TypeSpec; 3] {
    use crate::convert::HasSpec;
    [<WeakRef as HasSpec>::spec(), <WeakProxy as HasSpec>::spec(), <WeakCallableProxy as HasSpec>::spec()]
}

#[pyclass(name = "ReferenceType", module = "weakref", type_object = _PyWeakref_RefType, flags = "BASETYPE|HAVE_GC|HAVE_VECTORCALL",
    vectorcalloffset = core::mem::offset_of!(abi::PyWeakReference, vectorcall))]
impl WeakRef {
    #[slot]
    fn tp_new(cls: &Type, args: FuncArgs<'_>) -> PyResult<PyRef> {
        if args.has_keywords() && core::ptr::eq(cls, WeakRef::type_object()) {
            return Err(raise!(TypeError, "ref() takes no keyword arguments"));
        }
        args.check_positional("__new__", 1, 2)?;
        get_or_create(cls, args.get(0).unwrap(), args.get(1))
    }
    #[slot]
    fn tp_init(&self, args: FuncArgs<'_>) -> PyResult<()> {
        if args.has_keywords() {
            return Err(raise!(TypeError, "ref() takes no keyword arguments"));
        }
        args.check_positional("__init__", 1, 2)
    }
    #[slot]
    fn tp_call(&self, args: FuncArgs<'_>) -> PyResult<PyRef> {
        if args.has_keywords() {
            return Err(raise!(TypeError, "weakref() takes no keyword arguments"));
        }
        args.check_positional("weakref", 0, 0)?;
        Ok(self.get().unwrap_or_else(none_ref))
    }
    #[slot]
    fn tp_repr(&self) -> PyResult<Ref<Str>> {
        let me: *const WeakRef = self;
        let Some(o) = self.get() else { return Str::format(format_args!("<weakref at {me:p}; dead>")) };
        let name = o.lookup_special(intern!("__name__"))?;
        let name = name.and_then(|n| n.downcast::<Str>().map(|n| n.to_string_lossy().into_owned()));
        let ty = o.ty().full_name()?;
        let (ty, p) = (ty.to_string_lossy(), o.as_ptr());
        match name {
            Some(n) => Str::format(format_args!("<weakref at {me:p}; to '{ty}' at {p:p} ({n})>")),
            None => Str::format(format_args!("<weakref at {me:p}; to '{ty}' at {p:p}>")),
        }
    }
    #[slot]
    fn tp_hash(&self) -> PyResult<isize> {
        // SAFETY: the field is only ever set to one value; an aligned word.
        let cached = unsafe { core::sync::atomic::AtomicIsize::from_ptr(&raw mut (*self.0.get()).hash) };
        let h = cached.load(core::sync::atomic::Ordering::Relaxed);
        if h != -1 {
            return Ok(h);
        }
        let Some(o) = self.get() else { return Err(raise!(TypeError, "weak object has gone away")) };
        let h = o.hash()?;
        cached.store(h, core::sync::atomic::Ordering::Relaxed);
        Ok(h)
    }
    #[slot]
    fn tp_richcompare(&self, other: &Object, op: CompareOp) -> PyResult<PyRef> {
        if !matches!(op, CompareOp::Eq | CompareOp::Ne) || !WeakRef::is_instance(other) {
            return Ok(not_implemented().to_ref());
        }
        match (self.get(), get_referent(other)) {
            (Some(a), Some(b)) => a.richcompare(&b, op),
            _ => Ok(Bool::of(self.is(other) == (op == CompareOp::Eq)).to_ref()),
        }
    }
    #[slot]
    fn tp_traverse(&self, v: &mut Visitor) -> c_int {
        traverse(self.0.get(), v)
    }
    #[slot]
    fn tp_clear(&self) {
        clear_ref(self.0.get(), true);
    }
    #[slot]
    fn tp_dealloc(this: *mut WeakRef) {
        // SAFETY: the object is dying.
        unsafe { dealloc(this.cast()) }
    }
    #[pygetset]
    fn __callback__(&self) -> Option<PyRef> {
        self.callback_field()
    }
    /// See PEP 585
    #[pyclassmethod]
    fn __class_getitem__(cls: &Type, item: &Object) -> PyResult<PyRef> {
        crate::objects::genericalias::new(cls, item)
    }
}

/// The referent of a proxy.
fn target(o: &Object) -> PyResult<PyRef> {
    get_referent(o).ok_or_else(|| raise!(ReferenceError, "weakly-referenced object no longer exists"))
}

fn attribute_name(name: &Object) -> PyResult<&Str> {
    name.downcast::<Str>()
        .ok_or_else(|| raise!(TypeError, "attribute name must be string, not '{}'", name.ty().tp_name()))
}

/// An operand: a proxy's referent, or the object itself.
fn unwrap(o: &Object) -> PyResult<PyRef> {
    if check_proxy(o) { target(o) } else { Ok(o.to_ref()) }
}

macro_rules! proxy {
    ($t:ident, $static:ident, $name:literal, {$($extra:tt)*}) => {
        #[pyclass(name = $name, module = "weakref", type_object = $static, flags = "HAVE_GC")]
        impl $t {
            $($extra)*
            #[slot] fn tp_repr(&self) -> PyResult<Ref<Str>> {
                let me: *const $t = self;
                match get_referent(self) {
                    Some(o) => {
                        let ty = o.ty().full_name()?;
                        Str::format(format_args!("<weakproxy at {me:p}; to '{}' at {:p}>", ty.to_string_lossy(), o.as_ptr()))
                    }
                    None => Str::format(format_args!("<weakproxy at {me:p}; dead>")),
                }
            }
            #[slot] fn tp_str(&self) -> PyResult<Ref<Str>> { target(self)?.str() }
            #[slot] fn tp_hash(&self) -> PyResult<isize> { Err(raise!(TypeError, "unhashable type: '{}'", self.ty().tp_name())) }
            #[slot] fn tp_richcompare(&self, other: &Object, op: CompareOp) -> PyResult<PyRef> { target(self)?.richcompare(&*unwrap(other)?, op) }
            #[slot] fn tp_getattro(&self, name: &Object) -> PyResult<PyRef> {
                target(self)?.getattr(attribute_name(name)?)
            }
            #[slot] fn tp_setattro(&self, name: &Object, v: Option<&Object>) -> PyResult<()> {
                let o = target(self)?;
                let name = attribute_name(name)?;
                match v { Some(v) => o.setattr(name, v), None => o.delattr(name) }
            }
            #[slot] fn tp_iter(&self) -> PyResult<PyRef> { target(self)?.iter() }
            #[slot] fn tp_iternext(&self) -> PyResult<Option<PyRef>> {
                let o = target(self)?;
                if !o.is_iter() {
                    return Err(raise!(TypeError, "Weakref proxy referenced a non-iterator '{}' object", o.ty().tp_name()));
                }
                o.iter_next()
            }
            #[slot] fn tp_traverse(&self, v: &mut Visitor) -> c_int { traverse(self.0.get(), v) }
            #[slot] fn tp_clear(&self) { clear_ref(self.0.get(), true); }
            #[slot] fn tp_dealloc(this: *mut $t) {
                // SAFETY: the object is dying.
                unsafe { dealloc(this.cast()) }
            }
            #[slot] fn sq_contains(&self, v: &Object) -> PyResult<bool> { target(self)?.contains(v) }
            #[slot] fn mp_length(&self) -> PyResult<usize> { target(self)?.len() }
            #[slot] fn mp_subscript(&self, k: &Object) -> PyResult<PyRef> { target(self)?.get_item(k) }
            #[slot] fn mp_ass_subscript(&self, k: &Object, v: Option<&Object>) -> PyResult<()> {
                let o = target(self)?;
                match v { Some(v) => o.set_item(k, v), None => o.del_item(k) }
            }
            #[slot] fn nb_bool(&self) -> PyResult<bool> { target(self)?.is_true() }
            #[slot] fn nb_negative(&self) -> PyResult<PyRef> { target(self)?.neg() }
            #[slot] fn nb_positive(&self) -> PyResult<PyRef> { target(self)?.pos() }
            #[slot] fn nb_absolute(&self) -> PyResult<PyRef> { target(self)?.abs() }
            #[slot] fn nb_invert(&self) -> PyResult<PyRef> { target(self)?.invert() }
            #[slot] fn nb_int(&self) -> PyResult<PyRef> { Ok(target(self)?.to_int()?.into()) }
            #[slot] fn nb_float(&self) -> PyResult<PyRef> { Ok(target(self)?.to_float()?.into()) }
            #[slot] fn nb_index(&self) -> PyResult<PyRef> { Ok(target(self)?.index()?.upcast()) }
            #[slot] fn nb_add(a: &Object, b: &Object) -> PyResult<PyRef> { unwrap(a)?.add(&*unwrap(b)?) }
            #[slot] fn nb_subtract(a: &Object, b: &Object) -> PyResult<PyRef> { unwrap(a)?.sub(&*unwrap(b)?) }
            #[slot] fn nb_multiply(a: &Object, b: &Object) -> PyResult<PyRef> { unwrap(a)?.mul(&*unwrap(b)?) }
            #[slot] fn nb_floor_divide(a: &Object, b: &Object) -> PyResult<PyRef> { unwrap(a)?.floordiv(&*unwrap(b)?) }
            #[slot] fn nb_true_divide(a: &Object, b: &Object) -> PyResult<PyRef> { unwrap(a)?.truediv(&*unwrap(b)?) }
            #[slot] fn nb_remainder(a: &Object, b: &Object) -> PyResult<PyRef> { unwrap(a)?.rem(&*unwrap(b)?) }
            #[slot] fn nb_divmod(a: &Object, b: &Object) -> PyResult<PyRef> { unwrap(a)?.divmod(&*unwrap(b)?) }
            #[slot] fn nb_power(a: &Object, b: &Object, c: &Object) -> PyResult<PyRef> { unwrap(a)?.pow(&*unwrap(b)?, &*unwrap(c)?) }
            #[slot] fn nb_lshift(a: &Object, b: &Object) -> PyResult<PyRef> { unwrap(a)?.lshift(&*unwrap(b)?) }
            #[slot] fn nb_rshift(a: &Object, b: &Object) -> PyResult<PyRef> { unwrap(a)?.rshift(&*unwrap(b)?) }
            #[slot] fn nb_and(a: &Object, b: &Object) -> PyResult<PyRef> { unwrap(a)?.and(&*unwrap(b)?) }
            #[slot] fn nb_xor(a: &Object, b: &Object) -> PyResult<PyRef> { unwrap(a)?.xor(&*unwrap(b)?) }
            #[slot] fn nb_or(a: &Object, b: &Object) -> PyResult<PyRef> { unwrap(a)?.or(&*unwrap(b)?) }
            #[slot] fn nb_matrix_multiply(a: &Object, b: &Object) -> PyResult<PyRef> { unwrap(a)?.matmul(&*unwrap(b)?) }
            #[slot] fn nb_inplace_add(a: &Object, b: &Object) -> PyResult<PyRef> { unwrap(a)?.inplace_add(&*unwrap(b)?) }
            #[slot] fn nb_inplace_subtract(a: &Object, b: &Object) -> PyResult<PyRef> { unwrap(a)?.inplace_sub(&*unwrap(b)?) }
            #[slot] fn nb_inplace_multiply(a: &Object, b: &Object) -> PyResult<PyRef> { unwrap(a)?.inplace_mul(&*unwrap(b)?) }
            #[slot] fn nb_inplace_floor_divide(a: &Object, b: &Object) -> PyResult<PyRef> { unwrap(a)?.inplace_floordiv(&*unwrap(b)?) }
            #[slot] fn nb_inplace_true_divide(a: &Object, b: &Object) -> PyResult<PyRef> { unwrap(a)?.inplace_truediv(&*unwrap(b)?) }
            #[slot] fn nb_inplace_remainder(a: &Object, b: &Object) -> PyResult<PyRef> { unwrap(a)?.inplace_rem(&*unwrap(b)?) }
            #[slot] fn nb_inplace_power(a: &Object, b: &Object, c: &Object) -> PyResult<PyRef> { unwrap(a)?.inplace_pow(&*unwrap(b)?, &*unwrap(c)?) }
            #[slot] fn nb_inplace_lshift(a: &Object, b: &Object) -> PyResult<PyRef> { unwrap(a)?.inplace_lshift(&*unwrap(b)?) }
            #[slot] fn nb_inplace_rshift(a: &Object, b: &Object) -> PyResult<PyRef> { unwrap(a)?.inplace_rshift(&*unwrap(b)?) }
            #[slot] fn nb_inplace_and(a: &Object, b: &Object) -> PyResult<PyRef> { unwrap(a)?.inplace_and(&*unwrap(b)?) }
            #[slot] fn nb_inplace_xor(a: &Object, b: &Object) -> PyResult<PyRef> { unwrap(a)?.inplace_xor(&*unwrap(b)?) }
            #[slot] fn nb_inplace_or(a: &Object, b: &Object) -> PyResult<PyRef> { unwrap(a)?.inplace_or(&*unwrap(b)?) }
            #[slot] fn nb_inplace_matrix_multiply(a: &Object, b: &Object) -> PyResult<PyRef> { unwrap(a)?.inplace_matmul(&*unwrap(b)?) }
            #[pymethod] fn __bytes__(&self) -> PyResult<Ref<Bytes>> { target(self)?.bytes() }
            #[pymethod] fn __reversed__(&self) -> PyResult<PyRef> { target(self)?.call_method(intern!("__reversed__"), &[]) }
        }
    };
}

proxy!(WeakProxy, _PyWeakref_ProxyType, "ProxyType", {});
proxy!(WeakCallableProxy, _PyWeakref_CallableProxyType, "CallableProxyType", {
    #[slot]
    fn tp_call(&self, args: FuncArgs<'_>) -> PyResult<PyRef> {
        let o = target(self)?;
        o.call_dict(&*args.to_tuple()?, args.kwargs_dict()?.as_deref())
    }
});
