//! The multibyte codecs, one character at a time.
//!
//! A codec without state is its table and a rule or two beyond it. HZ and the ISO 2022 family switch between character sets; their
//! state is eight bytes, laid out as CPython does (programs keep it between runs): G0, G1, G2 and flags.

use super::tables::{self, Table};

pub type State = [u8; 8];

/// What decoding at the start of some bytes gives.
#[derive(Debug, PartialEq)]
pub enum Decoded {
    /// So many bytes are so many characters (none, one or two).
    Chars(usize, [u32; 2], usize),
    /// The bytes are the beginning of something.
    Short,
    /// So many bytes are wrong.
    Wrong(usize),
}

/// What encoding at the start of some characters gives: bytes were appended for so many of them.
#[derive(Debug, PartialEq)]
pub enum Encoded {
    Done(usize),
    /// The next character decides.
    Short,
    Unknown,
}

pub struct Codec {
    pub name: &'static str,
    pub module: &'static str,
    kind: Kind,
}

enum Kind {
    /// A table
    Table(&'static str),
    Hz,
    Iso2022(&'static [Set], u8),
}

/// A character set of ISO 2022: its final byte (with the high bit for two bytes a character), the slot it goes to, and what it is.
struct Set {
    mark: u8,
    slot: u8,
    what: What,
}
#[derive(Clone, Copy, PartialEq)]
enum What {
    JisRoman,
    JisKana,
    Jis208,
    Jis212,
    Jis213One(bool),
    Jis213Two(bool),
    Ksc5601,
    Gb2312,
    Latin1,
    Greek,
}

const fn set(mark: u8, slot: u8, what: What) -> Set {
    Set { mark, slot, what }
}
const JIS208: Set = set(b'B' | 128, 0, What::Jis208);
const JIS208_OLD: Set = set(b'@' | 128, 0, What::Jis208);
const JIS212: Set = set(b'D' | 128, 0, What::Jis212);
const ROMAN: Set = set(b'J', 0, What::JisRoman);
const KANA: Set = set(b'I', 0, What::JisKana);
const NO_SHIFT: u8 = 1;
const USE_G2: u8 = 2;

pub static CODECS: &[Codec] = &[
    table("gb2312", "_codecs_cn"),
    table("gbk", "_codecs_cn"),
    table("gb18030", "_codecs_cn"),
    Codec { name: "hz", module: "_codecs_cn", kind: Kind::Hz },
    table("big5hkscs", "_codecs_hk"),
    table("big5", "_codecs_tw"),
    table("cp950", "_codecs_tw"),
    table("shift_jis", "_codecs_jp"),
    table("cp932", "_codecs_jp"),
    table("euc_jp", "_codecs_jp"),
    table("shift_jis_2004", "_codecs_jp"),
    table("euc_jis_2004", "_codecs_jp"),
    table("euc_jisx0213", "_codecs_jp"),
    table("shift_jisx0213", "_codecs_jp"),
    table("euc_kr", "_codecs_kr"),
    table("cp949", "_codecs_kr"),
    table("johab", "_codecs_kr"),
    iso("iso2022_kr", &[set(b'C' | 128, 1, What::Ksc5601)], 0),
    iso("iso2022_jp", &[JIS208, ROMAN, JIS208_OLD], NO_SHIFT),
    iso("iso2022_jp_1", &[JIS208, JIS212, ROMAN, JIS208_OLD], NO_SHIFT),
    iso(
        "iso2022_jp_2",
        &[
            JIS208,
            JIS212,
            set(b'C' | 128, 0, What::Ksc5601),
            set(b'A' | 128, 0, What::Gb2312),
            ROMAN,
            JIS208_OLD,
            set(b'A', 2, What::Latin1),
            set(b'F', 2, What::Greek),
        ],
        NO_SHIFT | USE_G2,
    ),
    iso(
        "iso2022_jp_2004",
        &[JIS208, set(b'Q' | 128, 0, What::Jis213One(true)), set(b'P' | 128, 0, What::Jis213Two(true))],
        NO_SHIFT,
    ),
    iso(
        "iso2022_jp_3",
        &[JIS208, set(b'O' | 128, 0, What::Jis213One(false)), set(b'P' | 128, 0, What::Jis213Two(false))],
        NO_SHIFT,
    ),
    iso("iso2022_jp_ext", &[JIS208, JIS212, ROMAN, KANA, JIS208_OLD], NO_SHIFT),
];

const fn table(name: &'static str, module: &'static str) -> Codec {
    Codec { name, module, kind: Kind::Table(name) }
}
const fn iso(name: &'static str, sets: &'static [Set], flags: u8) -> Codec {
    Codec { name, module: "_codecs_iso2022", kind: Kind::Iso2022(sets, flags) }
}

/// The letters of KS X 1001 that syllables are composed of: initials, vowels (from BF on), finals.
const INITIALS: [u8; 19] =
    [0xa1, 0xa2, 0xa4, 0xa7, 0xa8, 0xa9, 0xb1, 0xb2, 0xb3, 0xb5, 0xb6, 0xb7, 0xb8, 0xb9, 0xba, 0xbb, 0xbc, 0xbd, 0xbe];
const FINALS: [u8; 28] = [
    0xd4, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa9, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf, 0xb0, 0xb1, 0xb2, 0xb4,
    0xb5, 0xb6, 0xb7, 0xb8, 0xba, 0xbb, 0xbc, 0xbd, 0xbe,
];

fn one(n: usize, c: u32) -> Decoded {
    Decoded::Chars(n, [c, 0], 1)
}
fn found(n: usize, c: Option<[u32; 2]>) -> Decoded {
    match c {
        Some(c) => Decoded::Chars(n, c, if c[1] == 0 { 1 } else { 2 }),
        None => Decoded::Wrong(1),
    }
}
/// Appends a big-endian number without its leading zero bytes.
fn push(out: &mut Vec<u8>, n: u32) {
    let b = n.to_be_bytes();
    let skip = (n.leading_zeros() as usize / 8).min(3);
    out.extend_from_slice(&b[skip..]);
}

fn decode_table(name: &str, t: &Table, b: &[u8]) -> Decoded {
    let a = b[0];
    if a < 128 {
        let c = match a {
            b'\\' => t.backslash,
            b'~' => t.tilde,
            a => a as u32,
        };
        return one(1, c);
    }
    if let Some(c) = t.single(a) {
        return found(1, Some(c));
    }
    if t.wrong_alone(a) {
        return Decoded::Wrong(1);
    }
    let Some(&second) = b.get(1) else { return Decoded::Short };
    if a == 0x8f && name.starts_with("euc_j") {
        return match b.get(2) {
            Some(&third) => found(3, t.triple(second, third)),
            None => Decoded::Short,
        };
    }
    if name == "gb18030" && second.is_ascii_digit() {
        let [_, _, c, d, ..] = *b else { return Decoded::Short };
        if a < 0x81 || !(0x81..=0xfe).contains(&c) || !d.is_ascii_digit() {
            return Decoded::Wrong(1);
        }
        let low = (second - b'0') as u32 * 1260 + (c - 0x81) as u32 * 10 + (d - b'0') as u32;
        if a < 0x90 {
            let n = (a - 0x81) as u32 * 12600 + low;
            let run = tables::all().runs.iter().find(|r| r.0 <= n && n - r.0 < r.2);
            return run.map_or(Decoded::Wrong(1), |r| one(4, r.1 + (n - r.0)));
        }
        let c = 0x1_0000 + (a - 0x90) as u32 * 12600 + low;
        return if c <= 0x10_ffff { one(4, c) } else { Decoded::Wrong(1) };
    }
    if name == "euc_kr" && a == 0xa4 && second == 0xd4 {
        // A syllable of its letters.
        let [_, _, x, i, y, v, z, f, ..] = *b else { return Decoded::Short };
        let place = |list: &[u8], c: u8| list.iter().position(|l| *l == c);
        let vowel = v.checked_sub(0xbf).filter(|v| *v < 21);
        return match (place(&INITIALS, i), vowel, place(&FINALS, f)) {
            (Some(i), Some(v), Some(f)) if [x, y, z] == [0xa4; 3] => {
                one(8, 0xac00 + i as u32 * 588 + v as u32 * 28 + f as u32)
            }
            _ => Decoded::Wrong(1),
        };
    }
    // What the newer edition added is known to be wrong as a whole.
    if name == "euc_jisx0213"
        && t.double(a, second).is_none()
        && tables::table("euc_jis_2004").double(a, second).is_some()
    {
        return Decoded::Wrong(2);
    }
    found(2, t.double(a, second))
}

fn encode_table(name: &str, t: &Table, s: &[u32], flush: bool, out: &mut Vec<u8>) -> Encoded {
    let c = s[0];
    if c >= 128 && t.begins_pair(c) {
        match s.get(1) {
            Some(next) => {
                if let Some(n) = t.pair_bytes(c, *next) {
                    push(out, n);
                    return Encoded::Done(2);
                }
            }
            None if !flush => return Encoded::Short,
            None => {}
        }
    }
    if let Some(n) = t.bytes(c) {
        push(out, n);
        return Encoded::Done(1);
    }
    if name == "gb18030" && !(0xd800..0xe000).contains(&c) {
        let n = match c {
            0x1_0000.. => 189_000 + (c - 0x1_0000),
            _ => match tables::all().runs.iter().find(|r| r.1 <= c && c - r.1 < r.2) {
                Some(r) => r.0 + (c - r.1),
                None => return Encoded::Unknown,
            },
        };
        let digits = [n / 12600 + 0x81, n / 1260 % 10 + 0x30, n / 10 % 126 + 0x81, n % 10 + 0x30];
        out.extend(digits.map(|d| d as u8));
        return Encoded::Done(1);
    }
    if name == "euc_kr" && (0xac00..=0xd7a3).contains(&c) {
        let n = c - 0xac00;
        let (i, v, f) = (n / 588, n / 28 % 21, n % 28);
        out.extend([0xa4, 0xd4, 0xa4, INITIALS[i as usize], 0xa4, 0xbf + v as u8, 0xa4, FINALS[f as usize]]);
        return Encoded::Done(1);
    }
    Encoded::Unknown
}

fn decode_hz(state: &mut State, b: &[u8]) -> Decoded {
    let a = b[0];
    if a == b'~' {
        let Some(&second) = b.get(1) else { return Decoded::Short };
        return match (second, state[0]) {
            (b'~', 0) => one(2, a as u32),
            (b'{', 0) => {
                state[0] = 1;
                Decoded::Chars(2, [0; 2], 0)
            }
            (b'\n', 0) => Decoded::Chars(2, [0; 2], 0),
            (b'}', 1) => {
                state[0] = 0;
                Decoded::Chars(2, [0; 2], 0)
            }
            _ => Decoded::Wrong(1),
        };
    }
    if a & 128 != 0 {
        return Decoded::Wrong(1);
    }
    if state[0] == 0 {
        return one(1, a as u32);
    }
    match b.get(1) {
        None => Decoded::Short,
        Some(&second) if second & 128 != 0 => Decoded::Wrong(1),
        Some(&second) => found(2, tables::table("gb2312").double(a | 128, second | 128)),
    }
}

fn encode_hz(state: &mut State, c: u32, out: &mut Vec<u8>) -> Encoded {
    if c < 128 {
        if state[0] != 0 {
            out.extend(b"~}");
            state[0] = 0;
        }
        if c == b'~' as u32 {
            out.push(b'~');
        }
        out.push(c as u8);
        return Encoded::Done(1);
    }
    match tables::table("gb2312").bytes(c) {
        None => Encoded::Unknown,
        Some(n) => {
            if state[0] == 0 {
                out.extend(b"~{");
                state[0] = 1;
            }
            push(out, n & 0x7f7f);
            Encoded::Done(1)
        }
    }
}

/// ISO 8859-7 of the version that JUNET used: the letters and a few signs.
fn greek(b: u8) -> Option<u32> {
    Some(match b {
        0xa0 | 0xa3 | 0xa6..=0xa9 | 0xab..=0xad | 0xb0..=0xb3 | 0xb7 | 0xbb | 0xbd => b as u32,
        0xa1 => 0x2018,
        0xa2 => 0x2019,
        0xaf => 0x2015,
        0xb4..=0xb6 | 0xb8..=0xba | 0xbc | 0xbe..=0xd1 | 0xd3..=0xfe => b as u32 + 0x2d0,
        _ => return None,
    })
}

/// Whether a row is one of the second plane of JIS X 0213; EUC has the rows of JIS X 0212 between them.
fn of_plane_two(first: u8) -> bool {
    matches!((first & 0x7f).wrapping_sub(0x20), 1 | 3..=5 | 8 | 12..=15 | 78..=94)
}

impl What {
    /// The character of one or two 7-bit bytes.
    fn decode(self, b: &[u8]) -> Option<[u32; 2]> {
        let (a, second) = (b[0], b.get(1).copied().unwrap_or(0));
        if a < 0x21 || a > 0x7e {
            return None;
        }
        let (high, high2) = (a | 128, second | 128);
        let euc = |name: &str| tables::table(name).double(high, high2);
        match self {
            What::JisRoman => Some([
                match a {
                    b'\\' => 0xa5,
                    b'~' => 0x203e,
                    a => a as u32,
                },
                0,
            ]),
            What::JisKana => (a <= 0x5f).then(|| [a as u32 + 0xff40, 0]),
            // The set itself has a plain backslash where EUC has the wide one.
            What::Jis208 if (a, second) == (0x21, 0x40) => Some([0xff3c, 0]),
            What::Jis208 => euc("euc_jp"),
            What::Jis212 => tables::table("euc_jp").triple(high, high2),
            What::Jis213One(new) => euc(if new { "euc_jis_2004" } else { "euc_jisx0213" }),
            What::Jis213Two(new) if of_plane_two(a) => {
                tables::table(if new { "euc_jis_2004" } else { "euc_jisx0213" }).triple(high, high2)
            }
            What::Jis213Two(_) => None,
            What::Ksc5601 => euc("euc_kr"),
            What::Gb2312 => euc("gb2312"),
            What::Latin1 => Some([high as u32, 0]),
            What::Greek => greek(high).map(|c| [c, 0]),
        }
    }
    fn width(self) -> usize {
        match self {
            What::JisRoman | What::JisKana | What::Latin1 | What::Greek => 1,
            _ => 2,
        }
    }
    /// The 7-bit bytes of a character.
    fn encode(self, c: u32) -> Option<u16> {
        let two = |name: &str| {
            let n = tables::table(name).bytes(c).filter(|n| (0x8080..0x1_0000).contains(n) && n >> 8 != 0x8e);
            n.map(|n| n as u16 & 0x7f7f)
        };
        let three = |name: &str| {
            let n = tables::table(name).bytes(c).filter(|n| n >> 16 == 0x8f);
            n.map(|n| n as u16 & 0x7f7f)
        };
        let planes = |new: bool| if new { "euc_jis_2004" } else { "euc_jisx0213" };
        match self {
            What::JisRoman => match c {
                0xa5 => Some(b'\\' as u16),
                0x203e => Some(b'~' as u16),
                _ => None,
            },
            What::JisKana => (0xff61..=0xff9f).contains(&c).then(|| (c - 0xff40) as u16),
            What::Jis208 if c == 0xff3c => Some(0x2140),
            What::Jis208 => two("euc_jp"),
            What::Jis212 => three("euc_jp"),
            // EUC has this one from elsewhere.
            What::Jis213One(_) if c == 0xff5e => None,
            What::Jis213One(new) => two(planes(new)),
            What::Jis213Two(new) => three(planes(new)).filter(|n| of_plane_two((n >> 8) as u8)),
            What::Ksc5601 => two("euc_kr"),
            What::Gb2312 => two("gb2312"),
            What::Latin1 | What::Greek => None,
        }
    }
}

// The bytes of an ISO 2022 state.
const G1: usize = 1;
const G2: usize = 2;
const FLAGS: usize = 4;
const SHIFTED: u8 = 1;
const ESC_THROUGH: u8 = 2;
const ASCII: u8 = b'B';

/// An escape sequence at the start of `b`: its effect, or its length when it means nothing.
fn escape(state: &mut State, sets: &[Set], flags: u8, b: &[u8]) -> Decoded {
    // A revision of JIS X 0208 is announced before the set.
    if b.starts_with(b"\x1b&@\x1b$B") && sets.iter().any(|s| s.mark == b'B' | 128) {
        state[0] = b'B' | 128;
        return Decoded::Chars(6, [0; 2], 0);
    }
    if b.len() < 6 && b"\x1b&@\x1b$B".starts_with(b) {
        return Decoded::Short;
    }
    // The sequence ends with a capital letter or @.
    let mut end = None;
    for i in 1..16 {
        match b.get(i) {
            None => return Decoded::Short,
            Some(b'A'..=b'Z' | b'@') => {
                end = Some(i + 1);
                break;
            }
            Some(_) => {}
        }
    }
    let Some(n) = end else { return Decoded::Wrong(1) };
    let (slot, mark) = match &b[1..n] {
        [b'(', m] => (0, *m),
        [b')', m] => (1, *m),
        [b'.', m] if flags & USE_G2 != 0 => (2, *m),
        [b'$', m @ (b'@' | b'A' | b'B')] => (0, *m | 128),
        [b'$', b'(', m] => (0, *m | 128),
        [b'$', b')', m] => (1, *m | 128),
        _ => return Decoded::Wrong(n),
    };
    if mark != ASCII && !sets.iter().any(|s| s.mark == mark) {
        return Decoded::Wrong(n);
    }
    state[slot] = mark;
    Decoded::Chars(n, [0; 2], 0)
}

fn decode_iso(state: &mut State, sets: &[Set], flags: u8, b: &[u8]) -> Decoded {
    const ESC: u8 = 0x1b;
    let a = b[0];
    if state[FLAGS] & ESC_THROUGH != 0 {
        if matches!(a, b'A'..=b'Z' | b'@') {
            state[FLAGS] &= !ESC_THROUGH;
        }
        return one(1, a as u32);
    }
    match a {
        ESC => {
            let Some(&second) = b.get(1) else { return Decoded::Short };
            if matches!(second, b'(' | b')' | b'$' | b'.' | b'&') {
                return escape(state, sets, flags, b);
            }
            if flags & USE_G2 != 0 && second == b'N' {
                let Some(&third) = b.get(2) else { return Decoded::Short };
                let what = match state[G2] {
                    b'A' => What::Latin1,
                    b'F' => What::Greek,
                    _ => return Decoded::Wrong(3),
                };
                return match what.decode(&[third]) {
                    Some(c) => one(3, c[0]),
                    None => Decoded::Wrong(3),
                };
            }
            state[FLAGS] |= ESC_THROUGH;
            return one(1, ESC as u32);
        }
        0x0f if flags & NO_SHIFT == 0 => {
            state[FLAGS] &= !SHIFTED;
            return Decoded::Chars(1, [0; 2], 0);
        }
        0x0e if flags & NO_SHIFT == 0 => {
            state[FLAGS] |= SHIFTED;
            return Decoded::Chars(1, [0; 2], 0);
        }
        b'\n' => {
            state[FLAGS] &= !SHIFTED;
            return one(1, a as u32);
        }
        0..0x20 => return one(1, a as u32),
        0x80.. => return Decoded::Wrong(1),
        _ => {}
    }
    let mark = if state[FLAGS] & SHIFTED != 0 { state[G1] } else { state[0] };
    if mark == ASCII {
        return one(1, a as u32);
    }
    let Some(set) = sets.iter().find(|s| s.mark == mark) else { return Decoded::Wrong(1) };
    let n = set.what.width();
    if b.len() < n {
        return Decoded::Short;
    }
    match set.what.decode(&b[..n]) {
        Some(c) => Decoded::Chars(n, c, if c[1] == 0 { 1 } else { 2 }),
        None => Decoded::Wrong(n),
    }
}

fn to_ascii(state: &mut State, out: &mut Vec<u8>) {
    if state[FLAGS] & SHIFTED != 0 {
        out.push(0x0f);
        state[FLAGS] &= !SHIFTED;
    }
    if state[0] != ASCII {
        out.extend(b"\x1b(B");
        state[0] = ASCII;
    }
}

fn encode_iso(state: &mut State, sets: &[Set], s: &[u32], flush: bool, out: &mut Vec<u8>) -> Encoded {
    let c = s[0];
    if c < 128 {
        to_ascii(state, out);
        out.push(c as u8);
        return Encoded::Done(1);
    }
    // A pair comes before its first half.
    let mut pair = None;
    if let Some((set, new)) = sets.iter().find_map(|s| match s.what {
        What::Jis213One(new) => Some((s, new)),
        _ => None,
    }) {
        let t = tables::table(if new { "euc_jis_2004" } else { "euc_jisx0213" });
        if t.begins_pair(c) {
            match s.get(1) {
                Some(next) => pair = t.pair_bytes(c, *next).map(|n| (set, n as u16 & 0x7f7f, 2)),
                None if !flush => return Encoded::Short,
                None => {}
            }
        }
    }
    let single = || sets.iter().find_map(|set| set.what.encode(c).map(|bytes| (set, bytes, 1)));
    if let Some((set, bytes, n)) = pair.or_else(single) {
        let double = set.mark & 128 != 0;
        let end = set.mark & 127;
        if set.slot == 0 {
            if state[FLAGS] & SHIFTED != 0 {
                out.push(0x0f);
                state[FLAGS] &= !SHIFTED;
            }
            if state[0] != set.mark {
                match (double, end) {
                    (false, _) => out.extend([0x1b, b'(', end]),
                    (true, b'@' | b'B') => out.extend([0x1b, b'$', end]),
                    (true, _) => out.extend([0x1b, b'$', b'(', end]),
                }
                state[0] = set.mark;
            }
        } else {
            if state[G1] != set.mark {
                out.extend([0x1b, b'$', b')', end]);
                state[G1] = set.mark;
            }
            if state[FLAGS] & SHIFTED == 0 {
                out.push(0x0e);
                state[FLAGS] |= SHIFTED;
            }
        }
        if double {
            out.extend(bytes.to_be_bytes());
        } else {
            out.push(bytes as u8);
        }
        return Encoded::Done(n);
    }
    Encoded::Unknown
}

impl Codec {
    fn table_of(&self) -> Option<&'static Table> {
        match self.kind {
            Kind::Table(name) => Some(tables::table(name)),
            _ => None,
        }
    }
    /// The state at the beginning of a text.
    pub fn start(&self) -> State {
        match self.kind {
            Kind::Iso2022(..) => [ASCII, ASCII, 0, 0, 0, 0, 0, 0],
            _ => [0; 8],
        }
    }
    /// Decodes what `b`, which is not empty, begins with.
    pub fn decode(&self, state: &mut State, b: &[u8]) -> Decoded {
        match (&self.kind, self.table_of()) {
            (Kind::Table(name), Some(t)) => decode_table(name, t, b),
            (Kind::Iso2022(sets, flags), _) => decode_iso(state, sets, *flags, b),
            _ => decode_hz(state, b),
        }
    }
    /// Encodes what `s`, which is not empty, begins with.
    pub fn encode(&self, state: &mut State, s: &[u32], flush: bool, out: &mut Vec<u8>) -> Encoded {
        match (&self.kind, self.table_of()) {
            (Kind::Table(name), Some(t)) => encode_table(name, t, s, flush, out),
            (Kind::Iso2022(sets, _), _) => encode_iso(state, sets, s, flush, out),
            _ => encode_hz(state, s[0], out),
        }
    }
    /// Ends a text: back to ASCII.
    pub fn end(&self, state: &mut State, out: &mut Vec<u8>) {
        match self.kind {
            Kind::Iso2022(..) => to_ascii(state, out),
            Kind::Hz if state[0] != 0 => {
                out.extend(b"~}");
                state[0] = 0;
            }
            _ => {}
        }
    }
}

/// The codec of a name.
pub fn find(name: &str, module: &str) -> Option<&'static Codec> {
    CODECS.iter().find(|c| c.name == name && c.module == module)
}
