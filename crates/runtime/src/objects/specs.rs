//! Every built-in type that exists from the start, and the static objects.

use crate::convert::HasSpec;
use crate::prelude::*;
use crate::typeobject::TypeSpec;

/// Descriptions for `typeobject::bootstrap`, bases before what derives from them.
pub fn all_specs() -> Vec<&'static TypeSpec> {
    let mut all = super::support::specs();
    all.extend([Int::spec(), Bool::spec(), Float::spec(), super::Complex::spec()]);
    all.extend([
        super::Str::spec(),
        super::unicode::iter::StrIter::spec(),
        super::Bytes::spec(),
        super::ByteArray::spec(),
        super::byteclass::BytesIter::spec(),
        super::byteclass::ByteArrayIter::spec(),
        super::ManagedBuffer::spec(),
        super::MemoryView::spec(),
        super::memory::MemoryIter::spec(),
        super::module::ModuleDef::spec(),
        super::Module::spec(),
        super::Traceback::spec(),
    ]);
    all.extend(super::exceptions::specs());
    all.extend(super::weakref::specs());
    all.extend(super::context::specs());
    all.extend(crate::interp::type_specs());
    all
}

/// Fills static objects that need code to be made.
pub fn init_statics() -> PyResult<()> {
    super::exceptions::init_statics()?;
    super::context::init_statics()
}
