//! `_weakref`: the engine of `weakref`.

use macros::pymodule;

/// Weak-reference support module.
#[pymodule(name = "_weakref")]
pub mod _weakref {
    use runtime::objects::weakref::{self, WeakCallableProxy, WeakProxy, WeakRef};
    use runtime::prelude::*;

    #[exec]
    fn init(m: &Module) -> PyResult<()> {
        m.add("ref", WeakRef::type_object().to_ref())?;
        m.add("ReferenceType", WeakRef::type_object().to_ref())?;
        m.add("ProxyType", WeakProxy::type_object().to_ref())?;
        m.add("CallableProxyType", WeakCallableProxy::type_object().to_ref())
    }

    /// Return the number of weak references to 'object'.
    #[pyfunction]
    fn getweakrefcount(object: &Object) -> usize {
        weakref::count(object)
    }
    /// Return a list of all weak reference objects pointing to 'object'.
    #[pyfunction]
    fn getweakrefs(object: &Object) -> PyResult<PyRef> {
        Ok(List::from_vec(weakref::list(object))?.upcast())
    }
    /// Create a proxy object that weakly references 'object'.
    ///
    /// 'callback', if given, is called with a reference to the
    /// proxy when 'object' is about to be finalized.
    #[pyfunction(sig = "object, callback=None, /")]
    fn proxy(object: &Object, callback: Option<&Object>) -> PyResult<PyRef> {
        weakref::new_proxy(object, callback)
    }
    /// Atomically remove key from dict if it points to a dead weakref.
    #[pyfunction]
    fn _remove_dead_weakref(dct: &Dict, key: &Object) -> PyResult<()> {
        runtime::thread::critical(dct, || {
            if let Some(v) = dct.get(key)? {
                if !weakref::check(&v) {
                    return Err(raise!(TypeError, "not a weakref"));
                }
                if weakref::is_dead(&v) {
                    dct.del(key)?;
                }
            }
            Ok(())
        })
    }
}
