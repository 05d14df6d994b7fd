//! How Python sees code: `co_code`, offsets, line and exception tables in CPython 3.14's encoding.
//!
//! Our instruction is one word with a 24-bit argument and at most one cache word. Tools that read `co_code` (`dis`,
//! coverage, debuggers, `code.replace`) expect two-byte units, EXTENDED_ARG prefixes, CPython's number of cache units and
//! a NOT_TAKEN after every conditional jump. A `View` is made the first time somebody asks; it maps word indices to unit
//! indices and back. Reading goes the other way: units become words, and tables given beside them are mapped.

use compiler::code::{ExcEntry, Position};
use compiler::opcode::{self as o, ArgKind, op};

const EXTENDED_ARG: u8 = 69;
const NOT_TAKEN: u8 = 28;

/// Cache units that CPython has behind an instruction.
const fn shown_caches(code: u8) -> usize {
    match code {
        op::LOAD_ATTR => 9,
        op::BINARY_OP => 5,
        op::LOAD_GLOBAL | op::STORE_ATTR => 4,
        op::CALL | op::CALL_KW | op::TO_BOOL => 3,
        op::UNPACK_SEQUENCE
        | op::COMPARE_OP
        | op::CONTAINS_OP
        | op::FOR_ITER
        | op::LOAD_SUPER_ATTR
        | op::STORE_SUBSCR
        | op::SEND
        | op::JUMP_BACKWARD
        | op::POP_JUMP_IF_TRUE
        | op::POP_JUMP_IF_FALSE
        | op::POP_JUMP_IF_NONE
        | op::POP_JUMP_IF_NOT_NONE => 1,
        _ => 0,
    }
}

/// The two instructions of a pair whose indices do not fit four bits each.
const fn halves(code: u8) -> Option<(u8, u8)> {
    Some(match code {
        op::LOAD_FAST_LOAD_FAST => (op::LOAD_FAST, op::LOAD_FAST),
        op::LOAD_FAST_BORROW_LOAD_FAST_BORROW => (op::LOAD_FAST_BORROW, op::LOAD_FAST_BORROW),
        op::STORE_FAST_LOAD_FAST => (op::STORE_FAST, op::LOAD_FAST),
        op::STORE_FAST_STORE_FAST => (op::STORE_FAST, op::STORE_FAST),
        _ => return None,
    })
}

const fn is_branch(code: u8) -> bool {
    matches!(
        code,
        op::FOR_ITER | op::POP_JUMP_IF_TRUE | op::POP_JUMP_IF_FALSE | op::POP_JUMP_IF_NONE | op::POP_JUMP_IF_NOT_NONE
    )
}

const fn prefixes(arg: u32) -> usize {
    (arg > 0xff) as usize + (arg > 0xffff) as usize + (arg > 0xff_ffff) as usize
}

/// Code as Python sees it.
pub struct View {
    pub bytes: Vec<u8>,
    /// First unit of each word's instruction, its EXTENDED_ARGs included; one more entry for the end
    starts: Vec<u32>,
    /// The unit of the operation itself
    units: Vec<u32>,
    /// The word of each unit
    words: Vec<u32>,
}

impl View {
    /// From words in their original form.
    pub fn new(words: &[u32], table: &[ExcEntry]) -> View {
        let n = words.len();
        let mut shown: Vec<Option<u32>> = vec![None; n];
        let mut async_next = false;
        let mut not_taken = vec![false; n];
        let mut heads = Vec::new();
        let mut i = 0;
        while i < n {
            let code = o::op_of(words[i]);
            heads.push(i);
            shown[i] = Some(o::arg_of(words[i]));
            not_taken[i] = is_branch(code);
            if code == op::GET_ANEXT {
                async_next = true;
            } else if code == op::END_SEND && async_next {
                async_next = false;
                not_taken[i] = true;
            }
            i += 1 + o::has_cache(code) as usize;
        }
        let mut room = vec![0usize; n];
        let mut starts = vec![0u32; n + 1];
        let mut units = vec![0u32; n + 1];
        // Distances depend on sizes and sizes on distances: both only grow
        loop {
            let mut at = 0usize;
            for &i in &heads {
                let (code, arg) = (o::op_of(words[i]), shown[i].unwrap_or(0));
                starts[i] = at as u32;
                let own = match split(code, arg) {
                    Some((a, b)) => prefixes(a) + 1 + prefixes(b),
                    // a pair that fits is one byte
                    None if halves(code).is_some() => 0,
                    None if o::is_jump(code) || code == op::END_ASYNC_FOR => room[i],
                    None => prefixes(arg),
                };
                units[i] = (at + own) as u32;
                at += own + 1 + shown_caches(code) + not_taken[i] as usize;
                if o::has_cache(code) {
                    starts[i + 1] = units[i];
                    units[i + 1] = units[i];
                }
            }
            starts[n] = at as u32;
            units[n] = at as u32;
            let mut grown = false;
            for &i in &heads {
                let (code, arg) = (o::op_of(words[i]), o::arg_of(words[i]) as usize);
                let next = i + 1 + o::has_cache(code) as usize;
                let after = units[i] as usize + 1 + shown_caches(code);
                let d = match o::arg_kind(code) {
                    ArgKind::Forward => (starts[(next + arg).min(n)] as usize).saturating_sub(after),
                    ArgKind::Backward => after.saturating_sub(starts[next.saturating_sub(arg)] as usize),
                    _ if code == op::END_ASYNC_FOR => {
                        let end_send = table
                            .iter()
                            .filter(|e| e.target as usize == i)
                            .flat_map(|e| e.start as usize..e.end as usize)
                            .find(|w| o::op_of(words[*w]) == op::END_SEND && not_taken[*w]);
                        end_send.map_or(0, |w| after.saturating_sub(units[w] as usize))
                    }
                    _ => continue,
                } as u32;
                let old = shown[i].unwrap_or(0);
                if d != old {
                    // sizes never shrink, or this might not end
                    grown |= prefixes(d) > room[i];
                    room[i] = room[i].max(prefixes(d));
                    shown[i] = Some(d);
                }
            }
            if !grown {
                break;
            }
        }
        let total = starts[n] as usize;
        let mut v = View { bytes: Vec::with_capacity(2 * total), starts, units, words: Vec::with_capacity(total) };
        for &i in &heads {
            let (code, arg) = (o::op_of(words[i]), shown[i].unwrap_or(0));
            match split(code, arg) {
                Some((a, b)) => {
                    let (x, y) = halves(code).unwrap_or((code, code));
                    v.put(x, a, i);
                    v.put(y, b, i);
                }
                None if halves(code).is_some() => v.put(code, (arg >> 12) << 4 | arg & 0xfff, i),
                None => {
                    let is_jump = o::is_jump(code) || code == op::END_ASYNC_FOR;
                    for _ in prefixes(arg)..if is_jump { room[i] } else { 0 } {
                        v.unit(EXTENDED_ARG, 0, i);
                    }
                    v.put(code, arg, i);
                }
            }
            for _ in 0..shown_caches(code) {
                v.unit(0, 0, i);
            }
            if not_taken[i] {
                v.unit(NOT_TAKEN, 0, i);
            }
        }
        v
    }

    fn unit(&mut self, code: u8, arg: u8, word: usize) {
        self.bytes.extend_from_slice(&[code, arg]);
        self.words.push(word as u32);
    }
    fn put(&mut self, code: u8, arg: u32, word: usize) {
        for k in (1..=prefixes(arg)).rev() {
            self.unit(EXTENDED_ARG, (arg >> (8 * k)) as u8, word);
        }
        self.unit(code, arg as u8, word);
    }

    /// Unit of the operation at a word.
    pub fn unit_of(&self, word: usize) -> usize {
        self.units[word.min(self.units.len() - 1)] as usize
    }
    /// First unit of the instruction at a word.
    pub fn start_of(&self, word: usize) -> usize {
        self.starts[word.min(self.starts.len() - 1)] as usize
    }
    /// Where control goes on when the branch at this word is not taken.
    pub fn after_not_taken(&self, word: usize) -> usize {
        let mut u = self.unit_of(word) + 1;
        while self.bytes.get(2 * u) == Some(&0) {
            u += 1;
        }
        u + (self.bytes.get(2 * u) == Some(&NOT_TAKEN)) as usize
    }
    /// Word of a unit; the end maps to the end.
    pub fn word_of(&self, unit: usize) -> usize {
        self.words.get(unit).map_or(self.starts.len() - 1, |w| *w as usize)
    }
    /// Number of units.
    pub fn len(&self) -> usize {
        self.words.len()
    }
    /// The exception table in units, encoded.
    pub fn exception_table(&self, table: &[ExcEntry]) -> Vec<u8> {
        let mut out = Vec::new();
        for e in table {
            let (a, b) = (self.start_of(e.start as usize) as u32, self.start_of(e.end as usize) as u32);
            put_be(&mut out, a, 0x80);
            put_be(&mut out, b - a, 0);
            put_be(&mut out, self.start_of(e.target as usize) as u32, 0);
            put_be(&mut out, e.depth << 1 | e.lasti as u32, 0);
        }
        out
    }
    /// Place of each unit.
    pub fn positions<'a>(&'a self, p: &'a [Position]) -> impl Iterator<Item = Position> + 'a {
        self.words.iter().map(|w| p.get(*w as usize).copied().unwrap_or(Position::NONE))
    }
}

/// The arguments of a pair that has to be shown as two instructions.
fn split(code: u8, arg: u32) -> Option<(u32, u32)> {
    let (a, b) = (arg >> 12, arg & 0xfff);
    (halves(code).is_some() && (a > 15 || b > 15)).then_some((a, b))
}

/// Six-bit groups, most significant first; the first byte of a row is marked.
fn put_be(out: &mut Vec<u8>, v: u32, mark: u8) {
    let mut shift = 30;
    while shift > 0 && v >> shift == 0 {
        shift -= 6;
    }
    let mut first = mark;
    loop {
        out.push((v >> shift) as u8 & 0x3f | first | if shift > 0 { 0x40 } else { 0 });
        first = 0;
        if shift == 0 {
            return;
        }
        shift -= 6;
    }
}

/// Six-bit groups, least significant first.
fn put_le(out: &mut Vec<u8>, mut v: u32) {
    while v >= 64 {
        out.push(v as u8 & 0x3f | 0x40);
        v >>= 6;
    }
    out.push(v as u8);
}
fn put_signed(out: &mut Vec<u8>, v: i32) {
    put_le(out, if v < 0 { v.unsigned_abs() << 1 | 1 } else { (v as u32) << 1 });
}

/// The location table (`co_linetable`) of units that lie at `places`.
pub fn line_table(places: impl Iterator<Item = Position>, first: i32) -> Vec<u8> {
    let mut out = Vec::new();
    let mut line = first;
    let mut it = places.peekable();
    while let Some(p) = it.next() {
        let mut n = 1;
        while n < 8 && it.next_if(|q| *q == p).is_some() {
            n += 1;
        }
        let mut head = |out: &mut Vec<u8>, code: u8| out.push(0x80 | code << 3 | (n - 1));
        if p.line < 0 {
            head(&mut out, 15);
            continue;
        }
        let delta = p.line - line;
        let (c, e) = (p.col, p.end_col);
        if c < 0 || e < 0 || p.end_line < p.line {
            head(&mut out, 13);
            put_signed(&mut out, delta);
        } else if p.end_line == p.line && delta == 0 && c < 80 && e >= c && e - c < 16 {
            head(&mut out, (c / 8) as u8);
            out.push(((c % 8) << 4 | (e - c)) as u8);
        } else if p.end_line == p.line && (0..3).contains(&delta) && c < 128 && e < 128 {
            head(&mut out, 10 + delta as u8);
            out.extend_from_slice(&[c as u8, e as u8]);
        } else {
            head(&mut out, 14);
            put_signed(&mut out, delta);
            put_le(&mut out, (p.end_line - p.line) as u32);
            put_le(&mut out, c as u32 + 1);
            put_le(&mut out, e as u32 + 1);
        }
        line = p.line;
    }
    out
}

/// Reads a location table: one place per unit.
pub fn read_line_table(t: &[u8], first: i32) -> Vec<Position> {
    let mut out = Vec::new();
    let mut i = 0;
    let mut line = first;
    let byte = |i: &mut usize| {
        let b = t.get(*i).copied().unwrap_or(0);
        *i += 1;
        b
    };
    let number = |i: &mut usize| {
        let mut v = 0u32;
        let mut shift = 0;
        loop {
            let b = byte(i);
            v |= ((b & 0x3f) as u32).checked_shl(shift).unwrap_or(0);
            shift += 6;
            if b & 0x40 == 0 {
                return v;
            }
        }
    };
    let signed = |i: &mut usize| {
        let v = number(i);
        if v & 1 != 0 { -((v >> 1) as i32) } else { (v >> 1) as i32 }
    };
    while i < t.len() {
        let head = byte(&mut i);
        let n = (head & 7) as usize + 1;
        let p = match head >> 3 & 15 {
            15 => Position::NONE,
            14 => {
                line += signed(&mut i);
                let end_line = line + number(&mut i) as i32;
                let col = number(&mut i) as i32 - 1;
                let end_col = number(&mut i) as i32 - 1;
                Position { line, end_line, col, end_col }
            }
            13 => {
                line += signed(&mut i);
                Position { line, end_line: line, col: -1, end_col: -1 }
            }
            k @ 10..=12 => {
                line += k as i32 - 10;
                let col = byte(&mut i) as i32;
                Position { line, end_line: line, col, end_col: byte(&mut i) as i32 }
            }
            k => {
                let b = byte(&mut i) as i32;
                let col = k as i32 * 8 + (b >> 4 & 7);
                Position { line, end_line: line, col, end_col: col + (b & 15) }
            }
        };
        out.extend(core::iter::repeat_n(p, n));
    }
    out
}

/// What `co_code` and the tables beside it say, as words.
pub struct Parsed {
    pub words: Vec<u32>,
    pub ncaches: u32,
    /// Word of each unit; one more for the end
    pub word_of: Vec<u32>,
    /// First unit of each word
    pub unit_of: Vec<u32>,
}

impl Parsed {
    /// Reads units.
    pub fn new(bytes: &[u8]) -> Parsed {
        let n = bytes.len() / 2;
        let mut p = Parsed { words: Vec::new(), ncaches: 0, word_of: Vec::with_capacity(n + 1), unit_of: Vec::new() };
        let mut jumps = Vec::new();
        let mut arg = 0u32;
        let mut start = 0;
        let mut u = 0;
        while u < n {
            let code = bytes[2 * u];
            arg = arg << 8 | bytes[2 * u + 1] as u32;
            let word = p.words.len() as u32;
            p.word_of.push(word);
            u += 1;
            if code == EXTENDED_ARG {
                continue;
            }
            if code == NOT_TAKEN {
                arg = 0;
                start = u;
                continue;
            }
            let caches = shown_caches(code).min(n - u);
            p.word_of.extend(core::iter::repeat_n(word, caches));
            u += caches;
            let mut a = if halves(code).is_some() { (arg >> 4) << 12 | arg & 15 } else { arg };
            if o::is_jump(code) {
                let target = match o::arg_kind(code) {
                    ArgKind::Backward => u.wrapping_sub(arg as usize),
                    _ => u + arg as usize,
                };
                jumps.push((word as usize, target));
                a = 0;
            }
            if code == op::END_ASYNC_FOR {
                a = 0;
            }
            p.words.push(o::word(code, a & o::MAX_ARG));
            p.unit_of.push(start as u32);
            let c = o::cache_entries(code);
            if c > 0 {
                p.words.push(p.ncaches);
                p.unit_of.push(start as u32);
                p.ncaches += c;
            }
            arg = 0;
            start = u;
        }
        p.word_of.push(p.words.len() as u32);
        for (w, target) in jumps {
            let code = o::op_of(p.words[w]);
            let next = w as u32 + 1 + o::has_cache(code) as u32;
            let t = p.word(target);
            let d = match o::arg_kind(code) {
                ArgKind::Backward => next.saturating_sub(t),
                _ => t.saturating_sub(next),
            };
            p.words[w] = o::word(code, d & o::MAX_ARG);
        }
        p
    }
    /// Word that begins at (or holds) a unit.
    pub fn word(&self, unit: usize) -> u32 {
        self.word_of.get(unit).copied().unwrap_or(self.words.len() as u32)
    }
    /// Places of the words from places of the units.
    pub fn positions(&self, units: &[Position], first: i32) -> Vec<Position> {
        let none = Position { line: first, end_line: first, col: -1, end_col: -1 };
        self.unit_of.iter().map(|u| units.get(*u as usize).copied().unwrap_or(none)).collect()
    }
    /// An encoded exception table in words.
    pub fn exception_table(&self, bytes: &[u8]) -> Vec<ExcEntry> {
        let mut vals = Vec::new();
        let mut i = 0;
        while i < bytes.len() {
            let mut v = (bytes[i] & 0x3f) as u32;
            while bytes[i] & 0x40 != 0 && i + 1 < bytes.len() {
                i += 1;
                v = v << 6 | (bytes[i] & 0x3f) as u32;
            }
            i += 1;
            vals.push(v);
        }
        vals.chunks_exact(4)
            .map(|c| ExcEntry {
                start: self.word(c[0] as usize),
                end: self.word(c[0].saturating_add(c[1]) as usize),
                target: self.word(c[2] as usize),
                depth: c[3] >> 1,
                lasti: c[3] & 1 != 0,
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_and_back() {
        let words = vec![
            o::word(op::RESUME, 0),
            o::word(op::LOAD_CONST, 300),
            o::word(op::POP_JUMP_IF_FALSE, 2),
            o::word(op::LOAD_FAST_LOAD_FAST, 20 << 12 | 3),
            o::word(op::POP_TOP, 0),
            o::word(op::RETURN_VALUE, 0),
        ];
        let v = View::new(&words, &[]);
        assert_eq!(v.unit_of(1), 2);
        for w in 0..words.len() {
            assert_eq!(v.bytes[2 * v.unit_of(w)], if w == 3 { op::LOAD_FAST } else { o::op_of(words[w]) });
        }
        let p = Parsed::new(&v.bytes);
        // The pair came back as two loads
        assert_eq!(p.words.len(), words.len() + 1);
        assert_eq!(p.words[1], words[1]);
        assert_eq!(o::arg_of(p.words[2]), 3);
    }

    #[test]
    fn location_table() {
        let p = |line, end_line, col, end_col| Position { line, end_line, col, end_col };
        let v = vec![p(3, 3, 4, 9), p(3, 3, 4, 9), p(4, 4, 0, 100), p(9, 11, 3, 200), Position::NONE, p(2, 2, -1, -1)];
        let t = line_table(v.iter().copied(), 3);
        assert_eq!(read_line_table(&t, 3), v);
    }
}
