//! `_struct`: packing values into bytes by format strings.

use macros::{pyclass, pymodule};
use runtime::objects::byteops::{bytes_arg, has_buffer};
use runtime::objects::structcode::{f64_to_half, half_to_f64};
use runtime::objects::{ByteArray, Complex};
use runtime::prelude::*;
use runtime::protocol::buffer::Buffer;
use runtime::py_layout;
use runtime::typeobject::alloc_object;
use std::sync::OnceLock;

static ERROR: OnceLock<PyRef> = OnceLock::new();

macro_rules! error {
    ($($arg:tt)*) => {
        match ERROR.get().and_then(|e| e.downcast::<Type>()) {
            Some(t) => runtime::error::raise_message(t, format_args!($($arg)*)),
            None => raise!(SystemError, "_struct is not initialised"),
        }
    };
}

/// How bytes are ordered, and whether sizes and alignment are the machine's.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Native,
    Little,
    Big,
}

/// A run of one code: `count` items of `size` bytes from `offset` (for `s` and `p`: one item of `count` bytes).
#[derive(Clone, Copy)]
struct Field {
    code: u8,
    count: usize,
    size: usize,
    offset: usize,
}

struct Layout {
    format: Ref<Str>,
    order: Order,
    size: usize,
    /// Number of Python values.
    items: usize,
    fields: Vec<Field>,
    /// What `__init__` replaced by this; freed with it
    replaced: *mut Layout,
}

/// Size and alignment of a code.
fn shape(code: u8, native: bool) -> Option<(usize, usize)> {
    let n = match code {
        b'x' | b'c' | b'b' | b'B' | b's' | b'p' | b'?' => 1,
        b'h' | b'H' | b'e' => 2,
        b'i' | b'I' | b'f' => 4,
        b'l' | b'L' if !native => 4,
        b'l' | b'L' | b'q' | b'Q' | b'd' => 8,
        b'n' | b'N' | b'P' if native => 8,
        b'F' => return Some((8, if native { 4 } else { 1 })),
        b'D' => return Some((16, if native { 8 } else { 1 })),
        _ => return None,
    };
    Some((n, if native { n } else { 1 }))
}

impl Layout {
    fn parse(format: &Object) -> PyResult<Layout> {
        let hold;
        let (text, name): (&[u8], Ref<Str>) = if let Some(s) = format.downcast::<Str>() {
            let b = runtime::objects::codecs::encode(s, Some("ascii"), None)?;
            hold = b;
            (hold.as_slice(), s.to_exact()?)
        } else if let Some(b) = format.downcast::<Bytes>() {
            (b.as_slice(), Str::from_latin1(b.as_slice())?)
        } else {
            return Err(raise!(
                TypeError,
                "Struct() argument 1 must be a str or bytes object, not {}",
                format.ty().name_str()
            ));
        };
        let (order, native, mut i) = match text.first() {
            Some(b'<') => (Order::Little, false, 1),
            Some(b'>' | b'!') => (Order::Big, false, 1),
            Some(b'=') => (Order::Native, false, 1),
            Some(b'@') => (Order::Native, true, 1),
            _ => (Order::Native, true, 0),
        };
        let too_long = || error!("total struct size too long");
        let (mut size, mut items, mut fields) = (0usize, 0usize, Vec::new());
        while i < text.len() {
            let c = text[i];
            i += 1;
            if c.is_ascii_whitespace() || c == 11 {
                continue;
            }
            let (mut count, mut code) = (1usize, c);
            if c.is_ascii_digit() {
                count = (c - b'0') as usize;
                loop {
                    let Some(&d) = text.get(i) else {
                        return Err(error!("repeat count given without format specifier"));
                    };
                    i += 1;
                    if !d.is_ascii_digit() {
                        code = d;
                        break;
                    }
                    count = count
                        .checked_mul(10)
                        .and_then(|n| n.checked_add((d - b'0') as usize))
                        .filter(|&n| n <= isize::MAX as usize)
                        .ok_or_else(too_long)?;
                }
            }
            let Some((n, align)) = shape(code, native) else {
                return Err(if code == 0 {
                    error!("embedded null character")
                } else {
                    error!("bad char in struct format")
                });
            };
            if native {
                size = size.checked_next_multiple_of(align).ok_or_else(too_long)?;
            }
            let bytes = n.checked_mul(count).ok_or_else(too_long)?;
            match code {
                b's' | b'p' => {
                    items += 1;
                    fields.push(Field { code, count, size: count, offset: size });
                }
                b'x' => {}
                _ if count > 0 => {
                    items = items.checked_add(count).ok_or_else(too_long)?;
                    fields.push(Field { code, count, size: n, offset: size });
                }
                _ => {}
            }
            size = size.checked_add(bytes).filter(|&s| s <= isize::MAX as usize).ok_or_else(too_long)?;
        }
        Ok(Layout { format: name, order, size, items, fields, replaced: core::ptr::null_mut() })
    }

    fn big(&self) -> bool {
        match self.order {
            Order::Native => cfg!(target_endian = "big"),
            o => o == Order::Big,
        }
    }

    fn unpack(&self, data: &[u8]) -> PyResult<PyRef> {
        let mut out: Vec<PyRef> = Vec::with_capacity(self.items);
        let big = self.big();
        for f in &self.fields {
            match f.code {
                b's' => out.push(Bytes::new(&data[f.offset..f.offset + f.count])?.upcast()),
                b'p' => {
                    let n = if f.count == 0 { 0 } else { (data[f.offset] as usize).min(f.count - 1) };
                    out.push(Bytes::new(if n == 0 { b"" } else { &data[f.offset + 1..f.offset + 1 + n] })?.upcast());
                }
                _ => {
                    for k in 0..f.count {
                        let at = f.offset + k * f.size;
                        out.push(read(f.code, &data[at..at + f.size], big)?);
                    }
                }
            }
        }
        Ok(Tuple::from_refs(out)?.upcast())
    }

    fn pack(&self, args: &[&Object], who: &str) -> PyResult<Vec<u8>> {
        if args.len() != self.items {
            return Err(error!("{} expected {} items for packing (got {})", who, self.items, args.len()));
        }
        runtime::objects::support::ensure_room::<u8>(self.size)?;
        let mut v = vec![0u8; self.size];
        let big = self.big();
        let mut args = args.iter();
        for f in &self.fields {
            if matches!(f.code, b's' | b'p') {
                let Some(a) = args.next() else { continue };
                let copy;
                let src: &[u8] = if let Some(b) = a.downcast::<Bytes>() {
                    b.as_slice()
                } else if let Some(b) = a.downcast::<ByteArray>() {
                    copy = b.to_vec();
                    &copy
                } else {
                    return Err(error!("argument for '{}' must be a bytes object", f.code as char));
                };
                let room = &mut v[f.offset..f.offset + f.count];
                if f.code == b's' {
                    let n = src.len().min(room.len());
                    room[..n].copy_from_slice(&src[..n]);
                } else if let Some((len, rest)) = room.split_first_mut() {
                    let n = src.len().min(rest.len());
                    rest[..n].copy_from_slice(&src[..n]);
                    *len = n.min(255) as u8;
                }
                continue;
            }
            for k in 0..f.count {
                let Some(a) = args.next() else { continue };
                let at = f.offset + k * f.size;
                write(f.code, &mut v[at..at + f.size], a, big)?;
            }
        }
        Ok(v)
    }
}

fn uint(b: &[u8], big: bool) -> u64 {
    let mut x = [0u8; 8];
    for (i, &c) in b.iter().enumerate() {
        x[if big { b.len() - 1 - i } else { i }] = c;
    }
    u64::from_le_bytes(x)
}

fn put(b: &mut [u8], x: u64, big: bool) {
    let n = b.len();
    for (i, c) in x.to_le_bytes()[..n].iter().enumerate() {
        b[if big { n - 1 - i } else { i }] = *c;
    }
}

fn read(code: u8, b: &[u8], big: bool) -> PyResult<PyRef> {
    let x = || uint(b, big);
    Ok(match code {
        b'c' => Bytes::new(b)?.upcast(),
        b'?' => Bool::of(b.iter().any(|&c| c != 0)).to_ref(),
        b'b' | b'h' | b'i' | b'l' | b'q' | b'n' => {
            let shift = 64 - 8 * b.len() as u32;
            Int::from_i64((x() << shift) as i64 >> shift)?.upcast()
        }
        b'e' => Float::new(half_to_f64(x() as u16))?.upcast(),
        b'f' => Float::new(f32::from_bits(x() as u32) as f64)?.upcast(),
        b'd' => Float::new(f64::from_bits(x()))?.upcast(),
        b'F' => Complex::new(
            f32::from_bits(uint(&b[..4], big) as u32) as f64,
            f32::from_bits(uint(&b[4..], big) as u32) as f64,
        )?
        .upcast(),
        b'D' => Complex::new(f64::from_bits(uint(&b[..8], big)), f64::from_bits(uint(&b[8..], big)))?.upcast(),
        _ => Int::from_u64(x())?.upcast(),
    })
}

fn int_arg(v: &Object) -> PyResult<PyRef> {
    if v.downcast::<Int>().is_some() {
        return Ok(v.to_ref());
    }
    if v.index_check() {
        match v.index() {
            Ok(i) => return Ok(i.upcast()),
            Err(e) if !e.matches(exc::TypeError()) => return Err(e),
            Err(e) => e.clear(),
        }
    }
    Err(error!("required argument is not an integer"))
}

fn float_arg(v: &Object) -> PyResult<f64> {
    match v.as_f64() {
        Ok(x) => Ok(x),
        Err(e) if e.matches(exc::TypeError()) => {
            e.clear();
            Err(error!("required argument is not a float"))
        }
        Err(e) => Err(e),
    }
}

fn write(code: u8, b: &mut [u8], v: &Object, big: bool) -> PyResult<()> {
    let n = b.len();
    match code {
        b'c' => match v.downcast::<Bytes>() {
            Some(x) if x.len() == 1 => b[0] = x.as_slice()[0],
            _ => return Err(error!("char format requires a bytes object of length 1")),
        },
        b'?' => {
            b.fill(0);
            let t = v.is_true()?;
            put(b, t as u64, big);
        }
        b'e' => match f64_to_half(float_arg(v)?) {
            Some(h) => put(b, h as u64, big),
            None => return Err(raise!(OverflowError, "float too large to pack with e format")),
        },
        b'f' => {
            let x = float_arg(v)?;
            if (x as f32).is_infinite() && x.is_finite() {
                return Err(raise!(OverflowError, "float too large to pack with f format"));
            }
            put(b, (x as f32).to_bits() as u64, big);
        }
        b'd' => put(b, float_arg(v)?.to_bits(), big),
        b'F' | b'D' => {
            let (re, im) = match v.downcast::<Complex>() {
                Some(c) => (c.real(), c.imag()),
                None => match runtime::objects::complex::as_complex(v) {
                    Ok(c) => (c.0, c.1),
                    Err(e) => {
                        e.clear();
                        return Err(error!("required argument is not a complex"));
                    }
                },
            };
            let (x, y) = b.split_at_mut(n / 2);
            if code == b'F' {
                put(x, (re as f32).to_bits() as u64, big);
                put(y, (im as f32).to_bits() as u64, big);
            } else {
                put(x, re.to_bits(), big);
                put(y, im.to_bits(), big);
            }
        }
        _ => {
            let o = int_arg(v)?;
            let Some(i) = o.downcast::<Int>() else { return Err(error!("required argument is not an integer")) };
            let signed = matches!(code, b'b' | b'h' | b'i' | b'l' | b'q' | b'n');
            let bits = 8 * n as u32;
            let (low, high): (i128, i128) = match code {
                b'P' => (i64::MIN as i128, u64::MAX as i128),
                _ if signed => (-(1i128 << (bits - 1)), (1i128 << (bits - 1)) - 1),
                _ => (0, (1i128 << bits) - 1),
            };
            let x: Option<i128> = match i.try_i64() {
                Some(x) => Some(x as i128),
                None if i.bit_length() <= 64 && i.sign() > 0 => u64::try_from(i.to_bigint()).ok().map(|x| x as i128),
                None => None,
            };
            match x {
                Some(x) if (low..=high).contains(&x) => put(b, x as u64, big),
                _ if code == b'P' => return Err(error!("int too large to convert")),
                _ => return Err(error!("'{}' format requires {} <= number <= {}", code as char, low, high)),
            }
        }
    }
    Ok(())
}

/// `Struct`.
#[repr(C)]
pub struct Struct {
    ob_base: abi::PyObject,
    /// Bytes and values, where CPython has them: its own test extension looks there
    s_size: isize,
    s_len: isize,
    layout: *mut Layout,
    weakrefs: *mut abi::PyObject,
}
static mut STRUCT_TYPE: Type = Type::STATIC;
py_layout!(Struct, STRUCT_TYPE);

/// `unpack_iterator`.
#[repr(C)]
pub struct UnpackIter {
    ob_base: abi::PyObject,
    owner: *mut abi::PyObject,
    buf: *mut Buffer,
    at: core::sync::atomic::AtomicUsize,
}
static mut UNPACK_ITER: Type = Type::STATIC;
py_layout!(UnpackIter, UNPACK_ITER);

fn with_struct<R>(format: &Object, f: impl FnOnce(&Struct) -> PyResult<R>) -> PyResult<R> {
    let s = cached(format)?;
    f(&s)
}

/// Compiled formats by their text: a small cache shared by all threads.
static CACHE: std::sync::Mutex<Vec<(PyRef, Ref<Struct>)>> = std::sync::Mutex::new(Vec::new());

fn cached(format: &Object) -> PyResult<Ref<Struct>> {
    let key = |a: &Object, b: &Object| match (a.downcast_exact::<Str>(), b.downcast_exact::<Str>()) {
        (Some(x), Some(y)) => x.eq_data(y),
        _ => match (a.downcast_exact::<Bytes>(), b.downcast_exact::<Bytes>()) {
            (Some(x), Some(y)) => x.as_slice() == y.as_slice(),
            _ => false,
        },
    };
    {
        let mut c = CACHE.lock().unwrap_or_else(|e| e.into_inner());
        if let Some(i) = c.iter().position(|(k, _)| key(k, format)) {
            if i > 8 {
                c.swap(i, i / 2);
                return Ok(c[i / 2].1.clone());
            }
            return Ok(c[i].1.clone());
        }
    }
    let s = Struct::make(format)?;
    let dropped;
    {
        let mut c = CACHE.lock().unwrap_or_else(|e| e.into_inner());
        dropped = if c.len() >= 100 { c.pop() } else { None };
        c.insert(0, (format.to_ref(), s.clone()));
    }
    drop(dropped);
    Ok(s)
}

impl Struct {
    fn layout(&self) -> PyResult<&Layout> {
        // SAFETY: set by `__new__`/`__init__`, owned.
        unsafe { self.layout.as_ref() }.ok_or_else(|| raise!(RuntimeError, "Struct object is not initialized"))
    }
    fn make(format: &Object) -> PyResult<Ref<Struct>> {
        let l = Layout::parse(format)?;
        let s = alloc_object::<Struct>(Struct::type_object())?;
        // SAFETY: nobody else sees the object yet.
        unsafe { (*s.as_raw()).layout = Box::into_raw(Box::new(l)) };
        Ok(s)
    }
    fn do_pack_into(&self, args: FuncArgs<'_>) -> PyResult<()> {
        args.no_keywords("pack_into")?;
        let l = self.layout()?;
        let Some(target) = args.get(0) else { return Err(error!("pack_into expected buffer argument")) };
        let Some(offset) = args.get(1) else { return Err(error!("pack_into expected offset argument")) };
        if args.len() - 2 != l.items {
            return Err(error!("pack_into expected {} items for packing (got {})", l.items, args.len() - 2));
        }
        let buf = match Buffer::get(target, abi::PyBUF_WRITABLE) {
            Ok(b) => b,
            Err(e) => {
                e.clear();
                return Err(raise!(
                    TypeError,
                    "argument must be read-write bytes-like object, not {}",
                    target.ty().name_str()
                ));
            }
        };
        let n = buf.len() as isize;
        let mut at = offset.as_isize()?;
        let size = l.size as isize;
        if at < 0 {
            if at + size > 0 {
                return Err(error!("no space to pack {} bytes at offset {}", size, at));
            }
            if at + n < 0 {
                return Err(error!("offset {} out of range for {}-byte buffer", at, n));
            }
            at += n;
        }
        if n - at < size {
            return Err(error!(
                "pack_into requires a buffer of at least {} bytes for packing {} bytes at offset {} (actual buffer size is {})",
                size as usize + at as usize,
                size,
                at,
                n
            ));
        }
        let v = l.pack(args.rest(2), "pack_into")?;
        // SAFETY: the range was checked, the buffer is writable.
        unsafe { core::ptr::copy_nonoverlapping(v.as_ptr(), buf.as_mut_ptr().offset(at), v.len()) };
        Ok(())
    }
    fn do_unpack(&self, buffer: &Object) -> PyResult<PyRef> {
        let l = self.layout()?;
        if !has_buffer(buffer) {
            return Err(raise!(TypeError, "a bytes-like object is required, not '{}'", buffer.ty().name_str()));
        }
        let d = bytes_arg(buffer)?;
        if d.len() != l.size {
            return Err(error!("unpack requires a buffer of {} bytes", l.size));
        }
        l.unpack(&d)
    }
    fn do_unpack_from(&self, buffer: &Object, offset: isize) -> PyResult<PyRef> {
        let l = self.layout()?;
        let d = bytes_arg(buffer)?;
        let (n, size) = (d.len() as isize, l.size as isize);
        let mut at = offset;
        if at < 0 {
            if at + size > 0 {
                return Err(error!("not enough data to unpack {} bytes at offset {}", size, at));
            }
            if at + n < 0 {
                return Err(error!("offset {} out of range for {}-byte buffer", at, n));
            }
            at += n;
        }
        if n - at < size {
            return Err(error!(
                "unpack_from requires a buffer of at least {} bytes for unpacking {} bytes at offset {} (actual buffer size is {})",
                size as usize + at as usize,
                size,
                at,
                n
            ));
        }
        l.unpack(&d[at as usize..(at + size) as usize])
    }
    fn do_iter_unpack(&self, buffer: &Object) -> PyResult<PyRef> {
        let l = self.layout()?;
        if l.size == 0 {
            return Err(error!("cannot iteratively unpack with a struct of length 0"));
        }
        let buf = Buffer::get(buffer, abi::PyBUF_SIMPLE)?;
        if buf.len() % l.size != 0 {
            return Err(error!("iterative unpacking requires a buffer of a multiple of {} bytes", l.size));
        }
        let it = alloc_object::<UnpackIter>(UnpackIter::type_object())?;
        // SAFETY: nobody else sees the object yet.
        unsafe {
            (*it.as_raw()).owner = self.to_ref().into_ptr();
            (*it.as_raw()).buf = Box::into_raw(Box::new(buf));
        }
        Ok(it.upcast())
    }
}

#[pyclass(
    name = "Struct",
    module = "_struct",
    type_object = STRUCT_TYPE,
    flags = "BASETYPE",
    weaklistoffset = core::mem::offset_of!(Struct, weakrefs),
    doc = "Struct(fmt) --> compiled struct object"
)]
impl Struct {
    #[slot(raw)]
    fn tp_new(cls: &Type, _args: FuncArgs<'_>) -> PyResult<PyRef> {
        Ok(alloc_object::<Struct>(cls)?.upcast())
    }
    #[slot(sig = "format")]
    fn tp_init(&self, format: &Object) -> PyResult<()> {
        let mut l = Layout::parse(format)?;
        // SAFETY: the layout belongs to this object; an old one lives on behind the new one, it may be in use.
        unsafe {
            let me = (self as *const Struct).cast_mut();
            (*me).s_size = l.size as isize;
            (*me).s_len = l.items as isize;
            l.replaced = (*me).layout;
            (*me).layout = Box::into_raw(Box::new(l));
        }
        Ok(())
    }
    #[slot]
    fn tp_dealloc(this: *mut Struct) {
        // SAFETY: the last reference is gone.
        unsafe {
            if !(*this).weakrefs.is_null() {
                runtime::objects::weakref::clear_weakrefs(this.cast());
            }
            let mut l = (*this).layout;
            while !l.is_null() {
                l = Box::from_raw(l).replaced;
            }
            if let Some(free) = (*this).ty().slots().tp_free {
                free(this.cast());
            }
        }
    }
    #[slot]
    fn tp_repr(&self) -> PyResult<Ref<Str>> {
        let r = self.layout()?.format.repr_str()?;
        Str::format(format_args!("{}({})", self.ty().name_str(), r.to_string_lossy()))
    }
    /// struct format string
    #[pygetset]
    fn format(&self) -> PyResult<Ref<Str>> {
        Ok(self.layout()?.format.clone())
    }
    #[pymethod(name = "__sizeof__")]
    fn sizeof(&self) -> PyResult<usize> {
        // One code of four words for each field and one at the end
        Ok(size_of::<Struct>() + 32 * (self.layout()?.fields.len() + 1))
    }
    /// struct size in bytes
    #[pygetset]
    fn size(&self) -> isize {
        // SAFETY: null or the layout that the object owns.
        unsafe { self.layout.as_ref() }.map_or(-1, |l| l.size as isize)
    }
    /// Return a bytes object containing values v1, v2, ... packed according to the format string S.format.
    #[pymethod(raw)]
    fn pack(&self, args: FuncArgs<'_>) -> PyResult<Ref<Bytes>> {
        args.no_keywords("pack")?;
        Bytes::new(&self.layout()?.pack(args.args, "pack")?)
    }
    /// Pack the values v1, v2, ... according to the format string S.format and write the packed bytes into the writable buffer buf starting at offset.
    #[pymethod(raw)]
    fn pack_into(&self, args: FuncArgs<'_>) -> PyResult<()> {
        self.do_pack_into(args)
    }
    /// Return a tuple containing unpacked values.
    #[pymethod(sig = "buffer, /")]
    fn unpack(&self, buffer: &Object) -> PyResult<PyRef> {
        self.do_unpack(buffer)
    }
    /// Return a tuple containing unpacked values.
    #[pymethod(sig = "buffer, offset=0")]
    fn unpack_from(&self, buffer: &Object, offset: Arg<isize>) -> PyResult<PyRef> {
        self.do_unpack_from(buffer, offset.unwrap_or(0))
    }
    /// Return an iterator yielding tuples.
    #[pymethod(sig = "buffer, /")]
    fn iter_unpack(&self, buffer: &Object) -> PyResult<PyRef> {
        self.do_iter_unpack(buffer)
    }
}

#[pyclass(name = "unpack_iterator", module = "_struct", type_object = UNPACK_ITER, flags = "DISALLOW_INSTANTIATION")]
impl UnpackIter {
    #[slot]
    fn tp_dealloc(this: *mut UnpackIter) {
        // SAFETY: the last reference is gone.
        unsafe {
            if !(*this).buf.is_null() {
                drop(Box::from_raw((*this).buf));
            }
            drop(PyRef::from_ptr_opt((*this).owner));
            if let Some(free) = (*this).ty().slots().tp_free {
                free(this.cast());
            }
        }
    }
    #[slot]
    fn tp_iter(&self) -> PyResult<PyRef> {
        Ok(self.to_ref())
    }
    #[slot]
    fn tp_iternext(&self) -> PyResult<Option<PyRef>> {
        // SAFETY: set at creation, owned.
        let (s, b) = unsafe { (&*self.owner.cast::<Struct>(), &*self.buf) };
        let l = s.layout()?;
        let at = self.at.fetch_add(l.size, core::sync::atomic::Ordering::Relaxed);
        match b.as_slice().get(at..at.saturating_add(l.size)) {
            Some(d) => l.unpack(d).map(Some),
            None => Ok(None),
        }
    }
    #[pymethod]
    fn __length_hint__(&self) -> PyResult<usize> {
        // SAFETY: as above.
        let (s, b) = unsafe { (&*self.owner.cast::<Struct>(), &*self.buf) };
        Ok(b.len().saturating_sub(self.at.load(core::sync::atomic::Ordering::Relaxed)) / s.layout()?.size.max(1))
    }
}

/// A new exception class of a module.
pub fn new_exception(module: &str, name: &str, base: &Type) -> PyResult<PyRef> {
    let d = Dict::new()?;
    let m = Str::new(module)?;
    d.set(intern!("__module__"), &m)?;
    let bases = Tuple::from_refs(vec![base.to_ref()])?;
    let n = Str::new(name)?;
    runtime::typeobject::type_type().call(&[&n, &bases, &d])
}

/// Functions to convert between Python values and C structs.
#[pymodule(name = "_struct")]
pub mod _struct {
    use super::*;
    use runtime::convert::HasSpec;

    /// Clear the internal cache.
    #[pyfunction]
    fn _clearcache() {
        let old = core::mem::take(&mut *CACHE.lock().unwrap_or_else(|e| e.into_inner()));
        drop(old);
    }
    /// Return size in bytes of the struct described by the format string.
    #[pyfunction]
    fn calcsize(format: &Object) -> PyResult<usize> {
        with_struct(format, |s| Ok(s.layout()?.size))
    }
    /// Return a bytes object containing the values v1, v2, ... packed according to the format string.
    #[pyfunction(raw)]
    fn pack(args: FuncArgs<'_>) -> PyResult<Ref<Bytes>> {
        args.no_keywords("pack")?;
        let Some(f) = args.get(0) else { return Err(raise!(TypeError, "missing format argument")) };
        with_struct(f, |s| Bytes::new(&s.layout()?.pack(args.rest(1), "pack")?))
    }
    /// Pack the values v1, v2, ... according to the format string and write the packed bytes into the writable buffer buf starting at offset.
    #[pyfunction(raw)]
    fn pack_into(args: FuncArgs<'_>) -> PyResult<()> {
        let Some(f) = args.get(0) else { return Err(raise!(TypeError, "missing format argument")) };
        let rest = FuncArgs { args: args.rest(1), kwnames: args.kwnames, kwvalues: args.kwvalues };
        with_struct(f, |s| s.do_pack_into(rest))
    }
    /// Return a tuple containing values unpacked according to the format string.
    #[pyfunction(sig = "format, buffer, /")]
    fn unpack(format: &Object, buffer: &Object) -> PyResult<PyRef> {
        with_struct(format, |s| s.do_unpack(buffer))
    }
    /// Return a tuple containing values unpacked according to the format string.
    #[pyfunction(sig = "format, /, buffer, offset=0")]
    fn unpack_from(format: &Object, buffer: &Object, offset: Arg<isize>) -> PyResult<PyRef> {
        with_struct(format, |s| s.do_unpack_from(buffer, offset.unwrap_or(0)))
    }
    /// Return an iterator yielding tuples unpacked from the given bytes.
    #[pyfunction(sig = "format, buffer, /")]
    fn iter_unpack(format: &Object, buffer: &Object) -> PyResult<PyRef> {
        with_struct(format, |s| s.do_iter_unpack(buffer))
    }
    #[exec]
    fn init(m: &Module) -> PyResult<()> {
        if ERROR.get().is_none() {
            let _ = ERROR.set(new_exception("struct", "error", exc::Exception())?);
        }
        if let Some(e) = ERROR.get() {
            m.add("error", e.clone())?;
        }
        runtime::typeobject::init_static(UnpackIter::spec())?;
        m.add_type::<Struct>()
    }
}
