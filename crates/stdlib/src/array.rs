//! `array`: arrays of numbers and characters.

use core::ffi::{c_char, c_int};
use core::sync::atomic::{AtomicIsize, Ordering};
use macros::{pyclass, pymodule};
use runtime::objects::byteops::{bytes_arg, has_buffer};
use runtime::objects::structcode::{self, PackError};
use runtime::objects::unicode::{StrBuilder, block, ops};
use runtime::objects::{ByteArray, weakref};
use runtime::prelude::*;
use runtime::py_layout;
use runtime::thread::critical;
use runtime::typeobject::{CompareOp, alloc_object};

const TYPECODES: &str = "bBuwhHiIlLqQfd";

/// `array.array`. Guarded by the object's lock.
#[repr(C)]
pub struct Array {
    ob_base: abi::PyVarObject,
    items: *mut u8,
    allocated: isize,
    code: u8,
    weakrefs: *mut abi::PyObject,
    exports: isize,
}
static mut ARRAY_TYPE: Type = Type::STATIC;
py_layout!(Array, ARRAY_TYPE);

fn size_of_code(c: u8) -> Option<usize> {
    if !TYPECODES.as_bytes().contains(&c) {
        return None;
    }
    match c {
        b'u' | b'w' => Some(4),
        c => structcode::native_size(c),
    }
}

fn format_of(c: u8) -> *mut c_char {
    (match c {
        b'b' => c"b",
        b'B' => c"B",
        b'u' | b'w' => c"w",
        b'h' => c"h",
        b'H' => c"H",
        b'i' => c"i",
        b'I' => c"I",
        b'l' => c"l",
        b'L' => c"L",
        b'q' => c"q",
        b'Q' => c"Q",
        b'f' => c"f",
        _ => c"d",
    })
    .as_ptr()
    .cast_mut()
}

impl Array {
    fn raw(&self) -> *mut Array {
        (self as *const Array).cast_mut()
    }
    pub fn len(&self) -> usize {
        // SAFETY: a field of this live object.
        unsafe { (&raw const self.ob_base.ob_size).read_volatile() as usize }
    }
    fn size(&self) -> usize {
        size_of_code(self.code).unwrap_or(1)
    }
    fn item_ptr(&self, i: usize) -> *mut u8 {
        // SAFETY: within the buffer, as the caller checked.
        unsafe { (*self.raw()).items.add(i * self.size()) }
    }
    fn bytes(&self) -> &[u8] {
        let n = self.len() * self.size();
        // SAFETY: `n` bytes at `items`; the caller holds the lock.
        if n == 0 { &[] } else { unsafe { core::slice::from_raw_parts((*self.raw()).items, n) } }
    }
    fn is_text(&self) -> bool {
        matches!(self.code, b'u' | b'w')
    }
    fn make(cls: &Type, code: u8, data: &[u8]) -> PyResult<Ref<Array>> {
        let a = alloc_object::<Array>(cls)?;
        // SAFETY: nobody else sees the object yet.
        unsafe { (*a.as_raw()).code = code };
        a.extend_bytes(data)?;
        Ok(a)
    }
    fn check_resizable(&self) -> PyResult<()> {
        // SAFETY: under the lock.
        if unsafe { (*self.raw()).exports } > 0 {
            return Err(raise!(BufferError, "cannot resize an array that is exporting buffers"));
        }
        Ok(())
    }
    /// Sets the number of items; new ones are uninitialised. Under the lock.
    fn set_len(&self, n: usize) -> PyResult<()> {
        let old = self.len();
        if n == old {
            return Ok(());
        }
        self.check_resizable()?;
        let raw = self.raw();
        // SAFETY: under the lock; the fields describe one block.
        unsafe {
            let cap = (*raw).allocated as usize;
            if n > cap || n < cap / 2 {
                let want = if n == 0 { 0 } else { (n >> 4) + if old < 8 { 3 } else { 7 } + n };
                let Some(bytes) = want.checked_mul(self.size()).filter(|&b| b < isize::MAX as usize) else {
                    return Err(runtime::error::raise_none(exc::MemoryError()));
                };
                if want == 0 {
                    block::side_free((*raw).items);
                    (*raw).items = core::ptr::null_mut();
                } else {
                    let p = block::side_realloc((*raw).items, bytes);
                    if p.is_null() {
                        return Err(runtime::error::raise_none(exc::MemoryError()));
                    }
                    (*raw).items = p;
                }
                (*raw).allocated = want as isize;
            }
            (*raw).ob_base.ob_size = n as isize;
        }
        Ok(())
    }
    fn splice(&self, a: usize, b: usize, data: &[u8]) -> PyResult<()> {
        let (n, z) = (self.len(), self.size());
        let add = data.len() / z;
        let new = n - (b - a) + add;
        // SAFETY: ranges lie inside the buffer before and after the resize; the caller holds the lock.
        unsafe {
            if new < n {
                self.check_resizable()?;
                let p = (*self.raw()).items;
                core::ptr::copy(p.add(b * z), p.add((a + add) * z), (n - b) * z);
                self.set_len(new)?;
            } else if new > n {
                self.set_len(new)?;
                let p = (*self.raw()).items;
                core::ptr::copy(p.add(b * z), p.add((a + add) * z), (n - b) * z);
            }
            if !data.is_empty() {
                core::ptr::copy_nonoverlapping(data.as_ptr(), self.item_ptr(a), data.len());
            }
        }
        Ok(())
    }
    fn extend_bytes(&self, data: &[u8]) -> PyResult<()> {
        critical(self, || self.splice(self.len(), self.len(), data))
    }
    fn read(&self, b: &[u8]) -> PyResult<PyRef> {
        if self.is_text() {
            let c = u32::from_ne_bytes([b[0], b[1], b[2], b[3]]);
            if c > 0x10FFFF {
                return Err(raise!(ValueError, "character U+{:x} is not in range [U+0000; U+10ffff]", c));
            }
            return Ok(Str::from_char(c)?.upcast());
        }
        // SAFETY: an item of the array's code.
        unsafe { structcode::unpack(self.code, b.as_ptr()) }
    }
    fn get(&self, i: usize) -> PyResult<Option<PyRef>> {
        let mut b = [0u8; 8];
        let z = self.size();
        let ok = critical(self, || {
            if i >= self.len() {
                return false;
            }
            b[..z].copy_from_slice(&self.bytes()[i * z..(i + 1) * z]);
            true
        });
        if ok { self.read(&b[..z]).map(Some) } else { Ok(None) }
    }
    /// The bytes of one item.
    fn encode(&self, v: &Object) -> PyResult<[u8; 8]> {
        let mut b = [0u8; 8];
        if self.is_text() {
            let Some(s) = v.downcast::<Str>() else {
                return Err(raise!(TypeError, "array item must be a unicode character, not {}", v.ty().name_str()));
            };
            if s.len() != 1 {
                return Err(raise!(
                    TypeError,
                    "array item must be a string of length 1, not a string of length {}",
                    s.len()
                ));
            }
            b[..4].copy_from_slice(&s.char_at(0).to_ne_bytes());
            return Ok(b);
        }
        if self.code == b'f' {
            b[..4].copy_from_slice(&(v.as_f64()? as f32).to_ne_bytes());
            return Ok(b);
        }
        if self.code == b'd' {
            b.copy_from_slice(&v.as_f64()?.to_ne_bytes());
            return Ok(b);
        }
        let i = v.index()?;
        // SAFETY: room for any item.
        match unsafe { structcode::pack(self.code, b.as_mut_ptr(), &i) } {
            Ok(()) => Ok(b),
            Err(PackError::Raised(e)) => Err(e),
            Err(_) => {
                let low = i.sign() < 0;
                Err(match self.code {
                    b'b' if low => raise!(OverflowError, "signed char is less than minimum"),
                    b'b' => raise!(OverflowError, "signed char is greater than maximum"),
                    b'B' if low => raise!(OverflowError, "unsigned byte integer is less than minimum"),
                    b'B' => raise!(OverflowError, "unsigned byte integer is greater than maximum"),
                    b'h' if low => raise!(OverflowError, "signed short integer is less than minimum"),
                    b'h' => raise!(OverflowError, "signed short integer is greater than maximum"),
                    b'H' if low => raise!(OverflowError, "unsigned short is less than minimum"),
                    b'H' => raise!(OverflowError, "unsigned short is greater than maximum"),
                    b'i' if low => raise!(OverflowError, "signed integer is less than minimum"),
                    b'i' => raise!(OverflowError, "signed integer is greater than maximum"),
                    b'I' | b'L' if low => raise!(OverflowError, "can't convert negative value to unsigned int"),
                    b'I' => raise!(OverflowError, "unsigned int is greater than maximum"),
                    b'l' => raise!(OverflowError, "Python int too large to convert to C long"),
                    b'L' => raise!(OverflowError, "Python int too large to convert to C unsigned long"),
                    b'Q' if low => raise!(OverflowError, "can't convert negative int to unsigned"),
                    _ => raise!(OverflowError, "int too big to convert"),
                })
            }
        }
    }
    fn extend_from(&self, o: &Object) -> PyResult<()> {
        if let Some(a) = o.downcast::<Array>() {
            if a.code != self.code {
                return Err(raise!(TypeError, "can only extend with array of same kind"));
            }
            let copy = critical(a, || a.bytes().to_vec());
            return self.extend_bytes(&copy);
        }
        let it = o.iter()?;
        let z = self.size();
        while let Some(x) = it.iter_next()? {
            let b = self.encode(&x)?;
            self.extend_bytes(&b[..z])?;
        }
        Ok(())
    }
    fn text(&self) -> PyResult<Ref<Str>> {
        let v: Vec<u32> = critical(self, || {
            self.bytes().chunks_exact(4).map(|c| u32::from_ne_bytes([c[0], c[1], c[2], c[3]])).collect()
        });
        if let Some(c) = v.iter().find(|&&c| c > 0x10FFFF) {
            return Err(raise!(ValueError, "character U+{:x} is not in range [U+0000; U+10ffff]", c));
        }
        Str::from_ucs4(&v)
    }
    fn list(&self) -> PyResult<Ref<List>> {
        let copy = critical(self, || self.bytes().to_vec());
        let mut v = Vec::with_capacity(copy.len() / self.size());
        for b in copy.chunks_exact(self.size()) {
            v.push(self.read(b)?);
        }
        List::from_vec(v)
    }
    fn same_kind<'a>(&self, o: &'a Object, message: &str) -> PyResult<&'a Array> {
        let Some(a) = o.downcast::<Array>() else {
            return Err(raise!(
                TypeError,
                "{} (not \"{}\"){}",
                message,
                o.ty().name_str(),
                if message.ends_with("append array") { " to array" } else { "" }
            ));
        };
        if a.code != self.code {
            return Err(raise!(TypeError, "bad argument type for built-in operation"));
        }
        Ok(a)
    }
    fn push_text(&self, s: &Str) -> PyResult<()> {
        let v: Vec<u8> = s.chars().flat_map(|c| c.to_ne_bytes()).collect();
        self.extend_bytes(&v)
    }
    fn machine_format(&self) -> i64 {
        let big = cfg!(target_endian = "big") as i64;
        match self.code {
            b'b' => 1,
            b'B' => 0,
            b'u' | b'w' => 20 + big,
            b'f' => 14 + big,
            b'd' => 16 + big,
            c => {
                let signed = c.is_ascii_lowercase() as i64;
                let base = match self.size() {
                    2 => 2,
                    4 => 6,
                    _ => 10,
                };
                base + 2 * signed + big
            }
        }
    }
}

fn code_arg(o: &Object) -> PyResult<u8> {
    let Some(s) = o.downcast::<Str>() else {
        return Err(raise!(TypeError, "array() argument 1 must be a unicode character, not {}", o.ty().name_str()));
    };
    if s.len() != 1 {
        return Err(raise!(
            TypeError,
            "array() argument 1 must be a unicode character, not a string of length {}",
            s.len()
        ));
    }
    let c = s.char_at(0);
    match u8::try_from(c) {
        Ok(c) if size_of_code(c).is_some() => Ok(c),
        _ => Err(raise!(ValueError, "bad typecode (must be b, B, u, w, h, H, i, I, l, L, q, Q, f or d)")),
    }
}

#[pyclass(
    name = "array",
    module = "array",
    type_object = ARRAY_TYPE,
    flags = "BASETYPE|SEQUENCE",
    weaklistoffset = core::mem::offset_of!(Array, weakrefs),
    doc = "array(typecode [, initializer]) -> array\n\nReturn a new array whose items are restricted by typecode, and\ninitialized from the optional initializer value, which must be a list,\nstring or iterable over elements of the appropriate type."
)]
impl Array {
    #[slot(raw)]
    fn tp_new(cls: &Type, args: FuncArgs<'_>) -> PyResult<PyRef> {
        if core::ptr::eq(cls, Array::type_object()) {
            args.no_keywords("array.array")?;
        }
        let (Some(code), true) = (args.get(0), args.len() <= 2) else {
            return Err(if args.len() == 0 {
                raise!(TypeError, "array() takes at least 1 argument (0 given)")
            } else {
                raise!(TypeError, "array() takes at most 2 arguments ({} given)", args.len())
            });
        };
        let code = code_arg(code)?;
        if code == b'u' {
            runtime::error::warn(
                exc::DeprecationWarning(),
                "The 'u' type code is deprecated and will be removed in Python 3.16",
                1,
            )?;
        }
        let text = matches!(code, b'u' | b'w');
        let init = args.get(1);
        if let Some(o) = init {
            if o.downcast::<Str>().is_some() && !text {
                return Err(raise!(
                    TypeError,
                    "cannot use a str to initialize an array with typecode '{}'",
                    code as char
                ));
            }
            if let Some(a) = o.downcast::<Array>()
                && matches!(a.code, b'u' | b'w')
                && !text
            {
                return Err(raise!(
                    TypeError,
                    "cannot use a unicode array to initialize an array with typecode '{}'",
                    code as char
                ));
            }
        }
        let a = Array::make(cls, code, b"")?;
        let Some(o) = init else { return Ok(a.upcast()) };
        if let (Some(s), true) = (o.downcast::<Str>(), text) {
            a.push_text(s)?;
        } else if o.downcast::<Bytes>().is_some() || o.downcast::<ByteArray>().is_some() {
            a.frombytes(o)?;
        } else if let Some(src) = o.downcast::<Array>()
            && src.code == code
        {
            let copy = critical(src, || src.bytes().to_vec());
            a.extend_bytes(&copy)?;
        } else {
            let it = o.iter()?;
            let z = a.size();
            let mut v: Vec<u8> = Vec::new();
            while let Some(x) = it.iter_next()? {
                v.extend_from_slice(&a.encode(&x)?[..z]);
            }
            a.extend_bytes(&v)?;
        }
        Ok(a.upcast())
    }
    #[slot]
    fn tp_dealloc(this: *mut Array) {
        // SAFETY: the last reference is gone.
        unsafe {
            if !(*this).weakrefs.is_null() {
                weakref::clear_weakrefs(this.cast());
            }
            block::side_free((*this).items);
            if let Some(free) = (*this).ty().slots().tp_free {
                free(this.cast());
            }
        }
    }
    #[slot]
    fn tp_repr(&self) -> PyResult<Ref<Str>> {
        let mut b = StrBuilder::new();
        b.push_str(self.ty().name_str());
        b.push_str(&format!("('{}'", self.code as char));
        if Array::len(self) > 0 {
            b.push_str(", ");
            if self.is_text() {
                let t = self.text()?;
                b.push_repr_of(&t)?;
            } else {
                let l = self.list()?;
                b.push_repr_of(&l)?;
            }
        }
        b.push_str(")");
        b.finish()
    }
    #[slot]
    fn tp_richcompare(&self, other: &Object, op: CompareOp) -> PyResult<PyRef> {
        let Some(o) = other.downcast::<Array>() else { return Ok(not_implemented().to_ref()) };
        let (n, m) = (Array::len(self), Array::len(o));
        if n != m && matches!(op, CompareOp::Eq | CompareOp::Ne) {
            return Ok(Bool::of(op == CompareOp::Ne).to_ref());
        }
        for i in 0..n.min(m) {
            let (Some(x), Some(y)) = (self.get(i)?, o.get(i)?) else { break };
            if !x.richcompare(&y, CompareOp::Eq)?.is_true()? {
                return match op {
                    CompareOp::Eq => Ok(Bool::of(false).to_ref()),
                    CompareOp::Ne => Ok(Bool::of(true).to_ref()),
                    _ => x.richcompare(&y, op),
                };
            }
        }
        Ok(Bool::of(op.holds(n.cmp(&m))).to_ref())
    }
    #[slot]
    fn tp_iter(&self) -> PyResult<PyRef> {
        let it = alloc_object::<ArrayIter>(ArrayIter::type_object())?;
        // SAFETY: nobody else sees the object yet.
        unsafe { (*it.as_raw()).array = self.to_ref().into_ptr() };
        Ok(it.upcast())
    }
    #[slot]
    fn sq_length(&self) -> PyResult<usize> {
        Ok(Array::len(self))
    }
    #[slot]
    fn mp_length(&self) -> PyResult<usize> {
        Ok(Array::len(self))
    }
    #[slot]
    fn sq_item(&self, i: isize) -> PyResult<PyRef> {
        match if i < 0 { None } else { Array::get(self, i as usize)? } {
            Some(v) => Ok(v),
            None => Err(raise!(IndexError, "array index out of range")),
        }
    }
    #[slot]
    fn sq_concat(&self, o: &Object) -> PyResult<PyRef> {
        let a = self.same_kind(o, "can only append array")?;
        let mut v = critical(self, || self.bytes().to_vec());
        v.extend(critical(a, || a.bytes().to_vec()));
        Ok(Array::make(Array::type_object(), self.code, &v)?.upcast())
    }
    #[slot]
    fn sq_repeat(&self, n: isize) -> PyResult<PyRef> {
        let v = critical(self, || self.bytes().to_vec());
        let n = n.max(0) as usize;
        if v.len().checked_mul(n).is_none_or(|t| t > isize::MAX as usize / 2) {
            return Err(runtime::error::raise_none(exc::MemoryError()));
        }
        runtime::objects::support::ensure_room::<u8>((v.len() * n).saturating_mul(2))?;
        Ok(Array::make(Array::type_object(), self.code, &v.repeat(n))?.upcast())
    }
    #[slot]
    fn sq_inplace_concat(&self, o: &Object) -> PyResult<PyRef> {
        if o.downcast::<Array>().is_none() {
            return Err(raise!(TypeError, "can only extend array with array (not \"{}\")", o.ty().name_str()));
        }
        self.extend_from(o)?;
        Ok(self.to_ref())
    }
    #[slot]
    fn sq_inplace_repeat(&self, n: isize) -> PyResult<PyRef> {
        let v = critical(self, || self.bytes().to_vec());
        let n = n.max(0) as usize;
        if v.len().checked_mul(n).is_none_or(|t| t > isize::MAX as usize / 2) {
            return Err(runtime::error::raise_none(exc::MemoryError()));
        }
        runtime::objects::support::ensure_room::<u8>((v.len() * n).saturating_mul(2))?;
        let new = v.repeat(n);
        critical(self, || self.splice(0, Array::len(self), &new))?;
        Ok(self.to_ref())
    }
    #[slot]
    fn sq_contains(&self, v: &Object) -> PyResult<bool> {
        let mut i = 0;
        while let Some(x) = Array::get(self, i)? {
            if x.eq(v)? {
                return Ok(true);
            }
            i += 1;
        }
        Ok(false)
    }
    #[slot]
    fn sq_ass_item(&self, i: isize, value: Option<&Object>) -> PyResult<()> {
        let b = value.map(|v| self.encode(v)).transpose()?;
        critical(self, || {
            let (n, z) = (Array::len(self) as isize, self.size());
            if i < 0 || i >= n {
                return Err(raise!(IndexError, "array assignment index out of range"));
            }
            match b {
                // SAFETY: in range, under the lock.
                Some(b) => unsafe { core::ptr::copy_nonoverlapping(b.as_ptr(), self.item_ptr(i as usize), z) },
                None => self.splice(i as usize, i as usize + 1, b"")?,
            }
            Ok(())
        })
    }
    #[slot]
    fn mp_subscript(&self, key: &Object) -> PyResult<PyRef> {
        if let Some(s) = key.downcast::<Slice>() {
            let (start, stop, step) = s.unpack()?;
            let v = critical(self, || {
                let z = self.size();
                let ix = Slice::adjust(Array::len(self), start, stop, step);
                let b = self.bytes();
                (0..ix.count)
                    .flat_map(|k| {
                        let at = (ix.start + k as isize * ix.step) as usize * z;
                        b[at..at + z].iter().copied()
                    })
                    .collect::<Vec<u8>>()
            });
            return Ok(Array::make(Array::type_object(), self.code, &v)?.upcast());
        }
        if !key.index_check() {
            return Err(raise!(TypeError, "array indices must be integers"));
        }
        let i = key.as_isize()?;
        self.sq_item(if i < 0 { i + Array::len(self) as isize } else { i })
    }
    #[slot]
    fn mp_ass_subscript(&self, key: &Object, value: Option<&Object>) -> PyResult<()> {
        let Some(s) = key.downcast::<Slice>() else {
            if !key.index_check() {
                return Err(raise!(TypeError, "array indices must be integers"));
            }
            let i = key.as_isize()?;
            return self.sq_ass_item(if i < 0 { i + Array::len(self) as isize } else { i }, value);
        };
        let (start, stop, step) = s.unpack()?;
        let data = match value {
            None => None,
            Some(v) => {
                let Some(a) = v.downcast::<Array>() else {
                    return Err(raise!(
                        TypeError,
                        "can only assign array (not \"{}\") to array slice",
                        v.ty().name_str()
                    ));
                };
                if a.code != self.code {
                    return Err(raise!(TypeError, "bad argument type for built-in operation"));
                }
                Some(critical(a, || a.bytes().to_vec()))
            }
        };
        critical(self, || {
            let z = self.size();
            let ix = Slice::adjust(Array::len(self), start, stop, step);
            if ix.step == 1 {
                let a = ix.start as usize;
                return self.splice(a, a + ix.count, data.as_deref().unwrap_or(b""));
            }
            let at = |k: usize| (ix.start + k as isize * ix.step) as usize;
            match &data {
                None => {
                    if ix.count == 0 {
                        return Ok(());
                    }
                    let mut drop = vec![false; Array::len(self)];
                    (0..ix.count).for_each(|k| drop[at(k)] = true);
                    let kept: Vec<u8> = self
                        .bytes()
                        .chunks_exact(z)
                        .zip(&drop)
                        .filter(|(_, d)| !**d)
                        .flat_map(|(b, _)| b.iter().copied())
                        .collect();
                    self.splice(0, Array::len(self), &kept)
                }
                Some(d) => {
                    if d.len() / z != ix.count {
                        return Err(raise!(
                            ValueError,
                            "attempt to assign array of size {} to extended slice of size {}",
                            d.len() / z,
                            ix.count
                        ));
                    }
                    for (k, b) in d.chunks_exact(z).enumerate() {
                        // SAFETY: indices of the adjusted slice are in range, under the lock.
                        unsafe { core::ptr::copy_nonoverlapping(b.as_ptr(), self.item_ptr(at(k)), z) };
                    }
                    Ok(())
                }
            }
        })
    }
    #[slot]
    fn bf_getbuffer(&self, view: *mut abi::Py_buffer, flags: c_int) -> PyResult<()> {
        static EMPTY: [u8; 8] = [0; 8];
        critical(self, || {
            // SAFETY: the caller's view; the export keeps the items in place.
            unsafe {
                let raw = self.raw();
                let v = &mut *view;
                v.buf = if (*raw).items.is_null() { (&raw const EMPTY).cast_mut().cast() } else { (*raw).items.cast() };
                v.obj = self.to_ref().into_ptr();
                v.len = (Array::len(self) * self.size()) as isize;
                v.readonly = 0;
                v.ndim = 1;
                v.itemsize = self.size() as isize;
                v.suboffsets = core::ptr::null_mut();
                v.shape = if flags & abi::PyBUF_ND == abi::PyBUF_ND {
                    &raw mut (*raw).ob_base.ob_size
                } else {
                    core::ptr::null_mut()
                };
                v.strides = if flags & abi::PyBUF_STRIDES == abi::PyBUF_STRIDES {
                    &raw mut v.itemsize
                } else {
                    core::ptr::null_mut()
                };
                v.format = if flags & abi::PyBUF_FORMAT != 0 { format_of(self.code) } else { core::ptr::null_mut() };
                v.internal = core::ptr::null_mut();
                (*raw).exports += 1;
            }
        });
        Ok(())
    }
    #[slot]
    fn bf_releasebuffer(&self, _view: *mut abi::Py_buffer) {
        // SAFETY: matches the export of `bf_getbuffer`, under the lock.
        critical(self, || unsafe { (*self.raw()).exports -= 1 });
    }
    /// the typecode character used to create the array
    #[pygetset]
    fn typecode(&self) -> PyResult<Ref<Str>> {
        Str::from_char(self.code as u32)
    }
    /// the size, in bytes, of one array item
    #[pygetset]
    fn itemsize(&self) -> usize {
        self.size()
    }
    /// Append new value v to the end of the array.
    #[pymethod]
    fn append(&self, v: &Object) -> PyResult<()> {
        let b = self.encode(v)?;
        self.extend_bytes(&b[..self.size()])
    }
    /// Return a tuple (address, length) giving the current memory address and the length in items of the buffer used to hold array's contents.
    #[pymethod]
    fn buffer_info(&self) -> (usize, usize) {
        critical(self, || (self.items as usize, Array::len(self)))
    }
    /// Byteswap all items of the array.
    #[pymethod]
    fn byteswap(&self) {
        critical(self, || {
            let z = self.size();
            if Array::len(self) > 0 {
                // SAFETY: the array's own bytes, under the lock.
                let b = unsafe { core::slice::from_raw_parts_mut((*self.raw()).items, Array::len(self) * z) };
                b.chunks_exact_mut(z).for_each(|c| c.reverse());
            }
        });
    }
    /// Remove all items from the array.
    #[pymethod]
    fn clear(&self) -> PyResult<()> {
        critical(self, || self.set_len(0))
    }
    /// Return number of occurrences of v in the array.
    #[pymethod]
    fn count(&self, v: &Object) -> PyResult<usize> {
        let (mut i, mut n) = (0, 0);
        while let Some(x) = Array::get(self, i)? {
            n += x.eq(v)? as usize;
            i += 1;
        }
        Ok(n)
    }
    /// Append items to the end of the array.
    #[pymethod(sig = "bb, /")]
    fn extend(&self, bb: &Object) -> PyResult<()> {
        self.extend_from(bb)
    }
    /// Return index of first occurrence of v in the array.
    #[pymethod(sig = "v, start=0, stop=sys.maxsize, /")]
    fn index(&self, v: &Object, start: Arg<&Object>, stop: Arg<&Object>) -> PyResult<usize> {
        let n = Array::len(self);
        let (a, b) = ops::adjust_range(
            ops::slice_bound(start.into_option(), 0)?,
            ops::slice_bound(stop.into_option(), isize::MAX)?,
            n,
        );
        for i in a..b {
            let Some(x) = Array::get(self, i as usize)? else { break };
            if x.eq(v)? {
                return Ok(i as usize);
            }
        }
        Err(raise!(ValueError, "array.index(x): x not in array"))
    }
    /// Insert a new item v into the array before position i.
    #[pymethod]
    fn insert(&self, i: isize, v: &Object) -> PyResult<()> {
        let b = self.encode(v)?;
        critical(self, || {
            let n = Array::len(self) as isize;
            let i = if i < 0 { (i + n).max(0) } else { i.min(n) } as usize;
            self.splice(i, i, &b[..self.size()])
        })
    }
    /// Return the i-th element and delete it from the array.
    #[pymethod(sig = "i=-1, /")]
    fn pop(&self, i: Arg<isize>) -> PyResult<PyRef> {
        let z = self.size();
        let mut b = [0u8; 8];
        critical(self, || {
            let n = Array::len(self) as isize;
            if n == 0 {
                return Err(raise!(IndexError, "pop from empty array"));
            }
            let i = i.unwrap_or(-1);
            let i = if i < 0 { i + n } else { i };
            if i < 0 || i >= n {
                return Err(raise!(IndexError, "pop index out of range"));
            }
            let i = i as usize;
            b[..z].copy_from_slice(&self.bytes()[i * z..(i + 1) * z]);
            self.splice(i, i + 1, b"")
        })?;
        self.read(&b[..z])
    }
    /// Remove the first occurrence of v in the array.
    #[pymethod]
    fn remove(&self, v: &Object) -> PyResult<()> {
        let mut i = 0;
        while let Some(x) = Array::get(self, i)? {
            if x.eq(v)? {
                return critical(self, || if i < Array::len(self) { self.splice(i, i + 1, b"") } else { Ok(()) });
            }
            i += 1;
        }
        Err(raise!(ValueError, "array.remove(x): x not in array"))
    }
    /// Reverse the order of the items in the array.
    #[pymethod]
    fn reverse(&self) {
        critical(self, || {
            let z = self.size();
            let mut v: Vec<u8> = self.bytes().to_vec();
            v.reverse();
            v.chunks_exact_mut(z).for_each(|c| c.reverse());
            if !v.is_empty() {
                // SAFETY: the same number of bytes, under the lock.
                unsafe { core::ptr::copy_nonoverlapping(v.as_ptr(), (*self.raw()).items, v.len()) };
            }
        });
    }
    /// Convert array to an ordinary list with the same items.
    #[pymethod]
    fn tolist(&self) -> PyResult<Ref<List>> {
        self.list()
    }
    /// Append items to array from list.
    #[pymethod]
    fn fromlist(&self, list: &Object) -> PyResult<()> {
        let Some(l) = list.downcast::<List>() else { return Err(raise!(TypeError, "arg must be list")) };
        let z = self.size();
        let mut v = Vec::new();
        for x in l.snapshot() {
            v.extend_from_slice(&self.encode(&x)?[..z]);
        }
        self.extend_bytes(&v)
    }
    /// Convert the array to an array of machine values and return the bytes representation.
    #[pymethod]
    fn tobytes(&self) -> PyResult<Ref<Bytes>> {
        let v = critical(self, || self.bytes().to_vec());
        Bytes::new(&v)
    }
    /// Appends items from the string, interpreting it as an array of machine values, as if it had been read from a file using the fromfile() method.
    #[pymethod]
    fn frombytes(&self, buffer: &Object) -> PyResult<()> {
        if !has_buffer(buffer) {
            return Err(raise!(TypeError, "a bytes-like object is required, not '{}'", buffer.ty().name_str()));
        }
        let v = bytes_arg(buffer)?.to_vec();
        if v.len() % self.size() != 0 {
            return Err(raise!(ValueError, "bytes length not a multiple of item size"));
        }
        self.extend_bytes(&v)
    }
    /// Write all items (as machine values) to the file object f.
    #[pymethod]
    fn tofile(&self, f: &Object) -> PyResult<()> {
        let v = critical(self, || self.bytes().to_vec());
        for chunk in v.chunks(64 * 1024) {
            let b = Bytes::new(chunk)?;
            f.call_method(intern!("write"), &[&b])?;
        }
        Ok(())
    }
    /// Read n objects from the file object f and append them to the end of the array.
    #[pymethod]
    fn fromfile(&self, f: &Object, n: isize) -> PyResult<()> {
        if n < 0 {
            return Err(raise!(ValueError, "negative count"));
        }
        let want = n as usize * self.size();
        let k = Int::from_usize(want)?;
        let r = f.call_method(intern!("read"), &[&k])?;
        let Some(b) = r.downcast::<Bytes>() else { return Err(raise!(TypeError, "read() didn't return bytes")) };
        self.frombytes(b)?;
        if b.len() != want {
            return Err(raise!(EOFError, "read() didn't return enough bytes"));
        }
        Ok(())
    }
    /// Extends this array with data from the unicode string ustr.
    #[pymethod]
    fn fromunicode(&self, ustr: &Str) -> PyResult<()> {
        if !self.is_text() {
            return Err(raise!(ValueError, "fromunicode() may only be called on unicode type arrays ('u' or 'w')"));
        }
        self.push_text(ustr)
    }
    /// Convert the array to a unicode string.
    #[pymethod]
    fn tounicode(&self) -> PyResult<Ref<Str>> {
        if !self.is_text() {
            return Err(raise!(ValueError, "tounicode() may only be called on unicode type arrays ('u' or 'w')"));
        }
        self.text()
    }
    #[pymethod]
    fn __copy__(&self) -> PyResult<Ref<Array>> {
        let v = critical(self, || self.bytes().to_vec());
        Array::make(Array::type_object(), self.code, &v)
    }
    #[pymethod]
    fn __deepcopy__(&self, memo: &Object) -> PyResult<Ref<Array>> {
        let _ = memo;
        self.__copy__()
    }
    #[pymethod]
    fn __sizeof__(&self) -> usize {
        size_of::<Array>() + self.allocated as usize * self.size()
    }
    /// Return state information for pickling.
    #[pymethod]
    fn __reduce_ex__(&self, value: &Object) -> PyResult<Ref<Tuple>> {
        let proto = value.as_isize()?;
        let dict = self.getattr_opt(intern!("__dict__"))?.unwrap_or_else(none_ref);
        let code = Str::from_char(self.code as u32)?.upcast();
        if proto < 3 || self.is_text() {
            let items = if self.is_text() { self.text()?.upcast() } else { self.list()?.upcast() };
            let args = Tuple::from_refs(vec![code, items])?;
            return Tuple::from_refs(vec![self.ty().to_ref(), args.upcast(), dict]);
        }
        let f = runtime::interp::current_builtins()?
            .get_item(intern!("__import__"))?
            .call1(intern!("array"))?
            .getattr(intern!("_array_reconstructor"))?;
        let args = Tuple::from_refs(vec![
            self.ty().to_ref(),
            code,
            Int::from_i64(self.machine_format())?.upcast(),
            self.tobytes()?.upcast(),
        ])?;
        Tuple::from_refs(vec![f, args.upcast(), dict])
    }
    /// See PEP 585
    #[pyclassmethod(sig = "item, /")]
    fn __class_getitem__(cls: &Type, item: &Object) -> PyResult<PyRef> {
        runtime::objects::genericalias::alias(cls, item)
    }
}

/// `arrayiterator`.
#[repr(C)]
pub struct ArrayIter {
    ob_base: abi::PyObject,
    index: AtomicIsize,
    array: *mut abi::PyObject,
}
static mut ARRAY_ITER: Type = Type::STATIC;
py_layout!(ArrayIter, ARRAY_ITER);

#[pyclass(name = "arrayiterator", module = "array", type_object = ARRAY_ITER, flags = "DISALLOW_INSTANTIATION")]
impl ArrayIter {
    #[slot]
    fn tp_dealloc(this: *mut ArrayIter) {
        // SAFETY: the last reference is gone.
        unsafe {
            drop(PyRef::from_ptr_opt((*this).array));
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
        let a = unsafe { &*self.array.cast::<Array>() };
        let i = self.index.load(Ordering::Relaxed);
        if i < 0 {
            return Ok(None);
        }
        let v = a.get(i as usize)?;
        self.index.store(if v.is_some() { i + 1 } else { -1 }, Ordering::Relaxed);
        Ok(v)
    }
    /// Return state information for pickling.
    #[pymethod]
    fn __reduce__(&self) -> PyResult<Ref<Tuple>> {
        let iter = runtime::interp::current_builtins()?.get_item(intern!("iter"))?;
        let i = self.index.load(Ordering::Relaxed);
        if i < 0 {
            return Tuple::from_refs(vec![iter, Tuple::from_refs(vec![Tuple::empty().upcast()])?.upcast()]);
        }
        // SAFETY: as above.
        let a = unsafe { &*self.array.cast::<Array>() };
        let args = Tuple::from_refs(vec![a.to_ref()])?;
        Tuple::from_refs(vec![iter, args.upcast(), Int::from_i64(i as i64)?.upcast()])
    }
    /// Set state information for unpickling.
    #[pymethod]
    fn __setstate__(&self, state: &Object) -> PyResult<()> {
        let i = state.as_isize()?;
        self.index.store(i.max(0), Ordering::Relaxed);
        Ok(())
    }
}

/// This module defines an object type which can efficiently represent
/// an array of basic values: characters, integers, floating-point
/// numbers.
#[pymodule(name = "array")]
pub mod array {
    use super::*;

    #[pyattr]
    fn typecodes() -> &'static str {
        TYPECODES
    }

    /// Internal. Used for pickling support.
    #[pyfunction(sig = "arraytype, typecode, mformat_code, items, /")]
    fn _array_reconstructor(
        arraytype: &Object,
        typecode: &Object,
        mformat_code: i32,
        items: &Object,
    ) -> PyResult<PyRef> {
        let Some(cls) = arraytype.downcast::<Type>() else {
            return Err(raise!(TypeError, "first argument must be a type object, not {}", arraytype.ty().name_str()));
        };
        if !cls.is_subtype(Array::type_object()) {
            return Err(raise!(TypeError, "{} is not a subtype of array.array", cls.name_str()));
        }
        let code = code_arg(typecode)?;
        if !(0..=21).contains(&mformat_code) {
            return Err(raise!(ValueError, "third argument must be a valid machine format code."));
        }
        let Some(b) = items.downcast::<Bytes>() else {
            return Err(raise!(TypeError, "fourth argument should be bytes, not {}", items.ty().name_str()));
        };
        let d = b.as_slice();
        let a = Array::make(cls, code, b"")?;
        if a.machine_format() == mformat_code as i64 {
            if d.len() % a.size() != 0 {
                return Err(raise!(ValueError, "bytes length not a multiple of item size"));
            }
            a.extend_bytes(d)?;
            return Ok(a.upcast());
        }
        let (size, signed, big) = match mformat_code {
            0 => (1, false, false),
            1 => (1, true, false),
            2..=13 => ([2, 4, 8][(mformat_code as usize - 2) / 4], (mformat_code - 2) % 4 >= 2, mformat_code % 2 == 1),
            14 | 15 => (4, true, mformat_code == 15),
            16 | 17 => (8, true, mformat_code == 17),
            18 | 19 => (2, false, mformat_code == 19),
            _ => (4, false, mformat_code == 21),
        };
        if d.len() % size != 0 {
            return Err(raise!(ValueError, "string length not a multiple of item size"));
        }
        if mformat_code >= 18 {
            let enc = match mformat_code {
                18 => "utf-16-le",
                19 => "utf-16-be",
                20 => "utf-32-le",
                _ => "utf-32-be",
            };
            let s = runtime::objects::codecs::decode(d, Some(enc), None)?;
            a.push_text(&s)?;
            return Ok(a.upcast());
        }
        let z = a.size();
        let mut out = Vec::new();
        for c in d.chunks_exact(size) {
            let mut x = [0u8; 8];
            for (i, &v) in c.iter().enumerate() {
                x[if big { size - 1 - i } else { i }] = v;
            }
            let u = u64::from_le_bytes(x);
            let v = match mformat_code {
                14 | 15 => Float::new(f32::from_bits(u as u32) as f64)?.upcast(),
                16 | 17 => Float::new(f64::from_bits(u))?.upcast(),
                _ if signed => {
                    let shift = 64 - 8 * size as u32;
                    Int::from_i64((u << shift) as i64 >> shift)?.upcast()
                }
                _ => Int::from_u64(u)?.upcast(),
            };
            out.extend_from_slice(&a.encode(&v)?[..z]);
        }
        a.extend_bytes(&out)?;
        Ok(a.upcast())
    }

    #[exec]
    fn init(m: &Module) -> PyResult<()> {
        use runtime::convert::HasSpec;
        runtime::typeobject::init_static(ArrayIter::spec())?;
        m.add_type::<Array>()?;
        m.add("ArrayType", Array::type_object().to_ref())?;
        // array is a mutable sequence.
        let abc =
            runtime::interp::current_builtins()?.get_item(intern!("__import__"))?.call1(intern!("_collections_abc"))?;
        abc.getattr(intern!("MutableSequence"))?.call_method(intern!("register"), &[Array::type_object()])?;
        Ok(())
    }
}
