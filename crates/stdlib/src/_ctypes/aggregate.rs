//! `Structure`, `Union` and their fields.

use super::array;
use super::cdata::{self, CData};
use super::info::{
    Aggregate, HASBITFIELD, HASPOINTER, HASUNION, ISPOINTER, Kind, StgInfo, aggregate_ptr, info_of,
    info_of_type_object, publish, union_elements,
};
use super::meta::own_attr;
use core::sync::atomic::AtomicBool;
use core::sync::atomic::Ordering::Relaxed;
use macros::pyclass;
use runtime::fields;
use runtime::objects::support::{Slot, alloc, clear, dealloc, import, track, traverse};
use runtime::prelude::*;
use runtime::py_layout;
use std::ffi::CString;

// ------------------------------------------------------------------------------------------------ fields

/// A descriptor of one field.
#[repr(C)]
pub struct CField {
    header: abi::PyObject,
    proto: Slot,
    name: Slot,
    byte_offset: isize,
    byte_size: isize,
    index: isize,
    /// Number of bits of a bit field, otherwise 0.
    bits: u8,
    shift: u8,
    is_bits: bool,
    anonymous: AtomicBool,
}
fields!(CField: proto, name);

/// Code of the characters when a field is an array of them: it reads and writes as a string.
fn text_code(t: &Type) -> Option<u8> {
    let i = info_of(t).filter(|i| i.kind == Kind::Array)?;
    let item = super::info::ref_of(&i.proto)?;
    info_of_type_object(item).and_then(StgInfo::code).filter(|c| b"cu".contains(c))
}

struct Place {
    byte_offset: isize,
    byte_size: isize,
    index: isize,
    bits: u8,
    shift: u8,
    is_bits: bool,
}

impl CField {
    fn make(cls: &Type, name: PyRef, proto: PyRef, p: Place) -> PyResult<Ref<CField>> {
        let r = alloc::<CField>(cls)?;
        let raw = r.as_raw();
        // SAFETY: a new object.
        unsafe {
            (*raw).byte_offset = p.byte_offset;
            (*raw).byte_size = p.byte_size;
            (*raw).index = p.index;
            (*raw).bits = p.bits;
            (*raw).shift = p.shift;
            (*raw).is_bits = p.is_bits;
        }
        r.name.init(name);
        r.proto.init(proto);
        Ok(track(r))
    }
    fn ty(&self) -> PyResult<Ref<Type>> {
        match self.proto.get(self).map(PyRef::downcast_into::<Type>) {
            Some(Ok(t)) => Ok(t),
            _ => Err(raise!(TypeError, "field has no type")),
        }
    }
    fn name_text(&self) -> String {
        let n = self.name.get(self);
        n.and_then(|n| n.downcast::<Str>().map(|s| s.to_string_lossy().into_owned())).unwrap_or_default()
    }
    /// The unit that a bit field lies in: its value as stored, and whether it is signed.
    fn unit(&self, info: &StgInfo, p: *const u8) -> (u64, bool) {
        let n = self.byte_size as usize;
        let mut b = [0u8; 8];
        // SAFETY: the field lies in the object.
        unsafe { core::ptr::copy_nonoverlapping(p, b.as_mut_ptr(), n.min(8)) };
        if info.swapped {
            b[..n].reverse();
        }
        (u64::from_le_bytes(b), info.code().is_some_and(|c| b"bhilq".contains(&c)))
    }
    fn read_bits(&self, info: &StgInfo, p: *const u8) -> PyResult<PyRef> {
        let (unit, signed) = self.unit(info, p);
        let bits = self.bits as u32;
        let v = (unit >> self.shift) & (u64::MAX >> (64 - bits.max(1)));
        if info.code() == Some(b'?') {
            return Ok((**Bool::of(v != 0)).to_ref());
        }
        if signed {
            return Ok(Int::from_i64(((v << (64 - bits)) as i64) >> (64 - bits))?.upcast());
        }
        Ok(Int::from_u64(v)?.upcast())
    }
    fn write_bits(&self, info: &StgInfo, p: *mut u8, v: &Object) -> PyResult<()> {
        let value = if info.code() == Some(b'?') {
            v.is_true()? as u64
        } else {
            match v.downcast::<Int>() {
                Some(i) => i.as_u64_mask(),
                None => return Err(raise!(TypeError, "int expected instead of {} instance", v.ty().name_str())),
            }
        };
        let (unit, _) = self.unit(info, p);
        let mask = (u64::MAX >> (64 - (self.bits as u32).max(1))) << self.shift;
        let n = self.byte_size as usize;
        let mut b = ((unit & !mask) | ((value << self.shift) & mask)).to_le_bytes();
        if info.swapped {
            b[..n].reverse();
        }
        // SAFETY: the field lies in the object.
        unsafe { core::ptr::copy_nonoverlapping(b.as_ptr(), p, n.min(8)) };
        Ok(())
    }
    fn instance<'a>(&self, o: &'a Object) -> PyResult<&'a CData> {
        match o.downcast::<CData>() {
            Some(d) if d.size() as isize >= self.byte_offset + self.byte_size => Ok(d),
            Some(_) => Err(raise!(TypeError, "the object is too small for the field")),
            None => Err(raise!(TypeError, "not a ctype instance")),
        }
    }
}

#[pyclass(
    name = "CField",
    module = "ctypes",
    flags = "DEFAULT|HAVE_GC",
    doc = "Structure/Union member",
    slots(tp_traverse = traverse::<CField>, tp_clear = clear::<CField>, tp_dealloc = dealloc::<CField>)
)]
impl CField {
    #[slot(sig = "*, name, type, byte_size, byte_offset, index, _internal_use, bit_size=None, bit_offset=None")]
    fn tp_new(
        cls: &Type,
        name: &Object,
        r#type: &Object,
        byte_size: isize,
        byte_offset: isize,
        index: isize,
        _internal_use: bool,
        bit_size: Option<&Object>,
        bit_offset: Option<&Object>,
    ) -> PyResult<PyRef> {
        if !_internal_use {
            return Err(raise!(
                TypeError,
                "CField is not intended to be used directly; use the `_fields_` class attribute"
            ));
        }
        if name.downcast::<Str>().is_none() {
            return Err(raise!(TypeError, "CField() argument 'name' must be str, not {}", name.ty().name_str()));
        }
        let Some(info) = info_of_type_object(r#type) else {
            return Err(raise!(TypeError, "type of field {} must be a C type", name.repr()?.to_string_lossy()));
        };
        if byte_size < 0 {
            return Err(raise!(
                ValueError,
                "byte size of field {} must not be negative, got {}",
                name.repr()?.to_string_lossy(),
                byte_size
            ));
        }
        if byte_size as usize != info.size {
            return Err(raise!(
                ValueError,
                "byte size of field {} does not match type size",
                name.repr()?.to_string_lossy()
            ));
        }
        let mut place = Place { byte_offset, byte_size, index, bits: 0, shift: 0, is_bits: false };
        let given = |o: Option<&Object>| match o {
            Some(o) if !o.is_none() => Ok(Some(o.as_isize()?)),
            _ => Ok::<_, Raised>(None),
        };
        if let Some(n) = given(bit_size)? {
            let at = given(bit_offset)?.unwrap_or(0);
            if !info.code().is_some_and(|c| b"bBhHiIlLqQ?".contains(&c)) {
                let n = r#type.downcast::<Type>().map(|t| t.name_str().to_string()).unwrap_or_default();
                return Err(raise!(TypeError, "bit fields not allowed for type {}", n));
            }
            if n <= 0 {
                return Err(raise!(
                    ValueError,
                    "number of bits invalid for bit field {}",
                    name.repr()?.to_string_lossy()
                ));
            }
            if at < 0 {
                return Err(raise!(
                    ValueError,
                    "bit_offset of field {} must not be negative",
                    name.repr()?.to_string_lossy()
                ));
            }
            if n + at > byte_size * 8 {
                return Err(raise!(
                    ValueError,
                    "bit field {} overflows its type ({} + {} > {})",
                    name.repr()?.to_string_lossy(),
                    at,
                    n,
                    byte_size * 8
                ));
            }
            place.bits = n as u8;
            place.shift = at as u8;
            place.is_bits = true;
        }
        Ok(CField::make(cls, name.to_ref(), r#type.to_ref(), place)?.upcast())
    }
    #[slot]
    fn tp_descr_get(&self, o: Option<&Object>, _t: Option<&Object>) -> PyResult<PyRef> {
        let Some(o) = o.filter(|o| !o.is_none()) else { return Ok(self.to_ref()) };
        let d = self.instance(o)?;
        let t = CField::ty(self)?;
        let p = d.data().wrapping_offset(self.byte_offset);
        if self.is_bits {
            return self.read_bits(cdata::concrete(&t)?, p);
        }
        if let Some(code) = text_code(&t) {
            return array::load_text(code, p, self.byte_size as usize);
        }
        cdata::get(&t, d, self.index as usize, p)
    }
    #[slot]
    fn tp_descr_set(&self, o: &Object, v: Option<&Object>) -> PyResult<()> {
        let d = self.instance(o)?;
        let Some(v) = v else { return Err(raise!(TypeError, "can't delete attribute")) };
        let t = CField::ty(self)?;
        let p = d.data().wrapping_offset(self.byte_offset);
        if self.is_bits {
            return self.write_bits(cdata::concrete(&t)?, p, v);
        }
        if let Some(code) = text_code(&t).filter(|_| v.downcast::<CData>().is_none()) {
            return array::store_text(code, p, self.byte_size as usize, v);
        }
        cdata::set(d, &t, v, self.index as usize, self.byte_size as usize, p)
    }
    #[slot]
    fn tp_repr(&self) -> PyResult<Ref<Str>> {
        let t = CField::ty(self)?;
        let (cls, name, ty) = ((**self).ty().name_str().to_string(), self.name_text(), cdata::short_name(&t));
        if self.is_bits {
            return Str::format(format_args!(
                "<{cls} {name:?} type={ty}, ofs={}, bit_size={}, bit_offset={}>",
                self.byte_offset, self.bits, self.shift
            ))
            .map(single_quotes)?;
        }
        Str::format(format_args!("<{cls} {name:?} type={ty}, ofs={}, size={}>", self.byte_offset, self.byte_size))
            .map(single_quotes)?
    }
    /// name of this field
    #[pygetset]
    fn name(&self) -> Option<PyRef> {
        self.name.get(self)
    }
    /// type of this field
    #[pygetset]
    fn r#type(&self) -> Option<PyRef> {
        self.proto.get(self)
    }
    /// offset in bytes of this field (same as byte_offset)
    #[pygetset]
    fn offset(&self) -> isize {
        self.byte_offset
    }
    /// offset in bytes of this field. For bitfields: excludes bit_offset.
    #[pygetset]
    fn byte_offset(&self) -> isize {
        self.byte_offset
    }
    /// size of this field in bytes
    #[pygetset]
    fn byte_size(&self) -> isize {
        self.byte_size
    }
    /// additional offset in bits (relative to byte_offset); zero for non-bitfields
    #[pygetset]
    fn bit_offset(&self) -> isize {
        self.shift as isize
    }
    /// size of this field. For bitfields, this is (bit_size << 16 | bit_offset).
    #[pygetset]
    fn size(&self) -> isize {
        if self.is_bits { ((self.bits as isize) << 16) | self.shift as isize } else { self.byte_size }
    }
    /// size of this field in bits
    #[pygetset]
    fn bit_size(&self) -> PyResult<Ref<Int>> {
        Int::from_i128(if self.is_bits { self.bits.into() } else { self.byte_size as i128 * 8 })
    }
    /// true if this is a bitfield
    #[pygetset]
    fn is_bitfield(&self) -> bool {
        self.is_bits
    }
    /// true if this field is anonymous
    #[pygetset]
    fn is_anonymous(&self) -> bool {
        self.anonymous.load(Relaxed)
    }
}

/// Rust quotes with `"`, Python with `'`.
fn single_quotes(s: Ref<Str>) -> PyResult<Ref<Str>> {
    Str::new(&s.to_string_lossy().replace('"', "'"))
}

// ------------------------------------------------------------------------------------------------ `_fields_`

/// Lays out the fields of a class: what assigning `_fields_` does.
pub fn set_fields(cls: &Type, value: &Object, is_struct: bool) -> PyResult<()> {
    if value.is_none() {
        return Ok(());
    }
    let Some(old) = info_of(cls) else { return Err(raise!(TypeError, "ctypes state is not initialized")) };
    if old.is_final() {
        return Err(raise!(AttributeError, "_fields_ is final"));
    }
    let base = cls.base().filter(|b| info_of(b).is_some());
    let layout = import("ctypes._layout")?.getattr(intern!("_layout"))?.getattr(intern!("get_layout"))?;
    let names = Tuple::from_slice(&[&**intern!("is_struct"), &**intern!("base")])?;
    let base_object = match base {
        Some(b) => (**b).to_ref(),
        None => none_ref(),
    };
    let is = (**Bool::of(is_struct)).to_ref();
    let laid = layout.call_kw(&[cls, value, &is, &base_object], Some(&names))?;
    let align = laid.getattr(intern!("align"))?.as_isize()?;
    let size = laid.getattr(intern!("size"))?.as_isize()?;
    if align < 0 || size < 0 {
        return Err(raise!(ValueError, "align and size must be non-negative"));
    }
    let format = laid.getattr(intern!("format_spec"))?;
    let fields = laid.getattr(intern!("fields"))?.to_tuple()?;
    let kind = if is_struct { Kind::Struct } else { Kind::Union };
    let mut info = StgInfo::new(kind);
    info.size = size as usize;
    info.align = align as usize;
    info.length = fields.as_slice().len();
    let mut elements = Vec::new();
    let mut members = Vec::new();
    if let Some(b) = base.and_then(info_of) {
        info.length += b.length;
        info.flags |= b.flags;
        elements.push(b.ffi);
        members.push((b.ffi, 0));
        b.freeze();
    }
    if !is_struct {
        info.flags |= HASUNION;
    }
    for f in fields.as_slice() {
        let Some(f) = f.downcast::<CField>() else {
            return Err(raise!(TypeError, "fields must be of type CField, got {}", f.ty().name_str()));
        };
        let t = CField::ty(f)?;
        let Some(fi) = info_of(&t) else {
            return Err(raise!(TypeError, "second item in _fields_ tuple (index {}) must be a C type", f.index));
        };
        if t.ptr_eq(cls) {
            return Err(raise!(AttributeError, "Structure or union cannot contain itself"));
        }
        fi.freeze();
        if fi.flags & (ISPOINTER | HASPOINTER) != 0 {
            info.flags |= HASPOINTER;
        }
        info.flags |= fi.flags & (HASUNION | HASBITFIELD);
        if f.is_bits {
            info.flags |= HASBITFIELD;
        }
        for (e, at) in flat(fi, f.byte_offset as usize) {
            elements.push(e);
            members.push((e, at));
        }
        let Some(name) = f.name.get(f) else { continue };
        if let Some(n) = name.downcast::<Str>() {
            cls.setattr(n, f)?;
        }
    }
    // Passed by value, what matters is the class of each eight bytes; larger ones go through memory.
    let by_class = info.flags & (HASUNION | HASBITFIELD) != 0 || !is_struct;
    if by_class || info.size <= 32 {
        elements = union_elements(info.size, &members);
    }
    info.aggregate = Some(Aggregate::new(info.size, info.align.max(1), elements));
    info.ffi = aggregate_ptr(&mut info);
    info.format = match format.downcast::<Str>() {
        Some(s) if is_struct => CString::new(s.to_string_lossy().as_bytes()).ok(),
        _ => Some(c"B".to_owned()),
    };
    publish(cls, info).freeze();
    make_anonymous(cls)
}

/// The libffi elements of a field: arrays lie in place, item by item.
fn flat(fi: &StgInfo, at: usize) -> Vec<(*mut libffi_sys::ffi_type, usize)> {
    if fi.kind != Kind::Array {
        return vec![(fi.ffi, at)];
    }
    let item = super::info::ref_of(&fi.proto);
    let Some(ii) = item.and_then(info_of_type_object) else { return Vec::new() };
    // What lies beyond the registers' classes is never looked at.
    (0..fi.length.min(64)).flat_map(|i| flat(ii, at + i * ii.size)).collect()
}

fn make_anonymous(cls: &Type) -> PyResult<()> {
    let Some(names) = cls.getattr_opt(intern!("_anonymous_"))? else { return Ok(()) };
    let names = names.seq_fast("_anonymous_ must be a sequence")?.to_tuple()?;
    for n in names.as_slice() {
        let Some(name) = n.downcast::<Str>() else {
            return Err(raise!(TypeError, "attribute name must be string, not '{}'", n.ty().name_str()));
        };
        let d = cls.getattr(name)?;
        let Some(f) = d.downcast_exact::<CField>() else {
            return Err(raise!(
                AttributeError,
                "'{}' is specified in _anonymous_ but not in _fields_",
                name.to_string_lossy()
            ));
        };
        f.anonymous.store(true, Relaxed);
        lift(cls, f, f.index, f.byte_offset)?;
    }
    Ok(())
}

/// Makes the fields of an anonymous member fields of the class.
fn lift(cls: &Type, outer: &CField, index: isize, offset: isize) -> PyResult<()> {
    let t = CField::ty(outer)?;
    let fields = t.getattr(intern!("_fields_"))?.seq_fast("_fields_ must be a sequence")?.to_tuple()?;
    for pair in fields.as_slice() {
        let name = pair.get_item_index(0)?;
        let Some(n) = name.downcast::<Str>() else { continue };
        let d = t.getattr(n)?;
        let Some(f) = d.downcast_exact::<CField>() else {
            return Err(raise!(TypeError, "unexpected type"));
        };
        if f.anonymous.load(Relaxed) {
            lift(cls, f, index + f.index, offset + f.byte_offset)?;
            continue;
        }
        let place = Place {
            byte_offset: f.byte_offset + offset,
            byte_size: f.byte_size,
            index: f.index + index,
            bits: f.bits,
            shift: f.shift,
            is_bits: f.is_bits,
        };
        let new = CField::make(CField::type_object(), name.to_ref(), (**CField::ty(f)?).to_ref(), place)?;
        cls.setattr(n, &new)?;
    }
    Ok(())
}

// ------------------------------------------------------------------------------------------------ instances

/// Fills fields from positional arguments, the base's first. Returns how many were used.
fn init_positional(o: &Object, cls: &Type, args: &[&Object], kw: FuncArgs<'_>, mut index: usize) -> PyResult<usize> {
    if let Some(b) = cls.base().filter(|b| info_of(b).is_some()) {
        index = init_positional(o, b, args, kw, index)?;
    }
    let Some(fields) = own_attr(cls, intern!("_fields_"))? else { return Ok(index) };
    let fields = fields.seq_fast("_fields_ must be a sequence")?.to_tuple()?;
    for pair in fields.as_slice() {
        if index >= args.len() {
            break;
        }
        let name = pair.get_item_index(0)?;
        let Some(n) = name.downcast::<Str>() else { return Err(raise!(TypeError, "field names must be strings")) };
        if kw.keywords().any(|(k, _)| k.downcast::<Str>().is_some_and(|k| k.eq_data(n))) {
            return Err(raise!(TypeError, "duplicate values for field {}", n.repr()?.to_string_lossy()));
        }
        o.setattr(n, args[index])?;
        index += 1;
    }
    Ok(index)
}

fn init(o: &Object, args: FuncArgs<'_>) -> PyResult<()> {
    if !args.args.is_empty() && init_positional(o, o.ty(), args.args, args, 0)? < args.args.len() {
        return Err(raise!(TypeError, "too many initializers"));
    }
    for (k, v) in args.keywords() {
        if let Some(k) = k.downcast::<Str>() {
            o.setattr(k, v)?;
        }
    }
    Ok(())
}

macro_rules! aggregates {
    ($($name:ident $static:ident $py:literal $doc:literal;)*) => { $(
        #[repr(C)]
        pub struct $name(CData);
        py_layout!($name, $static);
        /// The type object.
        pub static mut $static: Type = runtime::objects::singletons::unready_type();

        #[pyclass(
            name = $py,
            module = "_ctypes",
            type_object = $static,
            base = CData,
            flags = "DEFAULT|BASETYPE|HAVE_GC",
            doc = $doc,
            slots(bf_getbuffer = cdata::getbuffer)
        )]
        impl $name {
            #[slot]
            fn tp_new(cls: &Type, _args: FuncArgs<'_>) -> PyResult<PyRef> {
                cdata::new_slot(cls)
            }
            #[slot]
            fn tp_init(&self, args: FuncArgs<'_>) -> PyResult<()> {
                init(self, args)
            }
        }
    )* };
}
aggregates! {
    Structure STRUCTURE_TYPE "Structure" "Structure base class";
    Union UNION_TYPE "Union" "Union base class";
}
