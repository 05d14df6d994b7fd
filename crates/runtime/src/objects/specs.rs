//! Every built-in type that exists from the start, and the static objects.

use crate::convert::HasSpec;
use crate::prelude::*;
use crate::typeobject::TypeSpec;

/// Descriptions for `typeobject::bootstrap`, bases before what derives from them.
pub fn all_specs() -> Vec<&'static TypeSpec> {
    macro_rules! specs {
        ($($t:ty),* $(,)?) => { [$(<$t as HasSpec>::spec()),*] };
    }
    let mut all = super::support::specs();
    all.extend(specs![Int, Bool, Float, super::Complex]);
    all.extend(specs![
        Str,
        super::unicode::iter::StrIter,
        Bytes,
        super::byteclass::BytesIter,
        super::ByteArray,
        super::byteclass::ByteArrayIter,
        super::ManagedBuffer,
        super::MemoryView,
        super::memory::MemoryIter
    ]);
    all.extend(specs![
        super::module::ModuleDef,
        super::Module,
        super::WeakRef,
        super::weakref::WeakProxy,
        super::weakref::WeakCallableProxy
    ]);
    all.extend(specs![
        super::Cell,
        super::Code,
        super::Function,
        super::Frame,
        super::FrameLocalsProxy,
        super::Traceback
    ]);
    all.extend(specs![super::stdprinter::StdPrinter]);
    all.extend(specs![super::Generator, super::Coroutine, super::r#gen::CoroWrapper, super::AsyncGenerator]);
    all.extend(super::exceptions::specs());
    all.extend(super::weakref::specs());
    all.extend(super::context::specs());
    all.extend(crate::interp::type_specs());
    all
}

/// Fills static objects that need code to be made.
pub fn init_statics() -> PyResult<()> {
    super::exceptions::init_statics()?;
    super::context::init_statics()?;
    crate::interp::init_statics()
}
