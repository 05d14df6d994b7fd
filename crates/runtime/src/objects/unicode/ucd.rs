//! The Unicode character database, version 16.0.0 (what 3.14 documents as `unicodedata.unidata_version`).
//!
//! `ucd.bin` is written by `generate_ucd.py`; this file reads it in place. Small, hot questions about Latin-1 are answered
//! by the same two-stage tables, which stay in the cache.

#[repr(C, align(8))]
struct Aligned<T: ?Sized>(T);

static BLOB: &Aligned<[u8]> = &Aligned(*include_bytes!("ucd.bin"));

/// Properties of a code point.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Record {
    upper: i32,
    lower: i32,
    title: i32,
    special: u16,
    pub flags: u16,
    numeric: u16,
    pub category: u8,
    pub bidirectional: u8,
    pub combining: u8,
    pub east_asian_width: u8,
    digit: u8,
    _pad: u8,
}

pub const CATEGORIES: [&str; 30] = [
    "Cn", "Lu", "Ll", "Lt", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Co", "Lm", "Lo",
    "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "Sm", "Sc", "Sk", "So",
];
pub const BIDIRECTIONAL: [&str; 24] = [
    "", "L", "LRE", "LRO", "R", "AL", "RLE", "RLO", "PDF", "EN", "ES", "ET", "AN", "CS", "NSM", "BN", "B", "S", "WS",
    "ON", "LRI", "RLI", "FSI", "PDI",
];
pub const EAST_ASIAN_WIDTHS: [&str; 6] = ["F", "H", "W", "Na", "A", "N"];
const TAGS: [&str; 17] = [
    "",
    "<noBreak>",
    "<compat>",
    "<super>",
    "<fraction>",
    "<sub>",
    "<font>",
    "<circle>",
    "<wide>",
    "<vertical>",
    "<square>",
    "<isolated>",
    "<final>",
    "<initial>",
    "<medial>",
    "<small>",
    "<narrow>",
];

pub const ALPHA: u16 = 1;
pub const DECIMAL: u16 = 1 << 1;
pub const DIGIT: u16 = 1 << 2;
pub const NUMERIC: u16 = 1 << 3;
pub const LOWER: u16 = 1 << 4;
pub const UPPER: u16 = 1 << 5;
pub const TITLE: u16 = 1 << 6;
pub const PRINTABLE: u16 = 1 << 7;
pub const XID_START: u16 = 1 << 8;
pub const XID_CONTINUE: u16 = 1 << 9;
pub const CASED: u16 = 1 << 10;
pub const CASE_IGNORABLE: u16 = 1 << 11;
pub const SPACE: u16 = 1 << 12;
pub const LINEBREAK: u16 = 1 << 13;
const SPECIAL: u16 = 1 << 14;
pub const MIRRORED: u16 = 1 << 15;

const fn section<T>(n: usize) -> &'static [T] {
    let b = &BLOB.0;
    let at = n * 8;
    let off = u32::from_le_bytes([b[at], b[at + 1], b[at + 2], b[at + 3]]) as usize;
    let len = u32::from_le_bytes([b[at + 4], b[at + 5], b[at + 6], b[at + 7]]) as usize;
    // SAFETY: the generator aligns sections to eight bytes and writes plain integers of these types.
    unsafe { core::slice::from_raw_parts(b.as_ptr().add(off).cast::<T>(), len / size_of::<T>()) }
}

static STAGE1: &[u16] = section(0);
static STAGE2: &[u16] = section(1);
static RECORDS: &[Record] = section(2);
static SPECIALS: &[[[u32; 3]; 4]] = section(3);
static NUMERICS: &[f64] = section(4);
static DECOMP_KEYS: &[[u32; 2]] = section(5);
static DECOMP_DATA: &[u32] = section(6);
static COMPOSITIONS: &[[u32; 3]] = section(7);
static OLD: &[OldRecord] = section(8);

/// The record of `c` (any value; beyond the code space: an unassigned one).
#[inline]
pub fn record(c: u32) -> &'static Record {
    let c = if c > 0x10FFFF { 0x10FFFF } else { c } as usize;
    let block = STAGE1[c >> 7] as usize;
    &RECORDS[STAGE2[block << 7 | (c & 127)] as usize]
}

#[inline(always)]
pub fn has(c: u32, flag: u16) -> bool {
    record(c).flags & flag != 0
}

macro_rules! predicates {
    ($($(#[$m:meta])* $name:ident = $flags:expr;)*) => {
        $($(#[$m])* #[inline] pub fn $name(c: u32) -> bool { has(c, $flags) })*
    };
}
predicates! {
    is_alpha = ALPHA;
    is_decimal = DECIMAL;
    is_digit = DIGIT;
    is_numeric = NUMERIC;
    is_lower = LOWER;
    is_upper = UPPER;
    is_title = TITLE;
    is_printable = PRINTABLE;
    is_xid_start = XID_START;
    is_xid_continue = XID_CONTINUE;
    is_cased = CASED;
    is_case_ignorable = CASE_IGNORABLE;
    is_linebreak = LINEBREAK;
}

/// `str.isspace` and the white space of `split` and `strip`.
#[inline]
pub fn is_space(c: u32) -> bool {
    if c < 128 { ASCII_SPACE[c as usize] } else { has(c, SPACE) }
}

static ASCII_SPACE: [bool; 128] = {
    let mut t = [false; 128];
    let mut i = 9;
    while i <= 13 {
        t[i] = true;
        i += 1;
    }
    i = 0x1C;
    while i <= 0x20 {
        t[i] = true;
        i += 1;
    }
    t
};

/// `str.isalnum` of one character.
#[inline]
pub fn is_alnum(c: u32) -> bool {
    has(c, ALPHA | DECIMAL | DIGIT | NUMERIC)
}

/// Simple (one to one) mappings.
#[inline]
pub fn to_upper(c: u32) -> u32 {
    c.wrapping_add_signed(record(c).upper)
}
#[inline]
pub fn to_lower(c: u32) -> u32 {
    c.wrapping_add_signed(record(c).lower)
}
#[inline]
pub fn to_title(c: u32) -> u32 {
    c.wrapping_add_signed(record(c).title)
}

/// A full case mapping: one to three characters.
#[derive(Clone, Copy)]
pub enum Mapping {
    Upper = 0,
    Lower = 1,
    Title = 2,
    Fold = 3,
}

/// Maps `c`, calling `push` for each resulting character.
#[inline]
pub fn map_full(c: u32, m: Mapping, mut push: impl FnMut(u32)) {
    let r = record(c);
    if r.flags & SPECIAL != 0 {
        let s = &SPECIALS[r.special as usize][m as usize];
        push(s[0]);
        if s[1] != 0 {
            push(s[1]);
            if s[2] != 0 {
                push(s[2]);
            }
        }
        return;
    }
    push(c.wrapping_add_signed(match m {
        Mapping::Upper => r.upper,
        Mapping::Title => r.title,
        _ => r.lower,
    }))
}

/// The value of a decimal digit.
#[inline]
pub fn decimal_value(c: u32) -> Option<u32> {
    if c < 128 {
        return if (48..58).contains(&c) { Some(c - 48) } else { None };
    }
    let r = record(c);
    if r.flags & DECIMAL != 0 { Some(r.digit as u32) } else { None }
}

pub fn digit_value(c: u32) -> Option<u32> {
    let r = record(c);
    if r.flags & DIGIT != 0 && r.digit != 255 { Some(r.digit as u32) } else { None }
}

pub fn numeric_value(c: u32) -> Option<f64> {
    let r = record(c);
    if r.numeric != 0 { Some(NUMERICS[r.numeric as usize]) } else { None }
}

pub const HANGUL_BASE: u32 = 0xAC00;
pub const HANGUL_COUNT: u32 = 11172;

/// The tag (`<compat>` …, or empty) and the characters of a decomposition; Hangul syllables are not listed.
pub fn decomposition(c: u32) -> Option<(&'static str, &'static [u32])> {
    let i = DECOMP_KEYS.binary_search_by_key(&c, |k| k[0]).ok()?;
    let info = DECOMP_KEYS[i][1];
    let (n, tag, off) = ((info >> 25) as usize, (info >> 20 & 31) as usize, (info & 0xFFFFF) as usize);
    Some((TAGS[tag], &DECOMP_DATA[off..off + n]))
}

/// The primary composite of two characters.
pub fn compose(a: u32, b: u32) -> Option<u32> {
    if (0x1100..0x1113).contains(&a) && (0x1161..0x1176).contains(&b) {
        return Some(HANGUL_BASE + ((a - 0x1100) * 21 + (b - 0x1161)) * 28);
    }
    if (HANGUL_BASE..HANGUL_BASE + HANGUL_COUNT).contains(&a)
        && (a - HANGUL_BASE) % 28 == 0
        && (0x11A8..0x11C3).contains(&b)
    {
        return Some(a + b - 0x11A7);
    }
    COMPOSITIONS.binary_search_by(|k| (k[0], k[1]).cmp(&(a, b))).ok().map(|i| COMPOSITIONS[i][2])
}

/// What version 3.2.0 said where it differs.
#[repr(C)]
pub struct OldRecord {
    first: u32,
    last: u32,
    pub category: u8,
    pub bidirectional: u8,
    pub combining: u8,
    pub east_asian_width: u8,
    /// Bit 0: mirrored; bit 1: no decomposition.
    pub flags: u16,
    numeric: u16,
}

impl OldRecord {
    pub fn numeric(&self) -> Option<f64> {
        if self.numeric != 0 { Some(NUMERICS[self.numeric as usize]) } else { None }
    }
}

/// The 3.2.0 properties of `c` when they differ from today's.
pub fn old_record(c: u32) -> Option<&'static OldRecord> {
    let i = OLD.partition_point(|r| r.last < c);
    OLD.get(i).filter(|r| r.first <= c)
}

/// Whether a character of one of the normalisation forms needs no work: the quick path of `normalize`.
fn decompose_into(c: u32, compat: bool, old: bool, out: &mut Vec<u32>) {
    if (HANGUL_BASE..HANGUL_BASE + HANGUL_COUNT).contains(&c) {
        let s = c - HANGUL_BASE;
        out.push(0x1100 + s / 588);
        out.push(0x1161 + s % 588 / 28);
        if s % 28 != 0 {
            out.push(0x11A7 + s % 28);
        }
        return;
    }
    if c >= 0xA0
        && !(old && old_record(c).is_some_and(|r| r.flags & 2 != 0))
        && let Some((tag, chars)) = decomposition(c)
        && (compat || tag.is_empty())
    {
        for &d in chars {
            decompose_into(d, compat, old, out);
        }
        return;
    }
    out.push(c);
}

/// Normal forms.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Nfc,
    Nfkc,
    Nfd,
    Nfkd,
}

/// Normalises text. `old`: by version 3.2.0.
pub fn normalize(form: Form, text: impl Iterator<Item = u32>, old: bool) -> Vec<u32> {
    let compat = matches!(form, Form::Nfkc | Form::Nfkd);
    let mut out = Vec::with_capacity(text.size_hint().0);
    for c in text {
        decompose_into(c, compat, old, &mut out);
    }
    // Canonical ordering: stable sort of runs of non-starters.
    let mut i = 0;
    while i < out.len() {
        if record(out[i]).combining == 0 {
            i += 1;
            continue;
        }
        let start = i;
        while i < out.len() && record(out[i]).combining != 0 {
            i += 1;
        }
        if i - start > 1 {
            out[start..i].sort_by_key(|&c| record(c).combining);
        }
    }
    if matches!(form, Form::Nfd | Form::Nfkd) {
        return out;
    }
    // Composition in place: `starter` is the index of the last starter written.
    let mut w = 0;
    let mut starter: Option<usize> = None;
    let mut last_class = 0u8;
    for r in 0..out.len() {
        let c = out[r];
        let class = record(c).combining;
        if let Some(s) = starter
            && (w == s + 1 || last_class != 0 && last_class < class)
            && (w == s + 1 || class != 0)
            && let Some(p) = compose(out[s], c)
        {
            out[s] = p;
            continue;
        }
        if class == 0 {
            starter = Some(w);
        }
        last_class = class;
        out[w] = c;
        w += 1;
    }
    out.truncate(w);
    out
}

/// Whether text is surely normalised already (a cheap test: all Latin-1 starters that stay as they are).
pub fn quick_normalized(form: Form, mut text: impl Iterator<Item = u32>) -> bool {
    match form {
        Form::Nfc => text.all(|c| c < 0x300),
        Form::Nfkc | Form::Nfkd => text.all(|c| c < 0xA0),
        Form::Nfd => text.all(|c| c < 0xC0),
    }
}
