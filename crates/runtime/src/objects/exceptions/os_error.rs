//! `OSError`: the subclass follows from `errno`, the text from the file names.

use super::base::{none_obj, not_none, small_int_of};
use super::simple::base;
use super::{OSError, slot, types};
use crate::convert::FuncArgs;
use crate::error::PyResult;
use crate::object::{Object, PyClass, PyRef, Ref, Type};
use crate::objects::{Int, Str, StrBuilder, Tuple};
use crate::raise;
use macros::pyclass;

/// The subclass of `OSError` that an errno stands for.
pub fn subclass_for(errno: i64) -> Option<&'static Type> {
    Some(match i32::try_from(errno).ok()? {
        libc::EAGAIN | libc::EALREADY | libc::EINPROGRESS => types::BlockingIOError(),
        libc::EPIPE | libc::ESHUTDOWN => types::BrokenPipeError(),
        libc::ECHILD => types::ChildProcessError(),
        libc::ECONNABORTED => types::ConnectionAbortedError(),
        libc::ECONNREFUSED => types::ConnectionRefusedError(),
        libc::ECONNRESET => types::ConnectionResetError(),
        libc::EEXIST => types::FileExistsError(),
        libc::ENOENT => types::FileNotFoundError(),
        libc::EISDIR => types::IsADirectoryError(),
        libc::ENOTDIR => types::NotADirectoryError(),
        libc::EINTR => types::InterruptedError(),
        libc::EACCES | libc::EPERM => types::PermissionError(),
        libc::ESRCH => types::ProcessLookupError(),
        libc::ETIMEDOUT => types::TimeoutError(),
        _ => return None,
    })
}

fn slot_of(f: Option<abi::initproc>) -> usize {
    f.flatten().map_or(0, |f| f as usize)
}

/// A subclass that overrides `__init__` but not `__new__` gets its fields in `__init__`, every other in `__new__`.
fn init_in_init(ty: &Type) -> bool {
    let (t, b) = (ty.slots(), OSError::type_object().slots());
    slot_of(Some(t.tp_init)) != slot_of(Some(b.tp_init)) && t.tp_new.map(|f| f as usize) == b.tp_new.map(|f| f as usize)
}

impl OSError {
    /// Fills the fields from the arguments.
    fn fill(&self, args: &[&Object]) -> PyResult<()> {
        let mut tuple = Tuple::from_slice(args)?;
        if let [errno, strerror, rest @ ..] = args {
            if rest.len() <= 3 {
                let filename = rest.first().copied().filter(|f| !f.is_none());
                if let Some(f) = filename {
                    let blocking = core::ptr::eq(self.ty(), types::BlockingIOError());
                    if blocking && f.index_check() {
                        // SAFETY: a plain field of an instance under construction.
                        unsafe { (&raw const self.0.written).cast_mut().write(f.as_isize()?) };
                    } else {
                        slot!(self, filename).set(Some(f.to_ref()));
                        if let Some(f2) = rest.get(2).copied().and_then(not_none) {
                            slot!(self, filename2).set(Some(f2));
                        }
                        tuple = Tuple::from_slice(&args[..2])?;
                    }
                }
                slot!(self, myerrno).set(Some(errno.to_ref()));
                slot!(self, strerror).set(Some(strerror.to_ref()));
            }
        }
        base(self).set_args(tuple);
        Ok(())
    }
}

#[pyclass(name = "OSError", type_object = types::TYPE_OSError, flags = "BASETYPE|HAVE_GC", members = "errno: object@0.myerrno; strerror: object@0.strerror; filename: object@0.filename; filename2: object@0.filename2")]
impl OSError {
    #[slot]
    fn tp_new(cls: &Type, args: FuncArgs<'_>) -> PyResult<PyRef> {
        let late = init_in_init(cls);
        let mut cls = cls;
        if !late {
            args.no_keywords(cls.name_str())?;
            if core::ptr::eq(cls, OSError::type_object()) && (2..=5).contains(&args.len()) {
                if let Some(sub) = small_int_of(args.args[0]).and_then(subclass_for) {
                    cls = sub;
                }
            }
        }
        let e: Ref<OSError> = crate::typeobject::alloc_object(cls)?;
        // SAFETY: nobody else sees the object yet.
        unsafe { (*e.as_raw()).0.written = -1 };
        if late {
            base(&e).set_args(Tuple::empty());
        } else {
            e.fill(args.args)?;
        }
        crate::mem::gc::track(&e);
        Ok(e.upcast())
    }

    #[slot]
    fn tp_init(&self, args: FuncArgs<'_>) -> PyResult<()> {
        if !init_in_init(self.ty()) {
            return Ok(());
        }
        args.no_keywords(self.ty().name_str())?;
        self.fill(args.args)
    }

    #[slot]
    fn tp_str(&self) -> PyResult<Ref<Str>> {
        let (errno, strerror) = (slot!(self, myerrno).get(), slot!(self, strerror).get());
        let mut b = StrBuilder::new();
        let head = |b: &mut StrBuilder| -> PyResult<()> {
            b.push_str("[Errno ");
            b.push_str_of(errno.as_deref().unwrap_or(&none_obj()))?;
            b.push_str("] ");
            b.push_str_of(strerror.as_deref().unwrap_or(&none_obj()))
        };
        if let Some(f) = slot!(self, filename).get() {
            head(&mut b)?;
            b.push_str(": ");
            b.push_repr_of(&f)?;
            if let Some(f2) = slot!(self, filename2).get() {
                b.push_str(" -> ");
                b.push_repr_of(&f2)?;
            }
            return b.finish();
        }
        if errno.is_some() && strerror.is_some() {
            head(&mut b)?;
            return b.finish();
        }
        base(self).str_of_args()
    }

    #[pymethod(name = "__reduce__")]
    fn reduce(&self) -> PyResult<PyRef> {
        let mut args = base(self).args()?;
        if let ([errno, strerror], Some(f)) = (args.as_slice(), slot!(self, filename).get()) {
            args = match slot!(self, filename2).get() {
                Some(f2) => Tuple::from_slice(&[errno, strerror, &f, crate::objects::none(), &f2])?,
                None => Tuple::from_slice(&[errno, strerror, &f])?,
            };
        }
        let ty: &Object = self.ty();
        match slot!(self, dict).get() {
            Some(d) => Ok(Tuple::from_slice(&[ty, &args, &d])?.upcast()),
            None => Ok(Tuple::from_slice(&[ty, &args])?.upcast()),
        }
    }

    #[pygetset]
    fn characters_written(&self) -> PyResult<Ref<Int>> {
        if self.0.written == -1 {
            return Err(raise!(AttributeError, "characters_written"));
        }
        Int::from_isize(self.0.written)
    }

    #[pysetter]
    fn set_characters_written(&self, v: Option<&Object>) -> PyResult<()> {
        let n = match v {
            Some(v) => v.as_isize()?,
            None if self.0.written == -1 => return Err(raise!(AttributeError, "characters_written")),
            None => -1,
        };
        // SAFETY: one aligned word.
        unsafe { (&raw const self.0.written).cast_mut().write_volatile(n) };
        Ok(())
    }
}
