//! The algorithms behind the methods of `str`: case, padding, stripping, splitting, replacing, translating.

use super::ucd::{self, Mapping};
use super::{Str, StrBuilder, StrData, search};
use crate::prelude::*;
use crate::with_data;

/// Ends of `find(sub, start, end)` in a sequence of `len`: negative counts from the end, too large is cut.
#[inline]
pub fn adjust_range(start: isize, end: isize, len: usize) -> (isize, isize) {
    let n = len as isize;
    let end = if end > n {
        n
    } else if end < 0 {
        (end + n).max(0)
    } else {
        end
    };
    let start = if start < 0 { (start + n).max(0) } else { start };
    (start, end)
}

/// A slice bound argument: `None` or anything with `__index__`, cut to the range of isize.
pub fn slice_bound(o: Option<&Object>, default: isize) -> PyResult<isize> {
    match o {
        None => Ok(default),
        Some(o) if o.is_none() => Ok(default),
        Some(o) => {
            if !o.index_check() {
                return Err(raise!(TypeError, "slice indices must be integers or None or have an __index__ method"));
            }
            o.as_isize_clamped()
        }
    }
}

/// Both bounds, adjusted to `len`.
#[inline]
pub fn range_args(start: Option<&Object>, end: Option<&Object>, len: usize) -> PyResult<(isize, isize)> {
    Ok(adjust_range(slice_bound(start, 0)?, slice_bound(end, isize::MAX)?, len))
}

/// `o` as `str`, or TypeError naming the function and the argument.
#[inline]
pub fn str_arg<'a>(o: &'a Object, func: &str, arg: &str) -> PyResult<&'a Str> {
    match o.downcast::<Str>() {
        Some(s) => Ok(s),
        None => Err(raise!(
            TypeError,
            "{}() {} must be str, not {}",
            func,
            arg,
            if o.is_none() { "None" } else { o.ty().name_str() }
        )),
    }
}

/// `o` as a one-character string for `center` and its like.
pub fn fill_arg(o: Option<&Object>) -> PyResult<u32> {
    let Some(o) = o else { return Ok(' ' as u32) };
    let Some(s) = o.downcast::<Str>() else {
        return Err(raise!(TypeError, "The fill character must be a unicode character, not {}", o.ty().name_str()));
    };
    if s.len() != 1 {
        return Err(raise!(TypeError, "The fill character must be exactly one character long"));
    }
    Ok(s.char_at(0))
}

impl Str {
    /// `find` in `self[start:end]`; the position in `self`.
    pub fn find_in(&self, sub: &Str, start: isize, end: isize) -> Option<usize> {
        if end - start < sub.len() as isize {
            return None;
        }
        let (a, b) = (start as usize, end as usize);
        search::find(self.data().slice(a, b), sub.data()).map(|i| i + a)
    }

    pub fn rfind_in(&self, sub: &Str, start: isize, end: isize) -> Option<usize> {
        if end - start < sub.len() as isize {
            return None;
        }
        let (a, b) = (start as usize, end as usize);
        search::rfind(self.data().slice(a, b), sub.data()).map(|i| i + a)
    }

    /// `sub in self`.
    #[inline]
    pub fn contains_str(&self, sub: &Str) -> bool {
        search::find(self.data(), sub.data()).is_some()
    }

    pub fn starts_with(&self, prefix: &Str) -> bool {
        search::matches_at(self.data(), 0, prefix.data())
    }

    pub fn ends_with(&self, suffix: &Str) -> bool {
        self.len() >= suffix.len() && search::matches_at(self.data(), self.len() - suffix.len(), suffix.data())
    }

    /// `replace(old, new, count)`; a negative count means all.
    pub fn replace(&self, old: &Str, new: &Str, count: isize) -> PyResult<Ref<Str>> {
        let max = if count < 0 { usize::MAX } else { count as usize };
        let (d, o, n) = (self.data(), old.data(), new.data());
        if max == 0 || o.len() > d.len() || (old.max_char_bound() > self.max_char_bound()) || old.eq_data(new) {
            return self.to_exact();
        }
        if o.is_empty() {
            let times = max.min(d.len() + 1);
            let mut b = StrBuilder::with_capacity(d.len() + times * n.len());
            for i in 0..d.len() {
                if i < times {
                    b.push_obj(new);
                }
                b.push_u32(d.get(i));
            }
            if times == d.len() + 1 {
                b.push_obj(new);
            }
            return b.finish();
        }
        if let (StrData::One(s), StrData::One(&[a]), StrData::One(&[z])) = (d, o, n) {
            let Some(first) = memchr::memchr(a, s) else { return self.to_exact() };
            let out = Str::alloc(s.len(), if self.is_ascii() && z < 128 { 0x7F } else { 0xFF })?;
            if !(self.is_ascii() && z < 128) {
                // The result may be ASCII where the operands are not: settle the kind by looking.
                let mut v = s.to_vec();
                replace_byte(&mut v[first..], a, z, max);
                return Str::from_latin1(&v);
            }
            // SAFETY: a fresh string of the same length that nobody else sees.
            let dst = unsafe { core::slice::from_raw_parts_mut(out.data_ptr(), s.len()) };
            dst.copy_from_slice(s);
            replace_byte(&mut dst[first..], a, z, max);
            return Ok(out);
        }
        // Where it is found; the number of occurrences decides on the size.
        let mut at: smallvec::SmallVec<[usize; 32]> = smallvec::SmallVec::new();
        search::for_each_match(d, o, max, |i| at.push(i));
        let hits = at.len();
        if hits == 0 {
            return self.to_exact();
        }
        let grown = (d.len() as isize).checked_add((n.len() as isize - o.len() as isize).saturating_mul(hits as isize));
        let Some(size) = grown.filter(|&g| g as usize <= super::build::MAX_LEN) else {
            return Err(raise!(OverflowError, "replace string is too long"));
        };
        if size > 1 << 36 {
            return Err(crate::error::raise_none(exc::MemoryError()));
        }
        if let (StrData::One(s), StrData::One(n)) = (d, n)
            && self.is_ascii()
            && new.is_ascii()
            && size > 1
        {
            let out = Str::alloc(size as usize, 0x7F)?;
            let (mut from, mut to) = (0, out.data_ptr());
            let mut put = |text: &[u8]| {
                // SAFETY: a fresh string, as long as all that is put into it.
                unsafe {
                    core::ptr::copy_nonoverlapping(text.as_ptr(), to, text.len());
                    to = to.add(text.len());
                }
            };
            for i in at {
                put(&s[from..i]);
                put(n);
                from = i + o.len();
            }
            put(&s[from..]);
            return Ok(out);
        }
        let mut b = StrBuilder::with_capacity(size as usize);
        let mut from = 0;
        for i in at {
            b.push_data(d.slice(from, i));
            b.push_obj(new);
            from = i + o.len();
        }
        b.push_data(d.slice(from, d.len()));
        b.finish()
    }

    /// Ends of the text without leading (`left`) and trailing (`right`) characters for which `f` holds.
    pub fn strip_range(&self, left: bool, right: bool, f: impl Fn(u32) -> bool) -> (usize, usize) {
        with_data!(self.data(), s => {
            let (mut a, mut b) = (0, s.len());
            while left && a < b && f(s[a] as u32) {
                a += 1;
            }
            while right && b > a && f(s[b - 1] as u32) {
                b -= 1;
            }
            (a, b)
        })
    }

    /// `strip`, `lstrip`, `rstrip`.
    pub fn strip_with(&self, chars: Option<&Str>, left: bool, right: bool) -> PyResult<Ref<Str>> {
        let (a, b) = match chars {
            None => self.strip_range(left, right, ucd::is_space),
            Some(set) => {
                let d = set.data();
                if d.len() == 1 {
                    let c = d.get(0);
                    self.strip_range(left, right, |x| x == c)
                } else {
                    self.strip_range(left, right, |x| search::find_char(d, x).is_some())
                }
            }
        };
        self.substring(a, b)
    }

    /// `split` (`rsplit` when `from_right`).
    pub fn split_list(&self, sep: Option<&Str>, maxsplit: isize, from_right: bool) -> PyResult<Ref<List>> {
        let max = if maxsplit < 0 { usize::MAX } else { maxsplit as usize };
        let mut out: Vec<PyRef> = Vec::new();
        let mut failed = None;
        let mut push = |a: usize, b: usize| {
            if failed.is_none() {
                match self.substring(a, b) {
                    Ok(s) => out.push(s.upcast()),
                    Err(e) => failed = Some(e),
                }
            }
        };
        match sep {
            Some(sep) => {
                if sep.is_empty() {
                    return Err(raise!(ValueError, "empty separator"));
                }
                if from_right {
                    search::rsplit(self.data(), sep.data(), max, &mut push);
                } else {
                    search::split(self.data(), sep.data(), max, &mut push);
                }
            }
            None => match (self.data(), from_right) {
                (StrData::One(s), false) => search::split_space(s, max, |c| ucd::is_space(c as u32), &mut push),
                (StrData::Two(s), false) => search::split_space(s, max, |c| ucd::is_space(c as u32), &mut push),
                (StrData::Four(s), false) => search::split_space(s, max, ucd::is_space, &mut push),
                (StrData::One(s), true) => search::rsplit_space(s, max, |c| ucd::is_space(c as u32), &mut push),
                (StrData::Two(s), true) => search::rsplit_space(s, max, |c| ucd::is_space(c as u32), &mut push),
                (StrData::Four(s), true) => search::rsplit_space(s, max, ucd::is_space, &mut push),
            },
        }
        if let Some(e) = failed {
            return Err(e);
        }
        if from_right {
            out.reverse();
        }
        List::from_vec(out)
    }

    pub fn splitlines_list(&self, keepends: bool) -> PyResult<Ref<List>> {
        let d = self.data();
        let n = d.len();
        let mut out: Vec<PyRef> = Vec::new();
        let mut i = 0;
        while i < n {
            let start = i;
            let eol = match d {
                StrData::One(s) => {
                    s[i..].iter().position(|&c| c < 0x1F && ucd::is_linebreak(c as u32) || c == 0x85).map(|k| k + i)
                }
                _ => (i..n).find(|&k| ucd::is_linebreak(d.get(k))),
            };
            let end = eol.unwrap_or(n);
            i = match eol {
                None => n,
                Some(e) if d.get(e) == 13 && e + 1 < n && d.get(e + 1) == 10 => e + 2,
                Some(e) => e + 1,
            };
            out.push(self.substring(start, if keepends { i } else { end })?.upcast());
        }
        List::from_vec(out)
    }

    /// Pads with `left` and `right` fill characters.
    pub fn pad(&self, left: usize, right: usize, fill: u32) -> PyResult<Ref<Str>> {
        if left == 0 && right == 0 {
            return self.to_exact();
        }
        if left.saturating_add(right).saturating_add(self.len()) > super::build::MAX_LEN {
            return Err(raise!(OverflowError, "padded string is too long"));
        }
        let out = Str::alloc(left + self.len() + right, self.max_char_bound().max(fill))?;
        let kind = out.kind();
        let w = kind as usize;
        let p = out.data_ptr();
        let put = |at: usize, n: usize| {
            // SAFETY: within the fresh string of `left + len + right` characters.
            unsafe {
                match w {
                    1 => core::ptr::write_bytes(p.add(at), fill as u8, n),
                    2 => (at..at + n).for_each(|i| p.cast::<u16>().add(i).write(fill as u16)),
                    _ => (at..at + n).for_each(|i| p.cast::<u32>().add(i).write(fill)),
                }
            }
        };
        put(0, left);
        put(left + self.len(), right);
        // SAFETY: as above.
        unsafe { super::build::copy_chars(self.data(), p.add(left * w), kind) };
        Ok(out)
    }

    /// `self * n`.
    pub fn repeat_str(&self, n: isize) -> PyResult<Ref<Str>> {
        if n <= 0 || self.is_empty() {
            return Ok(Str::empty_ref());
        }
        if n == 1 {
            return self.to_exact();
        }
        let len = self.len();
        let Some(total) = len.checked_mul(n as usize).filter(|&t| t <= isize::MAX as usize) else {
            return Err(raise!(OverflowError, "repeated string is too long"));
        };
        let out = Str::alloc(total, self.max_char_bound())?;
        let w = out.kind() as usize;
        // SAFETY: a fresh string of `total` characters: the filled part doubles until all is filled.
        unsafe {
            let p = out.data_ptr();
            if len * w == 1 {
                core::ptr::write_bytes(p, self.char_at(0) as u8, total);
                return Ok(out);
            }
            let unit = len * w;
            let all = total * w;
            core::ptr::copy_nonoverlapping(self.data_ptr(), p, unit);
            let mut done = unit;
            while done < all {
                let k = done.min(all - done);
                core::ptr::copy_nonoverlapping(p, p.add(done), k);
                done += k;
            }
        }
        Ok(out)
    }

    fn map_ascii(&self, f: impl Fn(u8) -> u8) -> PyResult<Ref<Str>> {
        let StrData::One(s) = self.data() else { unreachable!("ASCII") };
        let mut v = s.to_vec();
        v.iter_mut().for_each(|c| *c = f(*c));
        Str::from_ascii(&v)
    }

    fn map_case(&self, m: Mapping) -> PyResult<Ref<Str>> {
        let mut b = StrBuilder::with_capacity(self.len());
        for c in self.chars() {
            ucd::map_full(c, m, |x| b.push_u32(x));
        }
        b.finish()
    }

    pub fn to_upper(&self) -> PyResult<Ref<Str>> {
        if self.is_ascii() { self.map_ascii(|c| c.to_ascii_uppercase()) } else { self.map_case(Mapping::Upper) }
    }

    pub fn to_lower(&self) -> PyResult<Ref<Str>> {
        if self.is_ascii() {
            return self.map_ascii(|c| c.to_ascii_lowercase());
        }
        let d = self.data();
        let mut b = StrBuilder::with_capacity(self.len());
        for i in 0..d.len() {
            lower_at(d, i, &mut b);
        }
        b.finish()
    }

    pub fn to_casefold(&self) -> PyResult<Ref<Str>> {
        if self.is_ascii() { self.map_ascii(|c| c.to_ascii_lowercase()) } else { self.map_case(Mapping::Fold) }
    }

    pub fn to_swapcase(&self) -> PyResult<Ref<Str>> {
        if self.is_ascii() {
            return self
                .map_ascii(|c| if c.is_ascii_uppercase() { c.to_ascii_lowercase() } else { c.to_ascii_uppercase() });
        }
        let d = self.data();
        let mut b = StrBuilder::with_capacity(self.len());
        for i in 0..d.len() {
            let c = d.get(i);
            if ucd::is_upper(c) {
                lower_at(d, i, &mut b);
            } else if ucd::is_lower(c) {
                ucd::map_full(c, Mapping::Upper, |x| b.push_u32(x));
            } else {
                b.push_u32(c);
            }
        }
        b.finish()
    }

    pub fn to_title(&self) -> PyResult<Ref<Str>> {
        let d = self.data();
        let mut b = StrBuilder::with_capacity(self.len());
        let mut in_word = false;
        for i in 0..d.len() {
            let c = d.get(i);
            if in_word {
                lower_at(d, i, &mut b);
            } else {
                ucd::map_full(c, Mapping::Title, |x| b.push_u32(x));
            }
            in_word = ucd::is_cased(c);
        }
        b.finish()
    }

    pub fn to_capitalized(&self) -> PyResult<Ref<Str>> {
        let d = self.data();
        if d.is_empty() {
            return Ok(Str::empty_ref());
        }
        let mut b = StrBuilder::with_capacity(self.len());
        ucd::map_full(d.get(0), Mapping::Title, |x| b.push_u32(x));
        for i in 1..d.len() {
            lower_at(d, i, &mut b);
        }
        b.finish()
    }

    /// Whether there is text and `f` holds for all of it.
    pub fn all_chars(&self, f: impl Fn(u32) -> bool) -> bool {
        !self.is_empty() && with_data!(self.data(), s => s.iter().all(|&c| f(c as u32)))
    }

    pub fn is_lower_case(&self) -> bool {
        let mut cased = false;
        for c in self.chars() {
            let f = ucd::record(c).flags;
            if f & (ucd::UPPER | ucd::TITLE) != 0 {
                return false;
            }
            cased |= f & ucd::LOWER != 0;
        }
        cased
    }

    pub fn is_upper_case(&self) -> bool {
        let mut cased = false;
        for c in self.chars() {
            let f = ucd::record(c).flags;
            if f & (ucd::LOWER | ucd::TITLE) != 0 {
                return false;
            }
            cased |= f & ucd::UPPER != 0;
        }
        cased
    }

    pub fn is_title_case(&self) -> bool {
        let (mut cased, mut in_word) = (false, false);
        for c in self.chars() {
            let f = ucd::record(c).flags;
            if f & (ucd::UPPER | ucd::TITLE) != 0 {
                if in_word {
                    return false;
                }
                in_word = true;
                cased = true;
            } else if f & ucd::LOWER != 0 {
                if !in_word {
                    return false;
                }
                cased = true;
            } else {
                in_word = false;
            }
        }
        cased
    }

    pub fn is_identifier(&self) -> bool {
        let mut it = self.chars();
        match it.next() {
            None => return false,
            Some(c) if c == '_' as u32 || ucd::is_xid_start(c) => {}
            Some(_) => return false,
        }
        it.all(ucd::is_xid_continue)
    }

    pub fn expand_tabs(&self, tabsize: isize) -> PyResult<Ref<Str>> {
        let d = self.data();
        if search::find_char(d, 9).is_none() {
            return self.to_exact();
        }
        let mut b = StrBuilder::with_capacity(self.len() * 2);
        let mut col = 0isize;
        for c in d.chars() {
            if c == 9 {
                if tabsize > 0 {
                    let n = tabsize - col % tabsize;
                    if b.len() as isize > (1 << 36) - n {
                        return Err(raise!(OverflowError, "new string is too long"));
                    }
                    col += n;
                    b.push_fill(32, n as usize);
                }
            } else {
                col = if c == 10 || c == 13 { 0 } else { col + 1 };
                b.push_u32(c);
            }
        }
        b.finish()
    }

    pub fn zero_fill(&self, width: isize) -> PyResult<Ref<Str>> {
        let n = self.len() as isize;
        if width <= n {
            return self.to_exact();
        }
        let fill = (width - n) as usize;
        if !self.is_empty() && matches!(self.char_at(0), 43 | 45) {
            let mut b = StrBuilder::with_capacity(width as usize);
            b.push_u32(self.char_at(0));
            b.push_fill(48, fill);
            b.push_data_max(
                self.data().slice(1, self.len()),
                self.max_char_bound().min(self.data().max_char().max(127)),
            );
            return b.finish();
        }
        self.pad(fill, 0, 48)
    }

    /// `translate(table)`.
    pub fn translate_with(&self, table: &Object) -> PyResult<Ref<Str>> {
        let d = self.data();
        let mut b = StrBuilder::with_capacity(self.len());
        // What the table said for ASCII characters: absent, or a character.
        let mut ascii: [i32; 128] = [-1; 128];
        for c in d.chars() {
            if c < 128 && ascii[c as usize] >= 0 {
                b.push_u32(ascii[c as usize] as u32);
                continue;
            }
            match translate_char(table, c)? {
                Translated::Same => {
                    if c < 128 {
                        ascii[c as usize] = c as i32;
                    }
                    b.push_u32(c);
                }
                Translated::Char(x) => {
                    if c < 128 {
                        ascii[c as usize] = x as i32;
                    }
                    b.push_u32(x);
                }
                Translated::Text(s) => {
                    if c < 128 && s.len() == 1 {
                        ascii[c as usize] = s.char_at(0) as i32;
                    }
                    b.push_obj(&s);
                }
                Translated::Delete => {}
            }
        }
        b.finish()
    }
}

fn replace_byte(v: &mut [u8], a: u8, z: u8, max: usize) {
    if max == usize::MAX {
        v.iter_mut().for_each(|c| *c = if *c == a { z } else { *c });
    } else {
        v.iter_mut().filter(|c| **c == a).take(max).for_each(|c| *c = z);
    }
}

/// Lower-cases the character at `i`; capital sigma depends on what surrounds it.
fn lower_at(d: StrData<'_>, i: usize, b: &mut StrBuilder) {
    let c = d.get(i);
    if c != 0x3A3 {
        ucd::map_full(c, Mapping::Lower, |x| b.push_u32(x));
        return;
    }
    let before = (0..i).rev().map(|k| d.get(k)).find(|&x| !ucd::is_case_ignorable(x)).is_some_and(ucd::is_cased);
    let after = (i + 1..d.len()).map(|k| d.get(k)).find(|&x| !ucd::is_case_ignorable(x)).is_some_and(ucd::is_cased);
    b.push_u32(if before && !after { 0x3C2 } else { 0x3C3 });
}

/// What a translation table says about a character.
pub enum Translated {
    Same,
    Char(u32),
    Text(Ref<Str>),
    Delete,
}

/// Looks a character up in a translation table (any mapping from code points).
pub fn translate_char(table: &Object, c: u32) -> PyResult<Translated> {
    let key = Int::from_u64(c as u64)?;
    let found = match table.downcast_exact::<Dict>() {
        // No exception is needed to say that there is nothing.
        Some(d) => match d.get(&key)? {
            Some(v) => Ok(v),
            None => return Ok(Translated::Same),
        },
        None => table.get_item(&key),
    };
    let v = match found {
        Ok(v) => v,
        Err(e) => {
            if e.matches(exc::LookupError()) {
                e.clear();
                return Ok(Translated::Same);
            }
            return Err(e);
        }
    };
    if v.is_none() {
        return Ok(Translated::Delete);
    }
    if let Some(i) = v.downcast::<Int>() {
        return match i.try_i64() {
            Some(x) if (0..0x110000).contains(&x) => Ok(Translated::Char(x as u32)),
            _ => Err(raise!(ValueError, "character mapping must be in range(0x110000)")),
        };
    }
    match v.downcast_into::<Str>() {
        Ok(s) => Ok(Translated::Text(s)),
        Err(_) => Err(raise!(TypeError, "character mapping must return integer, None or str")),
    }
}

/// The text of `repr(s)`.
pub fn repr_into(d: StrData<'_>, b: &mut StrBuilder) {
    let (mut single, mut double) = (false, false);
    for c in d.chars() {
        single |= c == 39;
        double |= c == 34;
    }
    let quote = if single && !double { 34 } else { 39 };
    b.push_u32(quote);
    // Runs of plain characters are copied at once.
    let mut run = 0;
    for i in 0..d.len() {
        let c = d.get(i);
        let plain =
            if c < 0x7F { c >= 0x20 && c != 92 && c != quote } else { c >= 0xA1 && c != 0xAD && ucd::is_printable(c) };
        if plain {
            continue;
        }
        b.push_data(d.slice(run, i));
        run = i + 1;
        match c {
            9 => b.push_ascii(b"\\t"),
            10 => b.push_ascii(b"\\n"),
            13 => b.push_ascii(b"\\r"),
            _ if c == 92 || c == quote => {
                b.push_u32(92);
                b.push_u32(c);
            }
            _ => push_escape(b, c),
        }
    }
    b.push_data(d.slice(run, d.len()));
    b.push_u32(quote);
}

/// `\xhh`, `\uhhhh` or `\Uhhhhhhhh`.
pub fn push_escape(b: &mut StrBuilder, c: u32) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let (lead, n) = if c < 0x100 {
        (b'x', 2)
    } else if c < 0x10000 {
        (b'u', 4)
    } else {
        (b'U', 8)
    };
    let mut out = [b'\\', lead, 0, 0, 0, 0, 0, 0, 0, 0];
    for i in 0..n {
        out[2 + i] = HEX[(c >> (4 * (n - 1 - i)) & 15) as usize];
    }
    b.push_ascii(&out[..2 + n]);
}

impl Str {
    /// `repr(self)`.
    pub fn repr_str(&self) -> PyResult<Ref<Str>> {
        let mut b = StrBuilder::with_capacity(self.len() + 2);
        repr_into(self.data(), &mut b);
        b.finish()
    }

    /// Escapes what is not ASCII (`ascii()` applied to a repr).
    pub fn ascii_escaped(&self) -> PyResult<Ref<Str>> {
        if self.is_ascii() {
            return self.to_exact();
        }
        let mut b = StrBuilder::with_capacity(self.len() * 2);
        for c in self.chars() {
            if c < 128 { b.push_u32(c) } else { push_escape(&mut b, c) }
        }
        b.finish()
    }

    /// Orders by code points.
    pub fn cmp_str(&self, other: &Str) -> core::cmp::Ordering {
        match (self.data(), other.data()) {
            (StrData::One(a), StrData::One(b)) => a.cmp(b),
            (StrData::Two(a), StrData::Two(b)) => a.cmp(b),
            (StrData::Four(a), StrData::Four(b)) => a.cmp(b),
            (a, b) => a.chars().cmp(b.chars()),
        }
    }
}
