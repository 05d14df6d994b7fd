//! Exceptions: layouts, types, raising, warnings and display.

pub mod raise;
pub mod types;

use crate::object::{Object, PyRef, Type};

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

impl BaseException {
    /// `__context__`, if set.
    pub fn context(&self) -> Option<PyRef> {
        todo!()
    }
}
