//! Exceptions: layouts, types, raising, warnings and display.
//!
//! `types` lists every built-in type, `base` and its siblings give their behaviour by layout, `raise` is how Rust code
//! raises, `warnings` the filters, `display` what prints an exception that nobody caught.
//!
//! The object fields of an instance are nullable pointers that own a reference. `Slot` reads and replaces them
//! atomically, so that two threads that touch one instance do not tear it.

pub mod base;
pub mod display;
pub mod group;
pub mod os_error;
pub mod raise;
pub mod simple;
pub mod syntax;
pub mod types;
pub mod unicode_error;
pub mod warnings;

use crate::error::PyResult;
use crate::object::{Object, PyRef, Ref, Type};
use crate::objects::Tuple;
use core::sync::atomic::{AtomicPtr, Ordering::AcqRel, Ordering::Acquire};

macro_rules! layouts {
    ($($(#[$doc:meta])* $name:ident = $abi:ident : $type_object:ident;)*) => {$(
        $(#[$doc])*
        #[repr(transparent)]
        pub struct $name(pub abi::$abi);
        $crate::py_layout!(@deref $name);
        // SAFETY: instances of the type and of its subclasses begin with this layout.
        unsafe impl crate::object::PyClass for $name {
            #[inline(always)]
            fn type_object() -> &'static Type {
                types::$type_object()
            }
        }
    )*};
}

/// Any exception instance.
#[repr(transparent)]
pub struct BaseException(pub abi::PyBaseExceptionObject);
crate::py_layout!(@deref BaseException);
// SAFETY: the flag marks exactly the subclasses of BaseException.
unsafe impl crate::object::PyClass for BaseException {
    #[inline(always)]
    fn type_object() -> &'static Type {
        types::BaseException()
    }
    #[inline(always)]
    fn is_instance(o: &Object) -> bool {
        o.ty().flags() & abi::Py_TPFLAGS_BASE_EXC_SUBCLASS != 0
    }
}

layouts! {
    /// `StopIteration`.
    StopIteration = PyStopIterationObject: StopIteration;
    /// `SystemExit`.
    SystemExit = PySystemExitObject: SystemExit;
    /// `BaseExceptionGroup` and `ExceptionGroup`.
    BaseExceptionGroup = PyBaseExceptionGroupObject: BaseExceptionGroup;
    /// `ImportError`.
    ImportError = PyImportErrorObject: ImportError;
    /// `OSError` and its subclasses.
    OSError = PyOSErrorObject: OSError;
    /// `NameError`.
    NameError = PyNameErrorObject: NameError;
    /// `AttributeError`.
    AttributeError = PyAttributeErrorObject: AttributeError;
    /// `SyntaxError` and its subclasses.
    SyntaxError = PySyntaxErrorObject: SyntaxError;
    /// `UnicodeEncodeError`, `UnicodeDecodeError`, `UnicodeTranslateError` (the plain `UnicodeError` lacks the fields).
    UnicodeError = PyUnicodeErrorObject: UnicodeError;
}

/// An object field of an exception: a nullable pointer that owns a reference.
#[derive(Clone, Copy)]
pub struct Slot<'a>(&'a AtomicPtr<abi::PyObject>);

impl<'a> Slot<'a> {
    /// The field `field` of an instance.
    ///
    /// # Safety
    /// The field holds null or an owned reference, and lives for `'a`.
    #[inline(always)]
    pub unsafe fn new(field: *const *mut abi::PyObject) -> Slot<'a> {
        // SAFETY: an aligned pointer that every access treats as atomic.
        Slot(unsafe { AtomicPtr::from_ptr(field.cast_mut()) })
    }

    /// The object.
    #[inline]
    pub fn get(self) -> Option<PyRef> {
        crate::thread::load_ref(self.0).or_else(|| {
            // An object of another thread that nobody has shared yet: it is not about to go.
            // SAFETY: the field owns its reference.
            unsafe { Object::from_ptr_opt(self.0.load(Acquire)) }.map(Object::to_ref)
        })
    }

    /// The object; `None` stands for an empty field.
    pub fn get_or_none(self) -> PyRef {
        self.get().unwrap_or_else(|| crate::objects::none().to_ref())
    }

    #[inline]
    pub fn is_null(self) -> bool {
        self.0.load(Acquire).is_null()
    }

    /// Replaces the object; the old one is dropped.
    #[inline]
    pub fn set(self, value: Option<PyRef>) {
        let new = value.map_or(core::ptr::null_mut(), Ref::into_ptr);
        // SAFETY: the field owned the old reference.
        drop(unsafe { PyRef::from_ptr_opt(self.0.swap(new, AcqRel)) });
    }
}

/// The slot of a field: `slot!(self, name)`.
macro_rules! slot {
    ($this:expr, $field:ident) => {
        // SAFETY: the object fields of exceptions are null or own a reference.
        unsafe { $crate::objects::exceptions::Slot::new(&raw const $this.0.$field) }
    };
}
pub(crate) use slot;

impl BaseException {
    /// `args`.
    pub fn args(&self) -> PyResult<Ref<Tuple>> {
        match slot!(self, args).get().map(PyRef::downcast_into::<Tuple>) {
            Some(Ok(t)) => Ok(t),
            _ => Ok(Tuple::empty()),
        }
    }

    /// Replaces `args`.
    pub fn set_args(&self, args: Ref<Tuple>) {
        slot!(self, args).set(Some(args.upcast()));
    }

    /// `__context__`, if set.
    pub fn context(&self) -> Option<Ref<BaseException>> {
        // SAFETY: the setters admit exceptions only.
        slot!(self, context).get().map(|o| unsafe { o.cast_into() })
    }

    /// Sets `__context__`.
    pub fn set_context(&self, context: Option<Ref<BaseException>>) {
        slot!(self, context).set(context.map(Ref::upcast));
    }

    /// `__cause__`, if set.
    pub fn cause(&self) -> Option<Ref<BaseException>> {
        // SAFETY: the setters admit exceptions only.
        slot!(self, cause).get().map(|o| unsafe { o.cast_into() })
    }

    /// Sets `__cause__` and, with it, `__suppress_context__`.
    pub fn set_cause(&self, cause: Option<Ref<BaseException>>) {
        self.set_suppress_context(true);
        slot!(self, cause).set(cause.map(Ref::upcast));
    }

    /// `__suppress_context__`.
    pub fn suppress_context(&self) -> bool {
        // SAFETY: one byte, written whole.
        unsafe { (&raw const self.0.suppress_context).read_volatile() != 0 }
    }

    /// Sets `__suppress_context__`.
    pub fn set_suppress_context(&self, on: bool) {
        // SAFETY: one byte, written whole.
        unsafe { (&raw const self.0.suppress_context).cast_mut().write_volatile(on as _) }
    }

    /// `__traceback__`, if set.
    pub fn traceback(&self) -> Option<PyRef> {
        slot!(self, traceback).get()
    }

    /// Sets `__traceback__`.
    pub fn set_traceback(&self, tb: Option<PyRef>) {
        slot!(self, traceback).set(tb);
    }
}

/// Descriptions of every exception type but `ExceptionGroup`, and of `traceback`, bases first.
pub fn specs() -> Vec<&'static crate::typeobject::TypeSpec> {
    use crate::convert::HasSpec;
    let mut all: Vec<_> = base::specs().iter().collect();
    all.push(crate::objects::Traceback::spec());
    all
}

/// What needs working types: `ExceptionGroup` (two bases) and the last-resort MemoryError.
pub fn init_statics() -> PyResult<()> {
    group::init_exception_group()?;
    raise::init_memory_error()
}
