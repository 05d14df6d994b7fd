//! Compiled patterns: the code that `re._compiler` emits, translated into instructions of our own.
//!
//! Translation resolves what can be known beforehand: character sets become bitmaps of the first 256 characters, runs of
//! literals become strings, branches know which characters they can begin with, and the whole pattern knows a literal prefix
//! or a set of first characters to search for.

use runtime::objects::unicode::ucd;

pub const MAXREPEAT: u32 = u32::MAX;

/// Opcodes, in the order of `re._constants`.
#[allow(dead_code)]
#[rustfmt::skip]
mod op {
    pub const FAILURE: u32 = 0; pub const SUCCESS: u32 = 1; pub const ANY: u32 = 2; pub const ANY_ALL: u32 = 3; pub const ASSERT: u32 = 4;
    pub const ASSERT_NOT: u32 = 5; pub const AT: u32 = 6; pub const BRANCH: u32 = 7; pub const CATEGORY: u32 = 8; pub const CHARSET: u32 = 9;
    pub const BIGCHARSET: u32 = 10; pub const GROUPREF: u32 = 11; pub const GROUPREF_EXISTS: u32 = 12; pub const IN: u32 = 13;
    pub const INFO: u32 = 14; pub const JUMP: u32 = 15; pub const LITERAL: u32 = 16; pub const MARK: u32 = 17; pub const MAX_UNTIL: u32 = 18;
    pub const MIN_UNTIL: u32 = 19; pub const NOT_LITERAL: u32 = 20; pub const NEGATE: u32 = 21; pub const RANGE: u32 = 22;
    pub const REPEAT: u32 = 23; pub const REPEAT_ONE: u32 = 24; pub const SUBPATTERN: u32 = 25; pub const MIN_REPEAT_ONE: u32 = 26;
    pub const ATOMIC_GROUP: u32 = 27; pub const POSSESSIVE_REPEAT: u32 = 28; pub const POSSESSIVE_REPEAT_ONE: u32 = 29;
    pub const GROUPREF_IGNORE: u32 = 30; pub const IN_IGNORE: u32 = 31; pub const LITERAL_IGNORE: u32 = 32;
    pub const NOT_LITERAL_IGNORE: u32 = 33; pub const GROUPREF_LOC_IGNORE: u32 = 34; pub const IN_LOC_IGNORE: u32 = 35;
    pub const LITERAL_LOC_IGNORE: u32 = 36; pub const NOT_LITERAL_LOC_IGNORE: u32 = 37; pub const GROUPREF_UNI_IGNORE: u32 = 38;
    pub const IN_UNI_IGNORE: u32 = 39; pub const LITERAL_UNI_IGNORE: u32 = 40; pub const NOT_LITERAL_UNI_IGNORE: u32 = 41;
    pub const RANGE_UNI_IGNORE: u32 = 42;
}
use op::*;

/// How characters are folded before a comparison.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fold {
    None,
    Ascii,
    Unicode,
    Locale,
}

#[inline]
pub fn lower_ascii(c: u32) -> u32 {
    if c < 128 { (c as u8).to_ascii_lowercase() as u32 } else { c }
}

pub fn lower_locale(c: u32) -> u32 {
    // SAFETY: a value of the range of unsigned char.
    if c < 256 { unsafe { libc::tolower(c as i32) as u32 } } else { c }
}

fn upper_locale(c: u32) -> u32 {
    // SAFETY: as above.
    if c < 256 { unsafe { libc::toupper(c as i32) as u32 } } else { c }
}

#[inline]
pub fn fold(c: u32, f: Fold) -> u32 {
    match f {
        Fold::None => c,
        Fold::Ascii => lower_ascii(c),
        Fold::Unicode => {
            if c < 128 {
                lower_ascii(c)
            } else {
                ucd::to_lower(c)
            }
        }
        Fold::Locale => lower_locale(c),
    }
}

/// Matches one character.
#[derive(Clone, Copy, Debug)]
pub enum Matcher {
    Lit(u32),
    NotLit(u32),
    /// All but a line feed.
    Any,
    AnyAll,
    Set(u32),
    LitFold(u32, Fold),
    NotLitFold(u32, Fold),
    Never,
}

/// One element of a set.
#[derive(Debug)]
enum Item {
    Lit(u32),
    Range(u32, u32),
    RangeUniIgnore(u32, u32),
    Category(u32),
    /// 256 bits.
    Bitmap([u32; 8]),
    Big {
        map: Vec<u8>,
        chunks: Vec<u32>,
    },
    Negate,
}

/// A character set.
#[derive(Debug)]
pub struct Set {
    /// The answer for the first 256 characters (not for sets that depend on the locale).
    pub bits: [u64; 4],
    items: Vec<Item>,
    fold: Fold,
    /// The locale decides: ask every time.
    dynamic: bool,
}

pub fn is_word_unicode(c: u32) -> bool {
    c == '_' as u32 || if c < 128 { (c as u8).is_ascii_alphanumeric() } else { ucd::is_alnum(c) }
}
pub fn is_word_ascii(c: u32) -> bool {
    c < 128 && ((c as u8).is_ascii_alphanumeric() || c == '_' as u32)
}
pub fn is_word_locale(c: u32) -> bool {
    // SAFETY: a value of the range of unsigned char.
    c < 256 && (c == '_' as u32 || unsafe { libc::isalnum(c as i32) != 0 })
}

fn category(cat: u32, c: u32) -> bool {
    let ascii_space = matches!(c, 9..=13 | 32);
    match cat {
        0 => (48..58).contains(&c),
        1 => !(48..58).contains(&c),
        2 => ascii_space,
        3 => !ascii_space,
        4 => is_word_ascii(c),
        5 => !is_word_ascii(c),
        6 => c == 10,
        7 => c != 10,
        8 => is_word_locale(c),
        9 => !is_word_locale(c),
        10 => ucd::decimal_value(c).is_some(),
        11 => ucd::decimal_value(c).is_none(),
        12 => ucd::is_space(c),
        13 => !ucd::is_space(c),
        14 => is_word_unicode(c),
        15 => !is_word_unicode(c),
        16 => ucd::is_linebreak(c),
        _ => !ucd::is_linebreak(c),
    }
}

impl Set {
    fn eval(&self, c: u32) -> bool {
        if self.dynamic && self.fold == Fold::Locale {
            let (lo, up) = (lower_locale(c), upper_locale(c));
            if matches!(self.items.first(), Some(Item::Negate)) {
                return self.eval_plain(lo) && self.eval_plain(up);
            }
            return self.eval_plain(lo) || up != lo && self.eval_plain(up);
        }
        self.eval_plain(fold(c, self.fold))
    }
    fn eval_plain(&self, c: u32) -> bool {
        let mut yes = true;
        for it in &self.items {
            let hit = match it {
                Item::Lit(l) => c == *l,
                Item::Range(a, b) => (*a..=*b).contains(&c),
                Item::RangeUniIgnore(a, b) => (*a..=*b).contains(&c) || (*a..=*b).contains(&ucd::to_upper(c)),
                Item::Category(k) => category(*k, c),
                Item::Bitmap(b) => c < 256 && b[c as usize >> 5] >> (c & 31) & 1 != 0,
                Item::Big { map, chunks } => {
                    c < 65536 && {
                        let i = map[c as usize >> 8] as usize * 256 + (c as usize & 255);
                        chunks[i >> 5] >> (i & 31) & 1 != 0
                    }
                }
                Item::Negate => {
                    yes = !yes;
                    false
                }
            };
            if hit {
                return yes;
            }
        }
        !yes
    }
    #[inline(always)]
    pub fn matches(&self, c: u32) -> bool {
        if c < 256 && !self.dynamic { self.bits[c as usize >> 6] >> (c & 63) & 1 != 0 } else { self.eval(c) }
    }
}

/// What an alternative or a pattern can begin with: a superset.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct First {
    pub bits: [u64; 4],
    /// Characters from 256 on are possible.
    pub wide: bool,
    /// It may match without a character (then nothing is known).
    pub empty: bool,
}

impl First {
    pub const ALL: First = First { bits: [u64::MAX; 4], wide: true, empty: true };
    const NONE: First = First { bits: [0; 4], wide: false, empty: false };
    fn union(self, o: First) -> First {
        First {
            bits: core::array::from_fn(|i| self.bits[i] | o.bits[i]),
            wide: self.wide | o.wide,
            empty: self.empty | o.empty,
        }
    }
    #[inline(always)]
    pub fn admits(&self, c: u32) -> bool {
        if c < 256 { self.bits[c as usize >> 6] >> (c & 63) & 1 != 0 } else { self.wide }
    }
    fn add(&mut self, c: u32) {
        if c < 256 { self.bits[c as usize >> 6] |= 1 << (c & 63) } else { self.wide = true }
    }
}

#[derive(Clone, Copy, Debug)]
pub enum Inst {
    Success,
    Fail,
    Lit(u32),
    /// A run of literals in `Program::text`.
    Text {
        at: u32,
        len: u32,
    },
    One(Matcher),
    At(u32),
    Mark(u32),
    Jump(u32),
    /// Alternatives `from..to` of `Program::alts`.
    Branch {
        from: u32,
        to: u32,
    },
    RepeatOne(u32),
    MinRepeatOne(u32),
    PossessiveRepeatOne(u32),
    /// Enters loop `id`, whose until-instruction is at `until`.
    Repeat {
        id: u32,
        until: u32,
    },
    MaxUntil {
        id: u32,
    },
    MinUntil {
        id: u32,
    },
    PossessiveRepeat {
        id: u32,
        next: u32,
    },
    Atomic {
        next: u32,
    },
    Assert {
        back: u32,
        next: u32,
    },
    AssertNot {
        back: u32,
        next: u32,
    },
    GroupRef {
        group: u32,
        fold: Fold,
    },
    GroupExists {
        group: u32,
        no: u32,
    },
}

/// A repeated single character.
#[derive(Debug)]
pub struct RepOne {
    pub m: Matcher,
    pub min: usize,
    pub max: usize,
    /// The literal that must follow.
    pub lit: Option<u32>,
}

/// A loop over more than a character.
#[derive(Debug)]
pub struct Loop {
    pub min: usize,
    pub max: usize,
    pub body: u32,
}

#[derive(Debug)]
pub struct Alt {
    pub first: First,
    pub pc: u32,
}

#[derive(Debug, Default)]
pub struct Program {
    pub insts: Vec<Inst>,
    pub sets: Vec<Set>,
    pub text: Vec<u32>,
    pub alts: Vec<Alt>,
    pub reps: Vec<RepOne>,
    pub loops: Vec<Loop>,
    /// Every match is at least this long.
    pub min_width: usize,
    /// Every match begins with these.
    pub prefix: Vec<u32>,
    /// The prefix is the whole pattern, and there are no groups.
    pub literal: bool,
    pub first: Option<First>,
    /// Matches only at the beginning of the string.
    pub anchored: bool,
}

/// The code is not what the compiler emits.
#[derive(Debug)]
pub struct BadCode;
type R<T> = Result<T, BadCode>;

struct Translator<'a> {
    code: &'a [u32],
    p: Program,
    groups: u32,
    depth: u32,
}

/// Translates code for a pattern with `groups` groups.
pub fn translate(code: &[u32], groups: u32) -> R<Program> {
    let mut t = Translator { code, p: Program::default(), groups, depth: 0 };
    let mut at = 0;
    if code.first() == Some(&INFO) {
        at = 1 + t.get(1)? as usize;
        t.info(at)?;
    }
    let end = t.block(at, code.len(), false)?;
    if end != code.len() || !matches!(t.p.insts.last(), Some(Inst::Success)) {
        return Err(BadCode);
    }
    let n = t.p.insts.len();
    for i in 0..n {
        t.lookahead(i);
    }
    for i in 0..t.p.alts.len() {
        let mut budget = 200;
        let f = t.first(t.p.alts[i].pc as usize, &mut budget);
        t.p.alts[i].first = f;
    }
    let mut budget = 1000;
    let f = t.first(0, &mut budget);
    if !f.empty && (f.bits != [u64::MAX; 4] || !f.wide) && t.p.min_width > 0 {
        t.p.first = Some(f);
    }
    let mut k = 0;
    while let Some(Inst::Mark(_)) = t.p.insts.get(k) {
        k += 1;
    }
    t.p.anchored = matches!(t.p.insts.get(k), Some(Inst::At(0 | 2)));
    Ok(t.p)
}

impl Translator<'_> {
    fn get(&self, i: usize) -> R<u32> {
        self.code.get(i).copied().ok_or(BadCode)
    }

    fn info(&mut self, end: usize) -> R<()> {
        let flags = self.get(2)?;
        self.p.min_width = self.get(3)? as usize;
        if flags & 1 != 0 {
            let n = self.get(5)? as usize;
            let from = 7;
            if from + n > end {
                return Err(BadCode);
            }
            self.p.prefix = self.code.get(from..from + n).ok_or(BadCode)?.to_vec();
            self.p.literal = flags & 2 != 0 && self.groups == 0;
        }
        Ok(())
    }

    fn set(&mut self, mut i: usize, end: usize, fold: Fold) -> R<u32> {
        let mut items = Vec::new();
        let mut dynamic = fold == Fold::Locale;
        loop {
            if i >= end {
                return Err(BadCode);
            }
            match self.get(i)? {
                FAILURE => break,
                NEGATE => {
                    items.push(Item::Negate);
                    i += 1;
                }
                LITERAL => {
                    items.push(Item::Lit(self.get(i + 1)?));
                    i += 2;
                }
                RANGE => {
                    items.push(Item::Range(self.get(i + 1)?, self.get(i + 2)?));
                    i += 3;
                }
                RANGE_UNI_IGNORE => {
                    items.push(Item::RangeUniIgnore(self.get(i + 1)?, self.get(i + 2)?));
                    i += 3;
                }
                CATEGORY => {
                    let k = self.get(i + 1)?;
                    dynamic |= k == 8 || k == 9;
                    items.push(Item::Category(k));
                    i += 2;
                }
                CHARSET => {
                    let b = self.code.get(i + 1..i + 9).ok_or(BadCode)?;
                    items.push(Item::Bitmap(b.try_into().map_err(|_| BadCode)?));
                    i += 9;
                }
                BIGCHARSET => {
                    let n = self.get(i + 1)? as usize;
                    let map: Vec<u8> =
                        self.code.get(i + 2..i + 66).ok_or(BadCode)?.iter().flat_map(|w| w.to_ne_bytes()).collect();
                    let chunks = self.code.get(i + 66..i + 66 + n * 8).ok_or(BadCode)?.to_vec();
                    if map.iter().any(|&m| m as usize >= n) {
                        return Err(BadCode);
                    }
                    items.push(Item::Big { map, chunks });
                    i += 66 + n * 8;
                }
                _ => return Err(BadCode),
            }
        }
        let mut s = Set { bits: [0; 4], items, fold, dynamic };
        if !dynamic {
            for c in 0..256u32 {
                if s.eval(c) {
                    s.bits[c as usize >> 6] |= 1 << (c & 63);
                }
            }
        }
        self.p.sets.push(s);
        Ok(self.p.sets.len() as u32 - 1)
    }

    /// The matcher at `i`, if a single-character operator is there; with the index after it.
    fn single(&mut self, i: usize) -> R<Option<(Matcher, usize)>> {
        let c = self.get(i)?;
        let arg = |t: &Self| t.get(i + 1);
        Ok(Some(match c {
            ANY => (Matcher::Any, i + 1),
            ANY_ALL => (Matcher::AnyAll, i + 1),
            LITERAL => (Matcher::Lit(arg(self)?), i + 2),
            NOT_LITERAL => (Matcher::NotLit(arg(self)?), i + 2),
            LITERAL_IGNORE => (Matcher::LitFold(arg(self)?, Fold::Ascii), i + 2),
            LITERAL_UNI_IGNORE => (Matcher::LitFold(arg(self)?, Fold::Unicode), i + 2),
            LITERAL_LOC_IGNORE => (Matcher::LitFold(arg(self)?, Fold::Locale), i + 2),
            NOT_LITERAL_IGNORE => (Matcher::NotLitFold(arg(self)?, Fold::Ascii), i + 2),
            NOT_LITERAL_UNI_IGNORE => (Matcher::NotLitFold(arg(self)?, Fold::Unicode), i + 2),
            NOT_LITERAL_LOC_IGNORE => (Matcher::NotLitFold(arg(self)?, Fold::Locale), i + 2),
            IN | IN_IGNORE | IN_UNI_IGNORE | IN_LOC_IGNORE => {
                let f = match c {
                    IN => Fold::None,
                    IN_IGNORE => Fold::Ascii,
                    IN_UNI_IGNORE => Fold::Unicode,
                    _ => Fold::Locale,
                };
                let end = i + 1 + arg(self)? as usize;
                (Matcher::Set(self.set(i + 2, end, f)?), end)
            }
            CATEGORY => {
                let k = arg(self)?;
                let mut s =
                    Set { bits: [0; 4], items: vec![Item::Category(k)], fold: Fold::None, dynamic: k == 8 || k == 9 };
                if !s.dynamic {
                    (0..256u32).filter(|&c| category(k, c)).for_each(|c| s.bits[c as usize >> 6] |= 1 << (c & 63));
                }
                self.p.sets.push(s);
                (Matcher::Set(self.p.sets.len() as u32 - 1), i + 2)
            }
            _ => return Ok(None),
        }))
    }

    fn push(&mut self, i: Inst) -> usize {
        self.p.insts.push(i);
        self.p.insts.len() - 1
    }

    fn here(&self) -> u32 {
        self.p.insts.len() as u32
    }

    /// Translates `code[i..end]`; gives where it stopped. `inner`: stops after the SUCCESS that ends a sub-pattern.
    fn block(&mut self, mut i: usize, end: usize, inner: bool) -> R<usize> {
        self.depth += 1;
        if self.depth > 500 || end > self.code.len() {
            return Err(BadCode);
        }
        while i < end {
            let c = self.get(i)?;
            if c == LITERAL {
                let mut run = Vec::new();
                while i + 1 < end && self.get(i)? == LITERAL {
                    run.push(self.get(i + 1)?);
                    i += 2;
                }
                if run.len() == 1 {
                    self.push(Inst::Lit(run[0]));
                } else {
                    let at = self.p.text.len() as u32;
                    let len = run.len() as u32;
                    self.p.text.extend(run);
                    self.push(Inst::Text { at, len });
                }
                continue;
            }
            if let Some((m, next)) = self.single(i)? {
                self.push(Inst::One(m));
                i = next;
                continue;
            }
            match c {
                SUCCESS => {
                    self.push(Inst::Success);
                    i += 1;
                    if inner {
                        break;
                    }
                }
                FAILURE => {
                    self.push(Inst::Fail);
                    i += 1;
                }
                AT => {
                    let k = self.get(i + 1)?;
                    if k > 11 {
                        return Err(BadCode);
                    }
                    self.push(Inst::At(k));
                    i += 2;
                }
                MARK => {
                    let k = self.get(i + 1)?;
                    if k >= self.groups * 2 {
                        return Err(BadCode);
                    }
                    self.push(Inst::Mark(k));
                    i += 2;
                }
                BRANCH => i = self.branch(i + 1, end)?,
                REPEAT_ONE | MIN_REPEAT_ONE | POSSESSIVE_REPEAT_ONE => {
                    let next = i + 1 + self.get(i + 1)? as usize;
                    let (min, max) = (self.get(i + 2)? as usize, self.get(i + 3)?);
                    let max = if max == MAXREPEAT { usize::MAX } else { max as usize };
                    if min > max {
                        return Err(BadCode);
                    }
                    let m = match self.get(i + 4)? {
                        FAILURE => Matcher::Never,
                        _ => self.single(i + 4)?.ok_or(BadCode)?.0,
                    };
                    self.p.reps.push(RepOne { m, min, max, lit: None });
                    let k = self.p.reps.len() as u32 - 1;
                    self.push(match c {
                        REPEAT_ONE => Inst::RepeatOne(k),
                        MIN_REPEAT_ONE => Inst::MinRepeatOne(k),
                        _ => Inst::PossessiveRepeatOne(k),
                    });
                    i = next;
                }
                REPEAT => {
                    let until = i + 1 + self.get(i + 1)? as usize;
                    let (min, max) = (self.get(i + 2)? as usize, self.get(i + 3)?);
                    let id = self.p.loops.len();
                    self.p.loops.push(Loop {
                        min,
                        max: if max == MAXREPEAT { usize::MAX } else { max as usize },
                        body: 0,
                    });
                    let r = self.push(Inst::Fail);
                    self.p.loops[id].body = self.here();
                    if self.block(i + 4, until, false)? != until {
                        return Err(BadCode);
                    }
                    let u = match self.get(until)? {
                        MAX_UNTIL => self.push(Inst::MaxUntil { id: id as u32 }),
                        MIN_UNTIL => self.push(Inst::MinUntil { id: id as u32 }),
                        _ => return Err(BadCode),
                    };
                    self.p.insts[r] = Inst::Repeat { id: id as u32, until: u as u32 };
                    i = until + 1;
                }
                POSSESSIVE_REPEAT => {
                    // The end of the body is a SUCCESS after the skip.
                    let until = i + 1 + self.get(i + 1)? as usize;
                    let (min, max) = (self.get(i + 2)? as usize, self.get(i + 3)?);
                    let id = self.p.loops.len();
                    self.p.loops.push(Loop {
                        min,
                        max: if max == MAXREPEAT { usize::MAX } else { max as usize },
                        body: 0,
                    });
                    let r = self.push(Inst::Fail);
                    self.p.loops[id].body = self.here();
                    if self.block(i + 4, until, false)? != until || self.get(until)? != SUCCESS {
                        return Err(BadCode);
                    }
                    self.push(Inst::Success);
                    self.p.insts[r] = Inst::PossessiveRepeat { id: id as u32, next: self.here() };
                    i = until + 1;
                }
                ATOMIC_GROUP => {
                    let next = i + 1 + self.get(i + 1)? as usize;
                    let r = self.push(Inst::Fail);
                    if self.block(i + 2, next, true)? != next {
                        return Err(BadCode);
                    }
                    self.p.insts[r] = Inst::Atomic { next: self.here() };
                    i = next;
                }
                ASSERT | ASSERT_NOT => {
                    let next = i + 1 + self.get(i + 1)? as usize;
                    let back = self.get(i + 2)?;
                    let r = self.push(Inst::Fail);
                    if self.block(i + 3, next, true)? != next {
                        return Err(BadCode);
                    }
                    let n = self.here();
                    self.p.insts[r] =
                        if c == ASSERT { Inst::Assert { back, next: n } } else { Inst::AssertNot { back, next: n } };
                    i = next;
                }
                GROUPREF | GROUPREF_IGNORE | GROUPREF_UNI_IGNORE | GROUPREF_LOC_IGNORE => {
                    let group = self.get(i + 1)?;
                    if group >= self.groups {
                        return Err(BadCode);
                    }
                    let fold = match c {
                        GROUPREF => Fold::None,
                        GROUPREF_IGNORE => Fold::Ascii,
                        GROUPREF_UNI_IGNORE => Fold::Unicode,
                        _ => Fold::Locale,
                    };
                    self.push(Inst::GroupRef { group, fold });
                    i += 2;
                }
                GROUPREF_EXISTS => i = self.conditional(i, end)?,
                INFO => i += 1 + self.get(i + 1)? as usize,
                _ => return Err(BadCode),
            }
        }
        self.depth -= 1;
        Ok(i)
    }

    fn branch(&mut self, mut i: usize, end: usize) -> R<usize> {
        let b = self.push(Inst::Fail);
        let mut pcs = Vec::new();
        let mut jumps = Vec::new();
        let mut after = None;
        loop {
            let skip = self.get(i)? as usize;
            if skip == 0 {
                break;
            }
            let stop = i + skip;
            // An alternative ends with JUMP and its distance.
            if stop < i + 3 || stop > end || self.get(stop - 2)? != JUMP {
                return Err(BadCode);
            }
            pcs.push(self.here());
            if self.block(i + 1, stop - 2, false)? != stop - 2 {
                return Err(BadCode);
            }
            jumps.push(self.push(Inst::Jump(0)));
            after = Some(stop - 1 + self.get(stop - 1)? as usize);
            i = stop;
        }
        let n = self.here();
        for j in jumps {
            self.p.insts[j] = Inst::Jump(n);
        }
        let from = self.p.alts.len() as u32;
        self.p.alts.extend(pcs.into_iter().map(|pc| Alt { first: First::ALL, pc }));
        self.p.insts[b] = Inst::Branch { from, to: self.p.alts.len() as u32 };
        // `i` is at the zero that ends the list.
        if after.is_some_and(|a| a != i + 1) {
            return Err(BadCode);
        }
        Ok(i + 1)
    }

    fn conditional(&mut self, i: usize, end: usize) -> R<usize> {
        let group = self.get(i + 1)?;
        if group >= self.groups {
            return Err(BadCode);
        }
        let no = i + 2 + self.get(i + 2)? as usize;
        // `no` points behind the yes-part; with a no-part, a JUMP and its distance precede it.
        let g = self.push(Inst::Fail);
        let stop = no - 1;
        if stop > end {
            return Err(BadCode);
        }
        if stop >= i + 5
            && self.get(stop - 2)? == JUMP
            && let skip = self.get(stop - 1)? as usize
            && stop - 1 + skip <= end
            && skip > 0
            && self.is_boundary(i + 3, stop - 2)
        {
            if self.block(i + 3, stop - 2, false)? != stop - 2 {
                return Err(BadCode);
            }
            let j = self.push(Inst::Jump(0));
            self.p.insts[g] = Inst::GroupExists { group, no: self.here() };
            let stop2 = stop - 1 + skip;
            if self.block(stop, stop2, false)? != stop2 {
                return Err(BadCode);
            }
            let n = self.here();
            self.p.insts[j] = Inst::Jump(n);
            return Ok(stop2);
        }
        if self.block(i + 3, stop, false)? != stop {
            return Err(BadCode);
        }
        self.p.insts[g] = Inst::GroupExists { group, no: self.here() };
        Ok(stop)
    }

    /// Whether an instruction begins at `target` when reading from `i` (to tell a JUMP from an argument).
    fn is_boundary(&self, mut i: usize, target: usize) -> bool {
        while i < target {
            let Ok(c) = self.get(i) else { return false };
            let skip = |n: usize| self.get(i + n).map(|s| i + n + s as usize).unwrap_or(usize::MAX);
            i = match c {
                FAILURE | SUCCESS | ANY | ANY_ALL => i + 1,
                ASSERT
                | ASSERT_NOT
                | IN
                | IN_IGNORE
                | IN_UNI_IGNORE
                | IN_LOC_IGNORE
                | INFO
                | REPEAT_ONE
                | MIN_REPEAT_ONE
                | POSSESSIVE_REPEAT_ONE
                | ATOMIC_GROUP => skip(1),
                REPEAT | POSSESSIVE_REPEAT => skip(1).saturating_add(1),
                BRANCH => {
                    let mut k = i + 1;
                    loop {
                        match self.get(k) {
                            Ok(0) => break k + 1,
                            Ok(s) => k += s as usize,
                            Err(_) => return false,
                        }
                    }
                }
                GROUPREF_EXISTS => i + 3,
                _ => i + 2,
            };
        }
        i == target
    }

    /// Notes the literal that must follow a repeated character.
    fn lookahead(&mut self, i: usize) {
        let k = match self.p.insts[i] {
            Inst::RepeatOne(k) | Inst::MinRepeatOne(k) => k,
            _ => return,
        };
        let mut j = i + 1;
        loop {
            match self.p.insts.get(j) {
                Some(Inst::Lit(c)) => {
                    self.p.reps[k as usize].lit = Some(*c);
                    return;
                }
                Some(Inst::Text { at, .. }) => {
                    self.p.reps[k as usize].lit = Some(self.p.text[*at as usize]);
                    return;
                }
                Some(Inst::Mark(_)) => j += 1,
                Some(Inst::Jump(t)) => j = *t as usize,
                _ => return,
            }
        }
    }

    fn first_of(&self, m: Matcher) -> First {
        let mut f = First::NONE;
        match m {
            Matcher::Lit(c) => f.add(c),
            Matcher::Set(k) => {
                let s = &self.p.sets[k as usize];
                if s.dynamic {
                    return First { empty: false, ..First::ALL };
                }
                f.bits = s.bits;
                f.wide = true;
            }
            Matcher::LitFold(c, Fold::Ascii) => {
                f.add(c);
                if c < 128 {
                    f.add((c as u8).to_ascii_uppercase() as u32);
                }
            }
            Matcher::LitFold(c, Fold::Unicode) => {
                f.wide = true;
                (0..256).filter(|&x| fold(x, Fold::Unicode) == c).for_each(|x| f.add(x));
            }
            Matcher::NotLit(c) => {
                f = First { empty: false, ..First::ALL };
                if c < 256 {
                    f.bits[c as usize >> 6] &= !(1 << (c & 63));
                }
            }
            Matcher::Any => {
                f = First { empty: false, ..First::ALL };
                f.bits[0] &= !(1 << 10);
            }
            Matcher::Never => {}
            _ => f = First { empty: false, ..First::ALL },
        }
        f
    }

    fn first(&self, mut pc: usize, budget: &mut i32) -> First {
        loop {
            *budget -= 1;
            if *budget < 0 {
                return First::ALL;
            }
            match self.p.insts[pc] {
                Inst::Fail => return First::NONE,
                Inst::Lit(c) => return self.first_of(Matcher::Lit(c)),
                Inst::Text { at, .. } => return self.first_of(Matcher::Lit(self.p.text[at as usize])),
                Inst::One(m) => return self.first_of(m),
                Inst::At(_) | Inst::Mark(_) => pc += 1,
                Inst::Jump(t) => pc = t as usize,
                Inst::Branch { from, to } => {
                    let mut f = First::NONE;
                    for k in from..to {
                        f = f.union(self.first(self.p.alts[k as usize].pc as usize, budget));
                    }
                    return f;
                }
                Inst::RepeatOne(k) | Inst::MinRepeatOne(k) | Inst::PossessiveRepeatOne(k) => {
                    let r = &self.p.reps[k as usize];
                    let f = self.first_of(r.m);
                    if r.min > 0 {
                        return f;
                    }
                    return f.union(self.first(pc + 1, budget));
                }
                Inst::Repeat { id, until } => {
                    let l = &self.p.loops[id as usize];
                    let f = self.first(l.body as usize, budget);
                    if l.min > 0 || f.empty {
                        return f;
                    }
                    return f.union(self.first(until as usize + 1, budget));
                }
                Inst::PossessiveRepeat { id, next } => {
                    let l = &self.p.loops[id as usize];
                    let f = self.first(l.body as usize, budget);
                    if l.min > 0 || f.empty {
                        return f;
                    }
                    return f.union(self.first(next as usize, budget));
                }
                Inst::Atomic { .. } => return self.first(pc + 1, budget),
                Inst::Assert { next, .. } | Inst::AssertNot { next, .. } => pc = next as usize,
                _ => return First::ALL,
            }
        }
    }
}
