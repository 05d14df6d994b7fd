//! Context variables: `contextvars.Context`, `ContextVar` and `Token`.
//!
//! The bindings of a context are an immutable object (`Bindings`); `set` publishes a new one, `copy_context` shares it, so copies are O(1)
//! and other threads read a context without a lock. Bindings are few: they are a vector, searched by identity.

use crate::error;
use crate::mem::refcount::set_maybe_weakref;
use crate::mem::{Visitor, dealloc, gc};
use crate::prelude::*;
use crate::thread::load_shared_ref;
use crate::typeobject::{CompareOp, alloc_object};
use abi::PyObject;
use core::ffi::c_int;
use core::ptr::null_mut;
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use core::sync::atomic::{AtomicBool, AtomicPtr};
use macros::pyclass;

/// Drops an owned slot.
struct Slot(AtomicPtr<PyObject>);

impl Slot {
    fn new(r: Option<PyRef>) -> Slot {
        let s = Slot(AtomicPtr::new(null_mut()));
        drop(s.replace(r));
        s
    }
    fn get(&self) -> Option<PyRef> {
        load_shared_ref(&self.0)
    }
    fn replace(&self, r: Option<PyRef>) -> Option<PyRef> {
        let new = r.map_or(null_mut(), |r| r.into_ptr());
        if !new.is_null() {
            // SAFETY: ours; other threads may try-incref it from the slot.
            unsafe { set_maybe_weakref(new) };
        }
        // SAFETY: the slot owned it.
        unsafe { PyRef::from_ptr_opt(self.0.swap(new, AcqRel)) }
    }
    fn visit(&self, v: &mut Visitor) -> c_int {
        v.visit_ptr(self.0.load(Relaxed))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        drop(self.replace(None));
    }
}

macro_rules! layouts {
    ($($(#[$m:meta])* $name:ident($body:ident) as $static:ident;)*) => {$(
        $(#[$m])*
        #[repr(C)]
        pub struct $name {
            ob_base: abi::PyObject,
            weaklist: *mut abi::PyWeakReference,
            body: core::mem::ManuallyDrop<$body>,
        }
        #[unsafe(no_mangle)]
        pub static mut $static: Type = Type::STATIC;
        py_layout!($name, $static);
        impl $name {
            fn make(body: $body) -> PyResult<Ref<$name>> {
                let o: Ref<$name> = alloc_object($name::type_object())?;
                // SAFETY: a new object with a zeroed body.
                unsafe { (&raw mut (*o.as_raw()).body).write(core::mem::ManuallyDrop::new(body)) };
                gc::track(&o);
                Ok(o)
            }
        }
    )*};
}

layouts! {
    /// `contextvars.Context`.
    Context(ContextBody) as PyContext_Type;
    /// `contextvars.ContextVar`.
    ContextVar(VarBody) as PyContextVar_Type;
    /// `contextvars.Token`.
    Token(TokenBody) as PyContextToken_Type;
    /// The variables bound in a context.
    Bindings(BindingsBody) as FREEWHEEL_BINDINGS_TYPE;
    /// The type of `Token.MISSING`.
    Missing(MissingBody) as FREEWHEEL_TOKEN_MISSING_TYPE;
}

struct MissingBody;
struct BindingsBody {
    items: Vec<(PyRef, PyRef)>,
}
struct ContextBody {
    vars: Slot,
    /// The context that was current when this one was entered.
    prev: Slot,
    entered: AtomicBool,
}
struct VarBody {
    name: Slot,
    default: Slot,
}
struct TokenBody {
    ctx: Slot,
    var: Slot,
    old: Slot,
    used: AtomicBool,
}

// SAFETY: `cast_into` of a slot that only ever holds that type.
unsafe fn cast<T>(r: PyRef) -> Ref<T> {
    // SAFETY: the caller's promise.
    unsafe { r.cast_into() }
}

impl Context {
    /// An empty context.
    pub fn new() -> PyResult<Ref<Context>> {
        Context::with(None)
    }

    fn with(vars: Option<PyRef>) -> PyResult<Ref<Context>> {
        Context::make(ContextBody { vars: Slot::new(vars), prev: Slot::new(None), entered: AtomicBool::new(false) })
    }

    /// `Context.copy()`.
    pub fn copy(&self) -> PyResult<Ref<Context>> {
        Context::with(self.body.vars.get())
    }

    fn vars(&self) -> Option<Ref<Bindings>> {
        // SAFETY: the slot holds bindings.
        self.body.vars.get().map(|r| unsafe { cast(r) })
    }

    /// The value of a variable in this context.
    pub fn lookup(&self, var: &Object) -> Option<PyRef> {
        let vars = self.vars()?;
        vars.body.items.iter().find(|(k, _)| k.is(var)).map(|(_, v)| v.clone())
    }

    /// Binds, or unbinds, a variable.
    fn bind(&self, var: &Object, value: Option<&Object>) -> PyResult<()> {
        let mut items: Vec<(PyRef, PyRef)> = self.vars().map_or(Vec::new(), |v| v.body.items.clone());
        match (items.iter().position(|(k, _)| k.is(var)), value) {
            (Some(i), Some(v)) => items[i].1 = v.to_ref(),
            (Some(i), None) => drop(items.remove(i)),
            (None, Some(v)) => items.push((var.to_ref(), v.to_ref())),
            (None, None) => {}
        }
        let new = Bindings::make(BindingsBody { items })?;
        drop(self.body.vars.replace(Some(new.upcast())));
        Ok(())
    }

    fn len(&self) -> usize {
        self.vars().map_or(0, |v| v.body.items.len())
    }

    fn items(&self) -> Vec<(PyRef, PyRef)> {
        self.vars().map_or(Vec::new(), |v| v.body.items.clone())
    }

    /// Makes this context current (`PyContext_Enter`).
    pub fn enter(&self) -> PyResult<()> {
        if self.body.entered.swap(true, AcqRel) {
            return Err(raise!(
                RuntimeError,
                "cannot enter context: {} is already entered",
                self.repr()?.to_string_lossy()
            ));
        }
        let ts = ThreadState::current().abi_mut();
        // SAFETY: the slot owns its reference.
        let old = unsafe { PyRef::from_ptr_opt(core::mem::replace(&mut ts.context, self.to_ref().into_ptr())) };
        drop(self.body.prev.replace(old));
        switched();
        Ok(())
    }

    /// Makes the context current that was before (`PyContext_Exit`).
    pub fn exit(&self) -> PyResult<()> {
        if !self.body.entered.load(Acquire) {
            return Err(raise!(
                RuntimeError,
                "cannot exit context: {} has not been entered",
                self.repr()?.to_string_lossy()
            ));
        }
        let ts = ThreadState::current().abi_mut();
        if ts.context != self.as_ptr() {
            return Err(raise!(
                RuntimeError,
                "cannot exit context: thread state references a different context object"
            ));
        }
        let prev = self.body.prev.replace(None);
        // SAFETY: the slot owns its reference.
        let me = unsafe {
            PyRef::from_ptr_opt(core::mem::replace(&mut ts.context, prev.map_or(null_mut(), |p| p.into_ptr())))
        };
        self.body.entered.store(false, Release);
        switched();
        drop(me);
        Ok(())
    }
}

fn switched() {
    let ts = ThreadState::current().abi_mut();
    ts.context_ver += 1;
    let cur = ts.context;
    for w in &WATCHERS {
        let f = w.load(Acquire);
        if !f.is_null() {
            // SAFETY: only functions of this type are stored; the current context is alive.
            let bad = unsafe {
                let f = core::mem::transmute::<*mut (), unsafe extern "C" fn(c_int, *mut PyObject) -> c_int>(f);
                f(1, if cur.is_null() { none().as_ptr() } else { cur }) < 0
            };
            if bad {
                let saved = error::take_error();
                // SAFETY: the current context is alive.
                let shown = unsafe { Object::from_ptr_opt(cur) }.map_or_else(
                    || "None".to_owned(),
                    |c| {
                        c.repr().map_or_else(
                            |e| {
                                e.clear();
                                "?".to_owned()
                            },
                            |r| r.to_string_lossy().into_owned(),
                        )
                    },
                );
                if let Some(e) = saved {
                    let _ = error::restore(e);
                }
                crate::objects::exceptions::display::write_unraisable_msg(
                    &format!("Exception ignored in Py_CONTEXT_SWITCHED watcher callback for {shown}"),
                    None,
                );
            }
        }
    }
}

static WATCHERS: [AtomicPtr<()>; 8] = [const { AtomicPtr::new(null_mut()) }; 8];

/// `PyContext_AddWatcher`.
pub fn add_watcher(f: unsafe extern "C" fn(c_int, *mut PyObject) -> c_int) -> PyResult<c_int> {
    for (i, w) in WATCHERS.iter().enumerate() {
        if w.compare_exchange(null_mut(), f as *mut (), AcqRel, Relaxed).is_ok() {
            return Ok(i as c_int);
        }
    }
    Err(raise!(RuntimeError, "no more context watcher IDs available"))
}

/// `PyContext_ClearWatcher`.
pub fn clear_watcher(id: c_int) -> PyResult<()> {
    match usize::try_from(id).ok().and_then(|i| WATCHERS.get(i)) {
        None => Err(raise!(ValueError, "Invalid context watcher ID {}", id)),
        Some(w) if w.swap(null_mut(), AcqRel).is_null() => {
            Err(raise!(ValueError, "No context watcher set for ID {}", id))
        }
        Some(_) => Ok(()),
    }
}

/// The thread's current context; a new one on first use.
pub fn current() -> PyResult<Ref<Context>> {
    let ts = ThreadState::current().abi_mut();
    // SAFETY: the slot owns a context.
    if let Some(c) = unsafe { Object::from_ptr_opt(ts.context) } {
        // SAFETY: as above.
        return Ok(unsafe { cast(c.to_ref()) });
    }
    let c = Context::new()?;
    ts.context = c.clone().into_ptr();
    c.body.entered.store(true, Release);
    Ok(c)
}

/// `contextvars.copy_context()`.
pub fn copy_current() -> PyResult<Ref<Context>> {
    current()?.copy()
}

/// `Token.MISSING`.
pub fn missing() -> PyResult<&'static Object> {
    static MISSING: AtomicPtr<PyObject> = AtomicPtr::new(null_mut());
    let p = MISSING.load(Acquire);
    if !p.is_null() {
        // SAFETY: immortal.
        return Ok(unsafe { Object::from_ptr(p) });
    }
    let m = Missing::make(MissingBody)?;
    crate::mem::refcount::set_immortal(&m);
    let new = m.into_ptr();
    let p = match MISSING.compare_exchange(null_mut(), new, AcqRel, Acquire) {
        Ok(_) => new,
        Err(old) => old,
    };
    // SAFETY: immortal.
    Ok(unsafe { Object::from_ptr(p) })
}

impl ContextVar {
    /// `ContextVar(name, default=…)`.
    pub fn new(name: &Object, default: Option<&Object>) -> PyResult<Ref<ContextVar>> {
        if !Str::is_instance(name) {
            return Err(raise!(TypeError, "context variable name must be a str"));
        }
        name.hash()?;
        ContextVar::make(VarBody {
            name: Slot::new(Some(name.to_ref())),
            default: Slot::new(default.map(|d| d.to_ref())),
        })
    }

    /// The value in the current context, the given default, the variable's default; `None` if there is none of these.
    pub fn value(&self, default: Option<&Object>) -> Option<PyRef> {
        // SAFETY: the slot owns a context.
        if let Some(c) = unsafe { Object::from_ptr_opt(ThreadState::current().abi().context) } {
            // SAFETY: as above.
            let c: &Context = unsafe { c.cast() };
            if let Some(v) = c.lookup(self) {
                return Some(v);
            }
        }
        default.map(|d| d.to_ref()).or_else(|| self.body.default.get())
    }

    /// `ContextVar.set`.
    pub fn assign(&self, value: &Object) -> PyResult<Ref<Token>> {
        let ctx = current()?;
        let old = ctx.lookup(self);
        let token = Token::make(TokenBody {
            ctx: Slot::new(Some(ctx.clone().upcast())),
            var: Slot::new(Some(self.to_ref())),
            old: Slot::new(old),
            used: AtomicBool::new(false),
        })?;
        ctx.bind(self, Some(value))?;
        Ok(token)
    }

    /// `ContextVar.reset`.
    pub fn restore(&self, token: &Token) -> PyResult<()> {
        let repr = || token.repr().map(|r| r.to_string_lossy().to_string());
        if token.body.used.load(Acquire) {
            return Err(raise!(RuntimeError, "{} has already been used once", repr()?));
        }
        if !token.body.var.get().is_some_and(|v| v.is(self)) {
            return Err(raise!(ValueError, "{} was created by a different ContextVar", repr()?));
        }
        let ctx = current()?;
        if !token.body.ctx.get().is_some_and(|c| c.is(&ctx)) {
            return Err(raise!(ValueError, "{} was created in a different Context", repr()?));
        }
        token.body.used.store(true, Release);
        ctx.bind(self, token.body.old.get().as_deref())
    }
}

fn key(o: &Object) -> PyResult<&Object> {
    if ContextVar::is_instance(o) {
        Ok(o)
    } else {
        Err(raise!(TypeError, "a ContextVar key was expected, got {}", o.repr()?.to_string_lossy()))
    }
}

#[pyclass(name = "Context", module = "_contextvars", type_object = PyContext_Type, flags = "HAVE_GC", weaklistoffset = core::mem::offset_of!(Context, weaklist))]
impl Context {
    #[slot]
    fn tp_new(_cls: &Type, args: FuncArgs<'_>) -> PyResult<PyRef> {
        if args.len() > 0 || args.has_keywords() {
            return Err(raise!(TypeError, "Context() does not accept any arguments"));
        }
        Ok(Context::new()?.upcast())
    }
    #[slot]
    fn tp_traverse(&self, v: &mut Visitor) -> c_int {
        let r = self.body.vars.visit(v);
        if r != 0 { r } else { self.body.prev.visit(v) }
    }
    #[slot]
    fn tp_clear(&self) {
        drop(self.body.vars.replace(None));
        drop(self.body.prev.replace(None));
    }
    #[slot]
    fn tp_dealloc(this: *mut Context) {
        // SAFETY: the object is dying.
        unsafe { dealloc::dealloc_body(this.cast(), (&raw mut (*this).body).cast::<ContextBody>()) }
    }
    #[slot]
    fn tp_richcompare(&self, other: &Object, op: CompareOp) -> PyResult<PyRef> {
        let (Some(other), CompareOp::Eq | CompareOp::Ne) = (other.downcast::<Context>(), op) else {
            return Ok(not_implemented().to_ref());
        };
        let (a, b) = (self.items(), other.items());
        let mut equal = a.len() == b.len();
        if equal {
            for (k, v) in &a {
                match b.iter().find(|(k2, _)| k2.is(k)) {
                    Some((_, w)) if v.eq(w)? => {}
                    _ => {
                        equal = false;
                        break;
                    }
                }
            }
        }
        Ok(Bool::of(equal == (op == CompareOp::Eq)).to_ref())
    }
    #[slot]
    fn tp_hash(&self) -> PyResult<isize> {
        Err(raise!(TypeError, "unhashable type: '_contextvars.Context'"))
    }
    #[slot]
    fn tp_iter(&self) -> PyResult<PyRef> {
        self.keys()?.upcast().iter()
    }
    #[slot]
    fn mp_length(&self) -> PyResult<usize> {
        Ok(self.len())
    }
    #[slot]
    fn mp_subscript(&self, k: &Object) -> PyResult<PyRef> {
        match self.lookup(key(k)?) {
            Some(v) => Ok(v),
            None => Err(error::raise_key_error(k)),
        }
    }
    #[slot]
    fn sq_contains(&self, k: &Object) -> PyResult<bool> {
        Ok(self.lookup(key(k)?).is_some())
    }
    /// Return the value for `key` if `key` has the value in the context object.
    ///
    /// If `key` does not exist, return `default`. If `default` is not given,
    /// return None.
    #[pymethod(sig = "key, default=None, /", name = "get")]
    fn get_value(&self, k: &Object, default: Option<&Object>) -> PyResult<PyRef> {
        Ok(self.lookup(key(k)?).unwrap_or_else(|| default.unwrap_or(none()).to_ref()))
    }
    /// Return all variables and their values in the context object.
    ///
    /// The result is returned as a list of 2-tuples (variable, value).
    #[pymethod(name = "items")]
    fn py_items(&self) -> PyResult<PyRef> {
        let mut out = Vec::new();
        for (k, v) in self.items() {
            out.push(Tuple::new(vec![k, v])?.upcast());
        }
        Tuple::new(out)?.upcast().iter()
    }
    /// Return a list of all variables in the context object.
    #[pymethod(name = "keys")]
    fn py_keys(&self) -> PyResult<PyRef> {
        self.keys()?.upcast().iter()
    }
    /// Return a list of all variables' values in the context object.
    #[pymethod]
    fn values(&self) -> PyResult<PyRef> {
        Tuple::new(self.items().into_iter().map(|(_, v)| v).collect())?.upcast().iter()
    }
    /// Return a shallow copy of the context object.
    #[pymethod(name = "copy")]
    fn py_copy(&self) -> PyResult<PyRef> {
        Ok(self.copy()?.upcast())
    }
    #[pymethod(raw)]
    fn run(&self, args: FuncArgs<'_>) -> PyResult<PyRef> {
        let Some(f) = args.get(0) else {
            return Err(raise!(TypeError, "run() missing 1 required positional argument"));
        };
        self.enter()?;
        let rest = Tuple::from_slice(args.rest(1));
        let result = rest.and_then(|rest| {
            let kw = args.kwargs_dict()?;
            f.call_dict(&rest, kw.as_deref())
        });
        // The exception of the call, if any, is more important than one of leaving.
        let saved = if result.is_err() { error::take_error() } else { None };
        let left = self.exit();
        if let Some(e) = saved {
            if let Err(l) = left {
                l.clear();
            }
            return Err(error::restore(e));
        }
        left?;
        result
    }
}

impl Context {
    fn keys(&self) -> PyResult<Ref<Tuple>> {
        Tuple::new(self.items().into_iter().map(|(k, _)| k).collect())
    }
}

#[pyclass(name = "ContextVar", module = "_contextvars", type_object = PyContextVar_Type, flags = "HAVE_GC", weaklistoffset = core::mem::offset_of!(ContextVar, weaklist))]
impl ContextVar {
    #[slot]
    fn tp_new(_cls: &Type, args: FuncArgs<'_>) -> PyResult<PyRef> {
        let mut name = args.get(0);
        let mut default = None;
        if args.len() > 1 {
            return Err(raise!(TypeError, "ContextVar() takes at most 1 positional argument ({} given)", args.len()));
        }
        for (k, v) in args.keywords() {
            // SAFETY: keyword names are strings.
            let k: &Str = unsafe { k.cast() };
            if k.eq_str("name") && name.is_none() {
                name = Some(v);
            } else if k.eq_str("default") {
                default = Some(v);
            } else {
                return Err(raise!(
                    TypeError,
                    "ContextVar() got an unexpected keyword argument '{}'",
                    k.to_string_lossy()
                ));
            }
        }
        let Some(name) = name else {
            return Err(raise!(TypeError, "ContextVar() takes exactly 1 positional argument (0 given)"));
        };
        Ok(ContextVar::new(name, default)?.upcast())
    }
    #[slot]
    fn tp_traverse(&self, v: &mut Visitor) -> c_int {
        let r = self.body.name.visit(v);
        if r != 0 { r } else { self.body.default.visit(v) }
    }
    #[slot]
    fn tp_clear(&self) {
        drop(self.body.default.replace(None));
    }
    #[slot]
    fn tp_dealloc(this: *mut ContextVar) {
        // SAFETY: the object is dying.
        unsafe { dealloc::dealloc_body(this.cast(), (&raw mut (*this).body).cast::<VarBody>()) }
    }
    #[slot]
    fn tp_repr(&self) -> PyResult<Ref<Str>> {
        let name = match self.body.name.get() {
            Some(n) => n.repr()?.to_string_lossy().to_string(),
            None => String::new(),
        };
        let me: *const ContextVar = self;
        match self.body.default.get() {
            Some(d) => {
                Str::format(format_args!("<ContextVar name={name} default={} at {me:p}>", d.repr()?.to_string_lossy()))
            }
            None => Str::format(format_args!("<ContextVar name={name} at {me:p}>")),
        }
    }
    #[pygetset]
    fn name(&self) -> PyResult<PyRef> {
        Ok(self.body.name.get().unwrap_or_else(none_ref))
    }
    /// Return a value for the context variable for the current context.
    ///
    /// If there is no value for the variable in the current context, the method will:
    ///  * return the value of the default argument of the method, if provided; or
    ///  * return the default value for the context variable, if it was created
    ///    with one; or
    ///  * raise a LookupError.
    #[pymethod(raw)]
    fn get(&self, args: FuncArgs<'_>) -> PyResult<PyRef> {
        args.no_keywords("get")?;
        args.check_positional("get", 0, 1)?;
        match self.value(args.get(0)) {
            Some(v) => Ok(v),
            None => Err(error::raise_object(exc::LookupError(), self)),
        }
    }
    /// Call to set a new value for the context variable in the current context.
    ///
    /// The required *value* argument is the new value for the context variable.
    ///
    /// Returns a Token object that can be used to restore the variable to its previous
    /// value via the `ContextVar.reset()` method.
    #[pymethod]
    fn set(&self, value: &Object) -> PyResult<PyRef> {
        Ok(self.assign(value)?.upcast())
    }
    /// Reset the context variable.
    ///
    /// The variable is reset to the value it had before the `ContextVar.set()` that
    /// created the token was used.
    #[pymethod]
    fn reset(&self, token: &Object) -> PyResult<()> {
        match token.downcast::<Token>() {
            Some(t) => self.restore(t),
            None => Err(raise!(TypeError, "expected an instance of Token, got {}", token.repr()?.to_string_lossy())),
        }
    }
    /// See PEP 585
    #[pyclassmethod]
    fn __class_getitem__(cls: &Type, item: &Object) -> PyResult<PyRef> {
        crate::objects::genericalias::new(cls, item)
    }
}

#[pyclass(name = "Token", module = "_contextvars", type_object = PyContextToken_Type, flags = "HAVE_GC", weaklistoffset = core::mem::offset_of!(Token, weaklist))]
impl Token {
    #[slot]
    fn tp_new(_cls: &Type, _args: FuncArgs<'_>) -> PyResult<PyRef> {
        Err(raise!(RuntimeError, "Tokens can only be created by ContextVars"))
    }
    #[slot]
    fn tp_traverse(&self, v: &mut Visitor) -> c_int {
        for s in [&self.body.ctx, &self.body.var, &self.body.old] {
            let r = s.visit(v);
            if r != 0 {
                return r;
            }
        }
        0
    }
    #[slot]
    fn tp_clear(&self) {
        for s in [&self.body.ctx, &self.body.var, &self.body.old] {
            drop(s.replace(None));
        }
    }
    #[slot]
    fn tp_dealloc(this: *mut Token) {
        // SAFETY: the object is dying.
        unsafe { dealloc::dealloc_body(this.cast(), (&raw mut (*this).body).cast::<TokenBody>()) }
    }
    #[slot]
    fn tp_hash(&self) -> PyResult<isize> {
        Err(raise!(TypeError, "unhashable type: '_contextvars.Token'"))
    }
    #[slot]
    fn tp_repr(&self) -> PyResult<Ref<Str>> {
        let var = match self.body.var.get() {
            Some(v) => v.repr()?.to_string_lossy().to_string(),
            None => String::new(),
        };
        let used = if self.body.used.load(Acquire) { " used" } else { "" };
        let me: *const Token = self;
        Str::format(format_args!("<Token{used} var={var} at {me:p}>"))
    }
    #[pygetset]
    fn var(&self) -> PyResult<PyRef> {
        Ok(self.body.var.get().unwrap_or_else(none_ref))
    }
    #[pygetset]
    fn old_value(&self) -> PyResult<PyRef> {
        match self.body.old.get() {
            Some(v) => Ok(v),
            None => Ok(missing()?.to_ref()),
        }
    }
    /// Enter into Token context manager.
    #[pymethod]
    fn __enter__(&self) -> PyResult<PyRef> {
        if self.body.used.load(Acquire) {
            return Err(raise!(RuntimeError, "{} has already been used once", self.repr()?.to_string_lossy()));
        }
        Ok(self.to_ref())
    }
    /// Exit from Token context manager, restore the linked ContextVar.
    #[pymethod]
    fn __exit__(&self, _type: &Object, _val: &Object, _tb: &Object) -> PyResult<()> {
        match self.body.var.get() {
            // SAFETY: the slot holds a variable.
            Some(v) => unsafe { cast::<ContextVar>(v) }.restore(self),
            None => Ok(()),
        }
    }
    /// See PEP 585
    #[pyclassmethod]
    fn __class_getitem__(cls: &Type, item: &Object) -> PyResult<PyRef> {
        crate::objects::genericalias::new(cls, item)
    }
}

#[pyclass(name = "hamt", type_object = FREEWHEEL_BINDINGS_TYPE, flags = "HAVE_GC|DISALLOW_INSTANTIATION")]
impl Bindings {
    #[slot]
    fn tp_traverse(&self, v: &mut Visitor) -> c_int {
        for (k, x) in &self.body.items {
            let r = v.visit(k);
            if r != 0 {
                return r;
            }
            let r = v.visit(x);
            if r != 0 {
                return r;
            }
        }
        0
    }
    #[slot]
    fn tp_dealloc(this: *mut Bindings) {
        // SAFETY: the object is dying.
        unsafe { dealloc::dealloc_body(this.cast(), (&raw mut (*this).body).cast::<BindingsBody>()) }
    }
}

#[pyclass(name = "MISSING", module = "Token", type_object = FREEWHEEL_TOKEN_MISSING_TYPE, flags = "HAVE_GC|DISALLOW_INSTANTIATION")]
impl Missing {
    #[slot]
    fn tp_repr(&self) -> PyResult<Ref<Str>> {
        Str::new("<Token.MISSING>")
    }
    #[slot]
    fn tp_traverse(&self, _v: &mut Visitor) -> c_int {
        0
    }
}

/// The types, to be readied at start.
pub fn specs() -> [&'static crate::typeobject::TypeSpec; 5] {
    use crate::convert::HasSpec;
    [
        <Missing as HasSpec>::spec(),
        <Bindings as HasSpec>::spec(),
        <Context as HasSpec>::spec(),
        <ContextVar as HasSpec>::spec(),
        <Token as HasSpec>::spec(),
    ]
}

/// Puts `MISSING` into `Token`, once the types are ready.
pub fn init_statics() -> PyResult<()> {
    let t = Token::type_object();
    t.dict().set_str("MISSING", missing()?)?;
    t.modified();
    Ok(())
}
