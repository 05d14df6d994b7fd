//! What is known of a C type: kept behind its Python type object, in the part that the metatypes add.

use super::meta::CTypeType;
use core::ffi::c_void;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use core::sync::atomic::{AtomicBool, AtomicPtr};
use libffi_sys as ffi;
use runtime::objects::support::Slot;
use runtime::prelude::*;
use std::ffi::CString;

/// What kind of C type it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A scalar with its one-character code.
    Simple(u8),
    Struct,
    Union,
    Pointer,
    Array,
    Function,
}

/// `TYPEFLAG_*`: what instances may hold.
pub const ISPOINTER: u32 = 0x100;
pub const HASPOINTER: u32 = 0x200;
pub const HASUNION: u32 = 0x400;
pub const HASBITFIELD: u32 = 0x800;

/// `FUNCFLAG_*`.
pub const FUNC_CDECL: u32 = 1;
pub const FUNC_PYTHONAPI: u32 = 4;
pub const FUNC_USE_ERRNO: u32 = 8;

/// A libffi description of an aggregate with the element list it points to.
pub struct Aggregate {
    ty: ffi::ffi_type,
    elements: Vec<*mut ffi::ffi_type>,
}

impl Aggregate {
    /// A struct of these elements. Size and alignment are ours, as packing may differ from what libffi would lay out.
    pub fn new(size: usize, align: usize, mut elements: Vec<*mut ffi::ffi_type>) -> Box<Aggregate> {
        elements.push(core::ptr::null_mut());
        let mut a = Box::new(Aggregate {
            ty: ffi::ffi_type {
                size,
                alignment: align as u16,
                type_: ffi::FFI_TYPE_STRUCT as u16,
                elements: core::ptr::null_mut(),
            },
            elements,
        });
        a.ty.elements = a.elements.as_mut_ptr();
        a
    }
}

/// Description of a C type. Immutable once published, apart from the slots.
pub struct StgInfo {
    pub kind: Kind,
    pub size: usize,
    pub align: usize,
    /// Number of fields or items.
    pub length: usize,
    pub ffi: *mut ffi::ffi_type,
    pub aggregate: Option<Box<Aggregate>>,
    /// Scalars in the other byte order.
    pub swapped: bool,
    pub flags: u32,
    pub func_flags: u32,
    /// Struct format of the buffer protocol.
    pub format: Option<CString>,
    pub shape: Vec<isize>,
    /// Set once instances or other types depend on the layout.
    is_final: AtomicBool,
    /// Item type of pointers and arrays.
    pub proto: Slot,
    pub argtypes: Slot,
    pub converters: Slot,
    pub restype: Slot,
    pub checker: Slot,
    /// What this description replaced: readers may still hold it.
    prev: *mut StgInfo,
}

impl StgInfo {
    pub fn new(kind: Kind) -> StgInfo {
        StgInfo {
            kind,
            size: 0,
            align: 1,
            length: 0,
            ffi: pointer_ffi(),
            aggregate: None,
            swapped: false,
            flags: 0,
            func_flags: 0,
            format: None,
            shape: Vec::new(),
            is_final: AtomicBool::new(false),
            proto: empty_slot(),
            argtypes: empty_slot(),
            converters: empty_slot(),
            restype: empty_slot(),
            checker: empty_slot(),
            prev: core::ptr::null_mut(),
        }
    }

    /// The description a subclass starts with: the same layout, not final.
    pub fn inherit(&self, owner: &Object) -> StgInfo {
        let mut n = StgInfo::new(self.kind);
        n.size = self.size;
        n.align = self.align;
        n.length = self.length;
        n.ffi = self.ffi;
        n.swapped = self.swapped;
        n.flags = self.flags;
        n.func_flags = self.func_flags;
        n.format = self.format.clone();
        n.shape = self.shape.clone();
        for (to, from) in n.slots().into_iter().zip(self.slots()) {
            if let Some(v) = from.get(owner) {
                to.init(v);
            }
        }
        n
    }

    pub fn slots(&self) -> [&Slot; 5] {
        [&self.proto, &self.argtypes, &self.converters, &self.restype, &self.checker]
    }

    pub fn ndim(&self) -> usize {
        self.shape.len()
    }

    pub fn is_final(&self) -> bool {
        self.is_final.load(Acquire)
    }

    /// From now on the fields cannot change.
    pub fn freeze(&self) {
        if !self.is_final.load(Relaxed) {
            self.is_final.store(true, Release);
        }
    }

    /// Code of a scalar.
    pub fn code(&self) -> Option<u8> {
        match self.kind {
            Kind::Simple(c) => Some(c),
            _ => None,
        }
    }
}

pub fn empty_slot() -> Slot {
    // SAFETY: a slot is one pointer, null when empty.
    unsafe { core::mem::zeroed() }
}

pub fn pointer_ffi() -> *mut ffi::ffi_type {
    &raw mut ffi::ffi_type_pointer
}

/// The description of a type made by one of our metatypes; `None` for other types and for abstract ones.
pub fn info_of(ty: &Type) -> Option<&StgInfo> {
    let meta = (**ty).ty();
    // The static base types are plain type objects, without the metatype's part.
    if !ty.is_heap_type() || !meta.is_subtype(CTypeType::type_object()) {
        return None;
    }
    // SAFETY: heap instances of the metatype have its layout; a description lives as long as the type.
    unsafe {
        let t: &CTypeType = (**ty).cast();
        t.info.load(Acquire).as_ref()
    }
}

/// `info_of` for any object that may be a type.
pub fn info_of_type_object(o: &Object) -> Option<&StgInfo> {
    o.downcast::<Type>().and_then(info_of)
}

/// The description of an instance's type.
pub fn info_of_instance(o: &Object) -> Option<&StgInfo> {
    info_of(o.ty())
}

/// Publishes a description. What it replaces stays alive with it.
pub fn publish(ty: &Type, mut info: StgInfo) -> &StgInfo {
    // SAFETY: the caller has a type of our metatypes.
    let slot: &AtomicPtr<StgInfo> = unsafe { &(**ty).cast::<CTypeType>().info };
    info.prev = slot.load(Acquire);
    let p = Box::into_raw(Box::new(info));
    slot.store(p, Release);
    // SAFETY: lives as long as the type.
    unsafe { &*p }
}

/// Frees the descriptions of a dying type.
/// # Safety
/// Nobody uses the type any more.
pub unsafe fn free_chain(mut p: *mut StgInfo) {
    while !p.is_null() {
        // SAFETY: the chain is owned by the type.
        let b = unsafe { Box::from_raw(p) };
        for s in b.slots() {
            drop(s.swap(None));
        }
        p = b.prev;
    }
}

/// Visits what the descriptions refer to.
pub fn for_each_ref(mut p: *const StgInfo, f: &mut dyn FnMut(&Slot)) {
    // SAFETY: the chain is owned by the type that is being visited.
    while let Some(i) = unsafe { p.as_ref() } {
        for s in i.slots() {
            f(s);
        }
        p = i.prev;
    }
}

/// Shape of a scalar code: size, alignment, libffi's type. `None`: no such code.
pub fn scalar(code: u8) -> Option<(usize, usize, *mut ffi::ffi_type)> {
    macro_rules! t {
        ($t:ty, $f:ident) => {
            (size_of::<$t>(), align_of::<$t>(), &raw mut ffi::$f)
        };
    }
    Some(match code {
        b'c' | b'b' => t!(i8, ffi_type_sint8),
        b'B' | b'?' => t!(u8, ffi_type_uint8),
        b'h' | b'v' => t!(i16, ffi_type_sint16),
        b'H' => t!(u16, ffi_type_uint16),
        b'i' => t!(i32, ffi_type_sint32),
        b'I' => t!(u32, ffi_type_uint32),
        b'l' | b'q' => t!(i64, ffi_type_sint64),
        b'L' | b'Q' => t!(u64, ffi_type_uint64),
        b'u' => t!(i32, ffi_type_sint32),
        b'f' => t!(f32, ffi_type_float),
        b'd' => t!(f64, ffi_type_double),
        b'g' => (16, 16, &raw mut ffi::ffi_type_longdouble),
        b'F' => (8, 4, &raw mut ffi::ffi_type_complex_float),
        b'D' => (16, 8, &raw mut ffi::ffi_type_complex_double),
        b'G' => (32, 16, &raw mut ffi::ffi_type_complex_longdouble),
        b'z' | b'Z' | b'P' | b'O' => t!(*mut c_void, ffi_type_pointer),
        _ => return None,
    })
}

/// The codes of `_SimpleCData._type_`.
pub const CODES: &str = "cbBhHiIlLdDFGfuzZqQPOv?g";

/// Codes of scalars that exist in both byte orders.
pub fn has_swapped(code: u8) -> bool {
    b"hHiIlLqQfdFD".contains(&code)
}

/// The struct format of a scalar (PEP 3118), byte order first.
pub fn scalar_format(code: u8, big: bool) -> CString {
    let pep = match code {
        b'l' => b'q',
        b'L' => b'Q',
        c => c,
    };
    let mut v = vec![if big { b'>' } else { b'<' }];
    match pep {
        b'F' | b'D' | b'G' => v.extend([b'Z', pep.to_ascii_lowercase()]),
        c => v.push(c),
    }
    CString::new(v).unwrap_or_default()
}

/// Elements that libffi shall see for a union of `size` bytes whose members' elements are given: one scalar for each eight bytes, an
/// integer wherever any member has one.
pub fn union_elements(size: usize, members: &[(*mut ffi::ffi_type, usize)]) -> Vec<*mut ffi::ffi_type> {
    let n = size.div_ceil(8);
    let mut integer = vec![false; n];
    for &(t, at) in members {
        classify(t, at, &mut integer);
    }
    (0..n)
        .map(|i| {
            let left = (size - i * 8).min(8);
            match (integer[i], left) {
                (false, 1..=4) => &raw mut ffi::ffi_type_float,
                (false, _) => &raw mut ffi::ffi_type_double,
                (true, 1) => &raw mut ffi::ffi_type_uint8,
                (true, 2) => &raw mut ffi::ffi_type_uint16,
                (true, 3..=4) => &raw mut ffi::ffi_type_uint32,
                (true, _) => &raw mut ffi::ffi_type_uint64,
            }
        })
        .collect()
}

fn classify(t: *mut ffi::ffi_type, at: usize, integer: &mut [bool]) {
    // SAFETY: descriptions of types live as long as the types, which their users keep.
    unsafe {
        let f = &*t;
        if f.type_ == ffi::FFI_TYPE_STRUCT as u16 {
            let mut p = f.elements;
            let mut offset = at;
            while !p.is_null() && !(*p).is_null() {
                let e = &**p;
                let align = (e.alignment as usize).max(1);
                offset = offset.next_multiple_of(align);
                classify(*p, offset, integer);
                offset += e.size;
                p = p.add(1);
            }
            return;
        }
        let float = f.type_ == ffi::FFI_TYPE_FLOAT as u16 || f.type_ == ffi::FFI_TYPE_DOUBLE as u16;
        if !float {
            let end = (at + f.size.max(1)).div_ceil(8).min(integer.len());
            integer[(at / 8).min(end)..end].fill(true);
        }
    }
}

/// The libffi type of an aggregate's own description.
pub fn aggregate_ptr(i: &mut StgInfo) -> *mut ffi::ffi_type {
    match &mut i.aggregate {
        Some(a) => &raw mut a.ty,
        None => pointer_ffi(),
    }
}

/// The object in a slot of a description, borrowed: it lives as long as the type.
pub fn ref_of(s: &Slot) -> Option<&Object> {
    // SAFETY: a description's references are dropped with the type only.
    unsafe { Object::from_ptr_opt(s.ptr()) }
}
