//! The traceback type and the building of tracebacks while an exception unwinds.

use crate::error::{PyResult, restore, take_error};
use crate::interp::frame::InterpFrame;
use crate::object::{Object, PyClass, PyRef, Ref, Type};
use crate::objects::exceptions::{BaseException, Slot, types};
use crate::objects::long::ZEROED_TYPE;
use crate::objects::{Frame, Int, List, Str, none};
use crate::{py_layout, raise};
use macros::pyclass;

/// A traceback entry.
#[repr(transparent)]
pub struct Traceback(pub abi::PyTracebackObject);
py_layout!(Traceback, crate::objects::traceback::PyTraceBack_Type);

/// The type `traceback`.
#[unsafe(no_mangle)]
pub static mut PyTraceBack_Type: Type = ZEROED_TYPE;

impl Traceback {
    /// A new entry in front of `next`. `lineno` -1 is worked out from `lasti` when somebody asks.
    pub fn new(next: Option<PyRef>, frame: &Object, lasti: i32, lineno: i32) -> PyResult<Ref<Traceback>> {
        let t: Ref<Traceback> = crate::typeobject::alloc_object(Traceback::type_object())?;
        // SAFETY: nobody else sees the object yet.
        unsafe {
            let raw = &raw mut (*t.as_raw()).0;
            (*raw).tb_next = next.map_or(core::ptr::null_mut(), |n| n.into_ptr().cast());
            (*raw).tb_frame = frame.to_ref().into_ptr().cast();
            (*raw).tb_lasti = lasti;
            (*raw).tb_lineno = lineno;
        }
        crate::mem::gc::track(&t);
        Ok(t)
    }

    fn next_slot(&self) -> Slot<'_> {
        // SAFETY: the field is null or owns a traceback.
        unsafe { Slot::new((&raw const self.0.tb_next).cast()) }
    }

    /// `tb_next`.
    pub fn next(&self) -> Option<Ref<Traceback>> {
        // SAFETY: the setter admits tracebacks only.
        self.next_slot().get().map(|o| unsafe { o.cast_into() })
    }

    /// `tb_frame`.
    pub fn frame(&self) -> &Frame {
        // SAFETY: set once when the entry was made.
        unsafe { &*self.0.tb_frame.cast::<Frame>() }
    }

    /// `tb_lineno`; 0 is unknown.
    pub fn lineno(&self) -> i64 {
        if self.0.tb_lineno >= 0 {
            return self.0.tb_lineno as i64;
        }
        self.frame().code().line_of(self.0.tb_lasti as usize / 2).unwrap_or(0) as i64
    }

    /// File name and function name.
    pub fn place(&self) -> (Ref<Str>, Ref<Str>) {
        let code = self.frame().code();
        (Ref::new_ref(code.filename()), Ref::new_ref(code.name()))
    }
}

unsafe extern "C" fn traverse(
    p: *mut abi::PyObject,
    visit: abi::visitproc,
    arg: *mut core::ffi::c_void,
) -> core::ffi::c_int {
    let Some(visit) = visit else { return 0 };
    // SAFETY: the collector calls this with a traceback; both fields are null or owned.
    unsafe {
        let t = p.cast::<abi::PyTracebackObject>();
        for o in [(*t).tb_next.cast::<abi::PyObject>(), (*t).tb_frame.cast()] {
            if !o.is_null() {
                let r = visit(o, arg);
                if r != 0 {
                    return r;
                }
            }
        }
    }
    0
}

/// traceback(tb_next, tb_frame, tb_lasti, tb_lineno)
/// --
///
#[pyclass(name = "traceback", type_object = PyTraceBack_Type, flags = "HAVE_GC", members = "tb_frame: object@0.tb_frame readonly", slots(tp_traverse = traverse))]
impl Traceback {
    /// Create a new traceback object.
    #[slot(sig = "tb_next, tb_frame, tb_lasti, tb_lineno")]
    fn tp_new(cls: &Type, tb_next: &Object, tb_frame: &Object, tb_lasti: i32, tb_lineno: i32) -> PyResult<PyRef> {
        let _ = cls;
        if !tb_next.is_none() && tb_next.downcast::<Traceback>().is_none() {
            return Err(raise!(TypeError, "expected traceback object or None, got '{}'", tb_next.ty().name_str()));
        }
        let Some(frame) = tb_frame.downcast::<Frame>() else {
            return Err(raise!(
                TypeError,
                "traceback() argument 'tb_frame' must be frame, not {}",
                tb_frame.ty().name_str()
            ));
        };
        // Entries count our words
        let tb_lasti = if tb_lasti < 0 { tb_lasti } else { 2 * frame.code().word_at_offset(tb_lasti as usize) as i32 };
        let next = if tb_next.is_none() { None } else { Some(tb_next.to_ref()) };
        Ok(Traceback::new(next, tb_frame, tb_lasti, tb_lineno)?.upcast())
    }

    #[pygetset]
    fn tb_lasti(&self) -> i32 {
        let i = self.0.tb_lasti;
        if i < 0 { i } else { self.frame().code().shown_offset(i as usize / 2) as i32 }
    }

    #[slot]
    fn tp_clear(&self) {
        // Long chains are taken apart one by one, not by recursion.
        let mut next = self.take_next();
        while let Some(n) = next {
            if !n.is_uniquely_referenced() {
                break;
            }
            next = n.take_next();
        }
        // SAFETY: the field owns the frame.
        unsafe { Slot::new((&raw const self.0.tb_frame).cast()) }.set(None);
    }

    #[slot]
    fn tp_dealloc(this: *mut Self) {
        // SAFETY: the object is dead; its memory goes back through `tp_free`.
        unsafe {
            crate::mem::gc::untrack(&*this);
            (*this).tp_clear();
            if let Some(free) = (*this).ty().slots().tp_free {
                free(this.cast());
            }
        }
    }

    #[pymethod(name = "__dir__")]
    fn dir_(&self) -> PyResult<PyRef> {
        let names = ["tb_frame", "tb_next", "tb_lasti", "tb_lineno"];
        Ok(List::from_vec(names.iter().map(|n| Ok(Str::new(n)?.upcast())).collect::<PyResult<Vec<PyRef>>>()?)?.upcast())
    }

    #[pygetset(name = "tb_next")]
    fn tb_next(&self) -> PyResult<PyRef> {
        Ok(self.next_slot().get_or_none())
    }

    #[pysetter(name = "tb_next")]
    fn set_tb_next(&self, v: Option<&Object>) -> PyResult<()> {
        let Some(v) = v else { return Err(raise!(TypeError, "can't delete tb_next attribute")) };
        if v.is_none() {
            self.next_slot().set(None);
            return Ok(());
        }
        let Some(new) = v.downcast::<Traceback>() else {
            return Err(raise!(TypeError, "expected traceback object, got '{}'", v.ty().name_str()));
        };
        let mut cursor = Some(Ref::new_ref(new));
        while let Some(c) = cursor {
            if core::ptr::eq(&*c, self) {
                return Err(raise!(ValueError, "traceback loop detected"));
            }
            cursor = c.next();
        }
        self.next_slot().set(Some(v.to_ref()));
        Ok(())
    }

    #[pygetset(name = "tb_lineno")]
    fn tb_lineno(&self) -> PyResult<PyRef> {
        match self.lineno() {
            0 => Ok(none().to_ref()),
            n => Ok(Int::from_i64(n)?.upcast()),
        }
    }
}

impl Traceback {
    fn take_next(&self) -> Option<Ref<Traceback>> {
        let next = self.next();
        self.next_slot().set(None);
        next
    }
}

/// Adds an entry for the running `frame` to the traceback of the exception that is set (`PyTraceBack_Here`).
pub fn traceback_here(frame: *mut InterpFrame) {
    let Some(exc) = take_error() else { return };
    let add = || -> PyResult<()> {
        let f = InterpFrame::frame_object(frame)?;
        // SAFETY: a frame of this thread's stack.
        let lasti = unsafe { (*frame).lasti() } * 2;
        let t = Traceback::new(exc.traceback(), &f, lasti, -1)?;
        exc.set_traceback(Some(t.upcast()));
        Ok(())
    };
    if let Err(e) = add() {
        e.clear();
    }
    let _ = restore(exc);
}

/// Adds an entry with an explicit frame object and line.
pub fn traceback_add_frame(exc: &BaseException, frame: &Frame, lineno: i32) -> PyResult<()> {
    let t = Traceback::new(exc.traceback(), frame, 0, lineno)?;
    exc.set_traceback(Some(t.upcast()));
    Ok(())
}

/// Takes the frames of importlib's bootstrap out of the traceback of the exception that is set, as the import statement
/// does: all of them for an ImportError, else only the chunks that end in `_call_with_frames_removed`.
pub fn strip_importlib_frames() {
    let Some(exc) = take_error() else { return };
    let always = exc.ty().is_subtype(types::ImportError());
    let mut all: Vec<Ref<Traceback>> = Vec::new();
    let mut next = exc.traceback().and_then(|t| t.downcast_into::<Traceback>().ok());
    while let Some(t) = next {
        next = t.next();
        all.push(t);
    }
    let mut keep: Vec<Ref<Traceback>> = Vec::new();
    let mut i = 0;
    while i < all.len() {
        let internal = |t: &Traceback| {
            let f = t.place().0;
            f.eq_str("<frozen importlib._bootstrap>") || f.eq_str("<frozen importlib._bootstrap_external>")
        };
        if !internal(&all[i]) {
            keep.push(all[i].clone());
            i += 1;
            continue;
        }
        let start = i;
        let mut removed = always;
        while i < all.len() && internal(&all[i]) {
            removed |= all[i].place().1.eq_str("_call_with_frames_removed");
            i += 1;
        }
        if !removed {
            keep.extend(all[start..i].iter().cloned());
        }
    }
    if keep.len() != all.len() {
        for (j, t) in keep.iter().enumerate() {
            t.next_slot().set(keep.get(j + 1).map(|n| n.clone().upcast()));
        }
        exc.set_traceback(keep.first().map(|t| t.clone().upcast()));
    }
    let _ = restore(exc);
}
