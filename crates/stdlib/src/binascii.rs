//! `binascii`: bytes and ASCII encodings of them.

use macros::pymodule;
use runtime::prelude::*;
use std::sync::OnceLock;

static ERROR: OnceLock<PyRef> = OnceLock::new();
static INCOMPLETE: OnceLock<PyRef> = OnceLock::new();

macro_rules! error {
    ($($arg:tt)*) => {
        match ERROR.get().and_then(|e| e.downcast::<Type>()) {
            Some(t) => runtime::error::raise_message(t, format_args!($($arg)*)),
            None => raise!(SystemError, "binascii is not initialised"),
        }
    };
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static DECODE: [u8; 256] = {
    let mut t = [255u8; 256];
    let mut i = 0;
    while i < 64 {
        t[BASE64[i] as usize] = i as u8;
        i += 1;
    }
    t
};

/// Decodes base64.
fn decode(s: &[u8], strict: bool) -> PyResult<Vec<u8>> {
    let mut out = Vec::with_capacity(s.len() / 4 * 3 + 3);
    if strict && s.first() == Some(&b'=') {
        return Err(error!("Leading padding not allowed"));
    }
    let (mut quad, mut acc, mut pads) = (0u32, 0u8, 0u32);
    let short = |out: &Vec<u8>| {
        error!(
            "Invalid base64-encoded string: number of data characters ({}) cannot be 1 more than a multiple of 4",
            out.len() / 3 * 4 + 1
        )
    };
    for &c in s {
        if c == b'=' {
            pads += 1;
            if strict && (quad == 0 || quad + pads > 4) {
                return Err(error!("Excess padding not allowed"));
            }
            continue;
        }
        let v = DECODE[c as usize];
        if v == 255 {
            if strict {
                return Err(error!("Only base64 data is allowed"));
            }
            continue;
        }
        if strict && pads > 0 {
            return Err(match quad {
                1 => short(&out),
                q if q + pads >= 4 => error!("Excess data after padding"),
                _ => error!("Discontinuous padding not allowed"),
            });
        }
        pads = 0;
        match quad {
            0 => acc = v,
            1 => {
                out.push(acc << 2 | v >> 4);
                acc = v & 0xF;
            }
            2 => {
                out.push(acc << 4 | v >> 2);
                acc = v & 3;
            }
            _ => {
                out.push(acc << 6 | v);
                acc = 0;
            }
        }
        quad = (quad + 1) & 3;
    }
    match quad {
        0 => Ok(out),
        1 => Err(short(&out)),
        q if q + pads >= 4 => Ok(out),
        _ => Err(error!("Incorrect padding")),
    }
}

fn hex_digit(c: u8) -> Option<u8> {
    (c as char).to_digit(16).map(|d| d as u8)
}

fn unhex(s: &[u8]) -> PyResult<Vec<u8>> {
    if s.len() % 2 != 0 {
        return Err(error!("Odd-length string"));
    }
    let mut v = Vec::with_capacity(s.len() / 2);
    for p in s.chunks_exact(2) {
        match (hex_digit(p[0]), hex_digit(p[1])) {
            (Some(a), Some(b)) => v.push(a << 4 | b),
            _ => return Err(error!("Non-hexadecimal digit found")),
        }
    }
    Ok(v)
}

static CRC32: [[u32; 256]; 8] = {
    let mut t = [[0u32; 256]; 8];
    let mut i = 0;
    while i < 256 {
        let mut c = i as u32;
        let mut k = 0;
        while k < 8 {
            c = if c & 1 != 0 { 0xEDB88320 ^ (c >> 1) } else { c >> 1 };
            k += 1;
        }
        t[0][i] = c;
        i += 1;
    }
    i = 0;
    while i < 256 {
        let mut k = 1;
        while k < 8 {
            t[k][i] = t[0][(t[k - 1][i] & 255) as usize] ^ (t[k - 1][i] >> 8);
            k += 1;
        }
        i += 1;
    }
    t
};

/// CRC-32, continued from `crc`; eight bytes at a time.
pub fn crc32(data: &[u8], crc: u32) -> u32 {
    let mut c = !crc;
    let mut chunks = data.chunks_exact(8);
    for b in &mut chunks {
        let lo = c ^ u32::from_le_bytes([b[0], b[1], b[2], b[3]]);
        c = CRC32[7][(lo & 255) as usize]
            ^ CRC32[6][(lo >> 8 & 255) as usize]
            ^ CRC32[5][(lo >> 16 & 255) as usize]
            ^ CRC32[4][(lo >> 24) as usize]
            ^ CRC32[3][b[4] as usize]
            ^ CRC32[2][b[5] as usize]
            ^ CRC32[1][b[6] as usize]
            ^ CRC32[0][b[7] as usize];
    }
    for &b in chunks.remainder() {
        c = CRC32[0][((c ^ b as u32) & 255) as usize] ^ (c >> 8);
    }
    !c
}

fn quoted_decode(s: &[u8], header: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(s.len());
    let mut i = 0;
    while i < s.len() {
        if s[i] == b'=' {
            i += 1;
            if i >= s.len() {
                break;
            }
            if s[i] == b'\n' || s[i] == b'\r' {
                // A soft line break: up to the end of the line.
                while i < s.len() && s[i] != b'\n' {
                    i += 1;
                }
                if i < s.len() {
                    i += 1;
                }
            } else if s[i] == b'=' {
                out.push(b'=');
                i += 1;
            } else if let (Some(a), Some(b)) = (hex_digit(s[i]), s.get(i + 1).copied().and_then(hex_digit)) {
                out.push(a << 4 | b);
                i += 2;
            } else {
                out.push(b'=');
            }
        } else if header && s[i] == b'_' {
            out.push(b' ');
            i += 1;
        } else {
            out.push(s[i]);
            i += 1;
        }
    }
    out
}

fn quoted_encode(s: &[u8], quotetabs: bool, istext: bool, header: bool) -> Vec<u8> {
    const MAX: usize = 76;
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let crlf = memchr::memchr(b'\n', s).is_some_and(|i| i > 0 && s[i - 1] == b'\r');
    let eol: &[u8] = if crlf { b"\r\n" } else { b"\n" };
    let mut out = Vec::with_capacity(s.len() * 2);
    let mut line = 0;
    let mut i = 0;
    while i < s.len() {
        let c = s[i];
        let next = s.get(i + 1).copied();
        let quote = c > 126
            || c == b'='
            || header && c == b'_'
            || c == b'.' && line == 0 && (next.is_none() || matches!(next, Some(b'\n' | b'\r' | 0)))
            || !istext && (c == b'\r' || c == b'\n')
            || (c == b'\t' || c == b' ') && next.is_none()
            || c < 33 && c != b'\r' && c != b'\n' && c != b'\t' && c != b' '
            || c < 33 && c != b'\r' && c != b'\n' && (quotetabs || !quotetabs && c != b'\t' && c != b' ');
        if quote {
            if line + 3 >= MAX {
                out.push(b'=');
                out.extend_from_slice(eol);
                line = 0;
            }
            out.extend_from_slice(&[b'=', HEX[c as usize >> 4], HEX[c as usize & 15]]);
            line += 3;
            i += 1;
        } else if istext && (c == b'\n' || c == b'\r' && next == Some(b'\n')) {
            line = 0;
            // White space before the end of a line must not stay as it is.
            if let Some(&l @ (b' ' | b'\t')) = out.last() {
                out.pop();
                out.extend_from_slice(&[b'=', HEX[l as usize >> 4], HEX[l as usize & 15]]);
            }
            out.extend_from_slice(eol);
            i += if c == b'\r' { 2 } else { 1 };
        } else {
            if next.is_some() && next != Some(b'\n') && line + 1 >= MAX {
                out.push(b'=');
                out.extend_from_slice(eol);
                line = 0;
            }
            line += 1;
            out.push(if header && c == b' ' { b'_' } else { c });
            i += 1;
        }
    }
    out
}

/// Conversion between binary data and ASCII
#[pymodule(name = "binascii")]
pub mod binascii {
    use super::*;
    use runtime::convert::ByteString;
    use runtime::objects::byteops::{BytesArg, bytes_arg, has_buffer};

    /// ASCII text or bytes.
    fn ascii_arg(o: &Object) -> PyResult<BytesArg<'_>> {
        if let Some(s) = o.downcast::<Str>() {
            return match s.as_ascii() {
                Some(a) => Ok(BytesArg::Bytes(a.as_bytes())),
                None => Err(raise!(ValueError, "string argument should contain only ASCII characters")),
            };
        }
        if !has_buffer(o) {
            return Err(raise!(
                TypeError,
                "argument should be bytes, buffer or ASCII string, not '{}'",
                o.ty().name_str()
            ));
        }
        bytes_arg(o)
    }

    /// Decode a line of base64 data.
    #[pyfunction(sig = "data, /, *, strict_mode=False")]
    fn a2b_base64(data: &Object, strict_mode: Arg<bool>) -> PyResult<ByteString> {
        Ok(ByteString(decode(&ascii_arg(data)?, strict_mode.unwrap_or(false))?))
    }
    /// Base64-code line of data.
    #[pyfunction(sig = "data, /, *, newline=True")]
    fn b2a_base64(data: &Object, newline: Arg<bool>) -> PyResult<ByteString> {
        let s = bytes_arg(data)?;
        let mut v = Vec::with_capacity(s.len().div_ceil(3) * 4 + 1);
        let mut chunks = s.chunks_exact(3);
        for c in &mut chunks {
            let x = (c[0] as u32) << 16 | (c[1] as u32) << 8 | c[2] as u32;
            v.extend_from_slice(&[
                BASE64[(x >> 18) as usize],
                BASE64[(x >> 12 & 63) as usize],
                BASE64[(x >> 6 & 63) as usize],
                BASE64[(x & 63) as usize],
            ]);
        }
        match chunks.remainder() {
            [a] => v.extend_from_slice(&[BASE64[*a as usize >> 2], BASE64[(*a as usize & 3) << 4], b'=', b'=']),
            [a, b] => v.extend_from_slice(&[
                BASE64[*a as usize >> 2],
                BASE64[(*a as usize & 3) << 4 | *b as usize >> 4],
                BASE64[(*b as usize & 15) << 2],
                b'=',
            ]),
            _ => {}
        }
        if newline.unwrap_or(true) {
            v.push(b'\n');
        }
        Ok(ByteString(v))
    }
    /// Binary data of hexadecimal representation.
    #[pyfunction(sig = "hexstr, /")]
    fn a2b_hex(hexstr: &Object) -> PyResult<ByteString> {
        Ok(ByteString(unhex(&ascii_arg(hexstr)?)?))
    }
    /// Binary data of hexadecimal representation.
    #[pyfunction(sig = "hexstr, /")]
    fn unhexlify(hexstr: &Object) -> PyResult<ByteString> {
        Ok(ByteString(unhex(&ascii_arg(hexstr)?)?))
    }
    fn hexed(data: &Object, sep: Arg<&Object>, group: Arg<isize>) -> PyResult<Ref<Bytes>> {
        let s = runtime::objects::byteops::hex(&bytes_arg(data)?, sep.into_option(), group.unwrap_or(1))?;
        Bytes::new(s.data().as_bytes())
    }
    /// Hexadecimal representation of binary data.
    #[pyfunction(sig = "data, sep=<unrepresentable>, bytes_per_sep=1")]
    fn b2a_hex(data: &Object, sep: Arg<&Object>, bytes_per_sep: Arg<isize>) -> PyResult<Ref<Bytes>> {
        hexed(data, sep, bytes_per_sep)
    }
    /// Hexadecimal representation of binary data.
    #[pyfunction(sig = "data, sep=<unrepresentable>, bytes_per_sep=1")]
    fn hexlify(data: &Object, sep: Arg<&Object>, bytes_per_sep: Arg<isize>) -> PyResult<Ref<Bytes>> {
        hexed(data, sep, bytes_per_sep)
    }
    /// Decode a line of uuencoded data.
    #[pyfunction(sig = "data, /")]
    fn a2b_uu(data: &Object) -> PyResult<ByteString> {
        let s = ascii_arg(data)?;
        let Some(&first) = s.first() else { return Err(error!("Missing length byte")) };
        let n = (first.wrapping_sub(b' ') & 63) as usize;
        let mut out = Vec::with_capacity(n);
        let (mut acc, mut bits, mut i) = (0u32, 0, 1);
        while out.len() < n {
            let v = match s.get(i) {
                None | Some(b'\n' | b'\r') => 0,
                Some(&c) => {
                    if !(b' '..=b' ' + 64).contains(&c) {
                        return Err(error!("Illegal char"));
                    }
                    i += 1;
                    (c - b' ') & 63
                }
            };
            acc = acc << 6 | v as u32;
            bits += 6;
            if bits >= 8 {
                bits -= 8;
                out.push((acc >> bits) as u8);
                acc &= (1 << bits) - 1;
            }
        }
        if s[i.min(s.len())..].iter().any(|c| !matches!(c, b' ' | b'`' | b'\n' | b'\r')) {
            return Err(error!("Trailing garbage"));
        }
        Ok(ByteString(out))
    }
    /// Uuencode line of data.
    #[pyfunction(sig = "data, /, *, backtick=False")]
    fn b2a_uu(data: &Object, backtick: Arg<bool>) -> PyResult<ByteString> {
        let s = bytes_arg(data)?;
        let tick = backtick.unwrap_or(false);
        if s.len() > 45 {
            return Err(error!("At most 45 bytes at once"));
        }
        let enc = |v: u32| if tick && v == 0 { b'`' } else { v as u8 + b' ' };
        let mut out = vec![enc(s.len() as u32)];
        for c in s.chunks(3) {
            let g = |i: usize| c.get(i).copied().unwrap_or(0) as u32;
            let x = g(0) << 16 | g(1) << 8 | g(2);
            out.extend([18, 12, 6, 0].map(|k| enc(x >> k & 63)));
        }
        out.push(b'\n');
        Ok(ByteString(out))
    }
    /// Decode a string of qp-encoded data.
    #[pyfunction(sig = "data, header=False")]
    fn a2b_qp(data: &Object, header: Arg<bool>) -> PyResult<ByteString> {
        Ok(ByteString(quoted_decode(&ascii_arg(data)?, header.unwrap_or(false))))
    }
    /// Encode a string using quoted-printable encoding.
    #[pyfunction(sig = "data, quotetabs=False, istext=True, header=False")]
    fn b2a_qp(data: &Object, quotetabs: Arg<bool>, istext: Arg<bool>, header: Arg<bool>) -> PyResult<ByteString> {
        let s = bytes_arg(data)?;
        Ok(ByteString(quoted_encode(&s, quotetabs.unwrap_or(false), istext.unwrap_or(true), header.unwrap_or(false))))
    }
    fn low_bits(o: Arg<&Object>) -> PyResult<u32> {
        let Arg::Given(o) = o else { return Ok(0) };
        let i = o.index()?;
        Ok(match i.try_i64() {
            Some(x) => x as u32,
            None => {
                let m = Int::from_u64(u32::MAX as u64)?;
                i.and(&m)?.downcast::<Int>().and_then(|x| x.try_i64()).unwrap_or(0) as u32
            }
        })
    }
    /// Compute CRC-32 incrementally.
    #[pyfunction(name = "crc32", sig = "data, crc=0, /")]
    fn py_crc32(data: &Object, crc: Arg<&Object>) -> PyResult<u64> {
        let c = low_bits(crc)?;
        let d = bytes_arg(data)?;
        Ok(crate::hashes::maybe_detached(d.len(), || crc32(&d, c)) as u64)
    }
    /// Compute CRC-CCITT incrementally.
    #[pyfunction(sig = "data, crc, /")]
    fn crc_hqx(data: &Object, crc: &Object) -> PyResult<u64> {
        let mut c = low_bits(Arg::Given(crc))? & 0xFFFF;
        for &b in bytes_arg(data)?.iter() {
            c ^= (b as u32) << 8;
            for _ in 0..8 {
                c = (if c & 0x8000 != 0 { c << 1 ^ 0x1021 } else { c << 1 }) & 0xFFFF;
            }
        }
        Ok(c as u64)
    }
    #[exec]
    fn init(m: &Module) -> PyResult<()> {
        if ERROR.get().is_none() {
            let _ = ERROR.set(crate::_struct::new_exception("binascii", "Error", exc::ValueError())?);
            let _ = INCOMPLETE.set(crate::_struct::new_exception("binascii", "Incomplete", exc::Exception())?);
        }
        if let (Some(e), Some(i)) = (ERROR.get(), INCOMPLETE.get()) {
            m.add("Error", e.clone())?;
            m.add("Incomplete", i.clone())?;
        }
        Ok(())
    }
}
