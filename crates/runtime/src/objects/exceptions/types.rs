//! The built-in exception types: one table gives each type object, its exported `PyExc_` pointer and its accessor.
//!
//! `TypeError()` is the type as Rust code uses it; `PyExc_TypeError` is the variable that compiled extensions read.
#![allow(non_snake_case, non_upper_case_globals)]

use crate::object::Type;
use crate::objects::long::ZEROED_TYPE;

/// One row of the hierarchy: name, base, the layout family and the documentation string.
pub struct Row {
    pub name: &'static core::ffi::CStr,
    pub ty: fn() -> &'static Type,
    pub base: Option<fn() -> &'static Type>,
    pub layout: Layout,
    pub doc: &'static core::ffi::CStr,
}

/// The struct that instances of an exception type have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Layout {
    BaseException,
    StopIteration,
    SystemExit,
    BaseExceptionGroup,
    ImportError,
    OSError,
    NameError,
    AttributeError,
    SyntaxError,
    UnicodeError,
}

macro_rules! exceptions {
    ($($name:ident $export:ident $static_:ident $cname:literal ($($base:ident)?) $layout:ident $doc:literal;)*) => {
        $(
            pub(super) static mut $static_: Type = ZEROED_TYPE;
            #[doc = concat!("The exported pointer to the type `", stringify!($name), "`.")]
            #[unsafe(no_mangle)]
            pub static mut $export: *mut abi::PyObject = (&raw mut $static_).cast();
            #[doc = concat!("The type `", stringify!($name), "`.")]
            #[inline(always)]
            pub fn $name() -> &'static Type {
                // SAFETY: static type objects live as long as the process.
                unsafe { &*(&raw const $static_) }
            }
        )*
        /// Every built-in exception type, bases first.
        pub static TABLE: &[Row] = &[
            $(Row { name: $cname, ty: $name, base: exceptions!(@base $($base)?), layout: Layout::$layout, doc: $doc },)*
        ];
    };
    (@base) => { None };
    (@base $b:ident) => { Some($b) };
}

exceptions! {
    BaseException PyExc_BaseException TYPE_BaseException c"BaseException" () BaseException c"Common base class for all exceptions.";
    Exception PyExc_Exception TYPE_Exception c"Exception" (BaseException) BaseException c"Common base class for all non-exit exceptions.";
    TypeError PyExc_TypeError TYPE_TypeError c"TypeError" (Exception) BaseException c"Inappropriate argument type.";
    StopAsyncIteration PyExc_StopAsyncIteration TYPE_StopAsyncIteration c"StopAsyncIteration" (Exception) BaseException c"Signal the end from iterator.__anext__().";
    StopIteration PyExc_StopIteration TYPE_StopIteration c"StopIteration" (Exception) StopIteration c"Signal the end from iterator.__next__().";
    GeneratorExit PyExc_GeneratorExit TYPE_GeneratorExit c"GeneratorExit" (BaseException) BaseException c"Request that a generator exit.";
    SystemExit PyExc_SystemExit TYPE_SystemExit c"SystemExit" (BaseException) SystemExit c"Request to exit from the interpreter.";
    KeyboardInterrupt PyExc_KeyboardInterrupt TYPE_KeyboardInterrupt c"KeyboardInterrupt" (BaseException) BaseException c"Program interrupted by user.";
    BaseExceptionGroup PyExc_BaseExceptionGroup TYPE_BaseExceptionGroup c"BaseExceptionGroup" (BaseException) BaseExceptionGroup c"A combination of multiple unrelated exceptions.";
    ImportError PyExc_ImportError TYPE_ImportError c"ImportError" (Exception) ImportError c"Import can't find module, or can't find name in module.";
    ModuleNotFoundError PyExc_ModuleNotFoundError TYPE_ModuleNotFoundError c"ModuleNotFoundError" (ImportError) ImportError c"Module not found.";
    OSError PyExc_OSError TYPE_OSError c"OSError" (Exception) OSError c"Base class for I/O related errors.";
    EOFError PyExc_EOFError TYPE_EOFError c"EOFError" (Exception) BaseException c"Read beyond end of file.";
    RuntimeError PyExc_RuntimeError TYPE_RuntimeError c"RuntimeError" (Exception) BaseException c"Unspecified run-time error.";
    RecursionError PyExc_RecursionError TYPE_RecursionError c"RecursionError" (RuntimeError) BaseException c"Recursion limit exceeded.";
    NotImplementedError PyExc_NotImplementedError TYPE_NotImplementedError c"NotImplementedError" (RuntimeError) BaseException c"Method or function hasn't been implemented yet.";
    PythonFinalizationError PyExc_PythonFinalizationError TYPE_PythonFinalizationError c"PythonFinalizationError" (RuntimeError) BaseException c"Operation blocked during Python finalization.";
    NameError PyExc_NameError TYPE_NameError c"NameError" (Exception) NameError c"Name not found globally.";
    UnboundLocalError PyExc_UnboundLocalError TYPE_UnboundLocalError c"UnboundLocalError" (NameError) NameError c"Local name referenced but not bound to a value.";
    AttributeError PyExc_AttributeError TYPE_AttributeError c"AttributeError" (Exception) AttributeError c"Attribute not found.";
    SyntaxError PyExc_SyntaxError TYPE_SyntaxError c"SyntaxError" (Exception) SyntaxError c"Invalid syntax.";
    IndentationError PyExc_IndentationError TYPE_IndentationError c"IndentationError" (SyntaxError) SyntaxError c"Improper indentation.";
    TabError PyExc_TabError TYPE_TabError c"TabError" (IndentationError) SyntaxError c"Improper mixture of spaces and tabs.";
    _IncompleteInputError PyExc__IncompleteInputError TYPE__IncompleteInputError c"_IncompleteInputError" (SyntaxError) SyntaxError c"Internal: the source ends too early.";
    LookupError PyExc_LookupError TYPE_LookupError c"LookupError" (Exception) BaseException c"Base class for lookup errors.";
    IndexError PyExc_IndexError TYPE_IndexError c"IndexError" (LookupError) BaseException c"Sequence index out of range.";
    KeyError PyExc_KeyError TYPE_KeyError c"KeyError" (LookupError) BaseException c"Mapping key not found.";
    ValueError PyExc_ValueError TYPE_ValueError c"ValueError" (Exception) BaseException c"Inappropriate argument value (of correct type).";
    UnicodeError PyExc_UnicodeError TYPE_UnicodeError c"UnicodeError" (ValueError) BaseException c"Unicode related error.";
    UnicodeEncodeError PyExc_UnicodeEncodeError TYPE_UnicodeEncodeError c"UnicodeEncodeError" (UnicodeError) UnicodeError c"Unicode encoding error.";
    UnicodeDecodeError PyExc_UnicodeDecodeError TYPE_UnicodeDecodeError c"UnicodeDecodeError" (UnicodeError) UnicodeError c"Unicode decoding error.";
    UnicodeTranslateError PyExc_UnicodeTranslateError TYPE_UnicodeTranslateError c"UnicodeTranslateError" (UnicodeError) UnicodeError c"Unicode translation error.";
    AssertionError PyExc_AssertionError TYPE_AssertionError c"AssertionError" (Exception) BaseException c"Assertion failed.";
    ArithmeticError PyExc_ArithmeticError TYPE_ArithmeticError c"ArithmeticError" (Exception) BaseException c"Base class for arithmetic errors.";
    FloatingPointError PyExc_FloatingPointError TYPE_FloatingPointError c"FloatingPointError" (ArithmeticError) BaseException c"Floating-point operation failed.";
    OverflowError PyExc_OverflowError TYPE_OverflowError c"OverflowError" (ArithmeticError) BaseException c"Result too large to be represented.";
    ZeroDivisionError PyExc_ZeroDivisionError TYPE_ZeroDivisionError c"ZeroDivisionError" (ArithmeticError) BaseException c"Second argument to a division or modulo operation was zero.";
    SystemError PyExc_SystemError TYPE_SystemError c"SystemError" (Exception) BaseException c"Internal error in the interpreter.";
    ReferenceError PyExc_ReferenceError TYPE_ReferenceError c"ReferenceError" (Exception) BaseException c"Weak ref proxy used after referent went away.";
    MemoryError PyExc_MemoryError TYPE_MemoryError c"MemoryError" (Exception) BaseException c"Out of memory.";
    BufferError PyExc_BufferError TYPE_BufferError c"BufferError" (Exception) BaseException c"Buffer error.";
    BlockingIOError PyExc_BlockingIOError TYPE_BlockingIOError c"BlockingIOError" (OSError) OSError c"I/O operation would block.";
    ConnectionError PyExc_ConnectionError TYPE_ConnectionError c"ConnectionError" (OSError) OSError c"Connection error.";
    ChildProcessError PyExc_ChildProcessError TYPE_ChildProcessError c"ChildProcessError" (OSError) OSError c"Child process error.";
    BrokenPipeError PyExc_BrokenPipeError TYPE_BrokenPipeError c"BrokenPipeError" (ConnectionError) OSError c"Broken pipe.";
    ConnectionAbortedError PyExc_ConnectionAbortedError TYPE_ConnectionAbortedError c"ConnectionAbortedError" (ConnectionError) OSError c"Connection aborted.";
    ConnectionRefusedError PyExc_ConnectionRefusedError TYPE_ConnectionRefusedError c"ConnectionRefusedError" (ConnectionError) OSError c"Connection refused.";
    ConnectionResetError PyExc_ConnectionResetError TYPE_ConnectionResetError c"ConnectionResetError" (ConnectionError) OSError c"Connection reset.";
    FileExistsError PyExc_FileExistsError TYPE_FileExistsError c"FileExistsError" (OSError) OSError c"File already exists.";
    FileNotFoundError PyExc_FileNotFoundError TYPE_FileNotFoundError c"FileNotFoundError" (OSError) OSError c"File not found.";
    IsADirectoryError PyExc_IsADirectoryError TYPE_IsADirectoryError c"IsADirectoryError" (OSError) OSError c"Operation doesn't work on directories.";
    NotADirectoryError PyExc_NotADirectoryError TYPE_NotADirectoryError c"NotADirectoryError" (OSError) OSError c"Operation only works on directories.";
    InterruptedError PyExc_InterruptedError TYPE_InterruptedError c"InterruptedError" (OSError) OSError c"Interrupted by signal.";
    PermissionError PyExc_PermissionError TYPE_PermissionError c"PermissionError" (OSError) OSError c"Not enough permissions.";
    ProcessLookupError PyExc_ProcessLookupError TYPE_ProcessLookupError c"ProcessLookupError" (OSError) OSError c"Process not found.";
    TimeoutError PyExc_TimeoutError TYPE_TimeoutError c"TimeoutError" (OSError) OSError c"Timeout expired.";
    Warning PyExc_Warning TYPE_Warning c"Warning" (Exception) BaseException c"Base class for warning categories.";
    UserWarning PyExc_UserWarning TYPE_UserWarning c"UserWarning" (Warning) BaseException c"Base class for warnings generated by user code.";
    EncodingWarning PyExc_EncodingWarning TYPE_EncodingWarning c"EncodingWarning" (Warning) BaseException c"Base class for warnings about encodings.";
    DeprecationWarning PyExc_DeprecationWarning TYPE_DeprecationWarning c"DeprecationWarning" (Warning) BaseException c"Base class for warnings about deprecated features.";
    PendingDeprecationWarning PyExc_PendingDeprecationWarning TYPE_PendingDeprecationWarning c"PendingDeprecationWarning" (Warning) BaseException c"Base class for warnings about features which will be deprecated\nin the future.";
    SyntaxWarning PyExc_SyntaxWarning TYPE_SyntaxWarning c"SyntaxWarning" (Warning) BaseException c"Base class for warnings about dubious syntax.";
    RuntimeWarning PyExc_RuntimeWarning TYPE_RuntimeWarning c"RuntimeWarning" (Warning) BaseException c"Base class for warnings about dubious runtime behavior.";
    FutureWarning PyExc_FutureWarning TYPE_FutureWarning c"FutureWarning" (Warning) BaseException c"Base class for warnings about constructs that will change semantically\nin the future.";
    ImportWarning PyExc_ImportWarning TYPE_ImportWarning c"ImportWarning" (Warning) BaseException c"Base class for warnings about probable mistakes in module imports";
    UnicodeWarning PyExc_UnicodeWarning TYPE_UnicodeWarning c"UnicodeWarning" (Warning) BaseException c"Base class for warnings about Unicode related problems, mostly\nrelated to conversion problems.";
    BytesWarning PyExc_BytesWarning TYPE_BytesWarning c"BytesWarning" (Warning) BaseException c"Base class for warnings about bytes and buffer related problems, mostly\nrelated to conversion from str or comparing to str.";
    ResourceWarning PyExc_ResourceWarning TYPE_ResourceWarning c"ResourceWarning" (Warning) BaseException c"Base class for warnings about resource usage.";
}

/// `IOError`, an alias of `OSError`.
#[unsafe(no_mangle)]
pub static mut PyExc_IOError: *mut abi::PyObject = (&raw mut TYPE_OSError).cast();
/// `EnvironmentError`, an alias of `OSError`.
#[unsafe(no_mangle)]
pub static mut PyExc_EnvironmentError: *mut abi::PyObject = (&raw mut TYPE_OSError).cast();

/// `ExceptionGroup` has two bases and is made at start-up as a heap type; null before that.
pub(super) static EXCEPTION_GROUP: core::sync::atomic::AtomicPtr<Type> =
    core::sync::atomic::AtomicPtr::new(core::ptr::null_mut());

/// The type `ExceptionGroup` (once the built-in exceptions are initialised).
pub fn ExceptionGroup() -> &'static Type {
    // SAFETY: the pointer is set once at start-up to a type that is never freed.
    unsafe { EXCEPTION_GROUP.load(core::sync::atomic::Ordering::Acquire).as_ref() }.unwrap_or_else(BaseExceptionGroup)
}
