//! `atexit`: functions to call at the end of the interpreter.

use macros::pymodule;

/// allow programmer to define multiple exit functions to be executed
/// upon normal program termination.
///
/// Two public functions, register and unregister, are defined.
#[pymodule(name = "atexit")]
pub mod atexit {
    use runtime::prelude::*;
    use runtime::thread::InterpreterState;
    use runtime::thread::atexit::Entry;

    /// Register a function to be executed upon normal program termination
    ///
    ///     func - function to be called at exit
    ///     args - optional arguments to pass to func
    ///     kwargs - optional keyword arguments to pass to func
    ///
    ///     func is returned to facilitate usage as a decorator.
    #[pyfunction(raw, text_signature = "func, /, *args, **kwargs")]
    fn register(args: FuncArgs<'_>) -> PyResult<PyRef> {
        let Some(func) = args.get(0) else {
            return Err(raise!(TypeError, "register() takes at least 1 argument (0 given)"));
        };
        if !func.is_callable() {
            return Err(raise!(TypeError, "the first argument must be callable"));
        }
        let e = Entry { func: func.to_ref(), args: Tuple::from_slice(args.rest(1))?, kwargs: args.kwargs_dict()? };
        InterpreterState::current().atexit.register(e);
        Ok(func.to_ref())
    }
    /// Unregister an exit function which was previously registered using
    /// atexit.register
    ///
    ///     func - function to be unregistered
    #[pyfunction]
    fn unregister(func: &Object) -> PyResult<()> {
        InterpreterState::current().atexit.unregister(func)
    }
    /// Clear the list of previously registered exit functions.
    #[pyfunction]
    fn _clear() {
        InterpreterState::current().atexit.clear();
    }
    /// Return the number of registered exit functions.
    #[pyfunction]
    fn _ncallbacks() -> usize {
        InterpreterState::current().atexit.len()
    }
    /// Run all registered exit functions.
    ///
    /// If a callback raises an exception, it is logged with sys.unraisablehook.
    #[pyfunction]
    fn _run_exitfuncs() {
        InterpreterState::current().atexit.run();
    }
}
