//! The matcher: a backtracking machine with a stack of its own, so that the depth of a match is bounded by memory, not by the
//! native stack. Recursion happens only for atomic parts and assertions, as deep as the pattern nests them.

use super::program::{First, Fold, Inst, Matcher, Program, fold, is_word_ascii, is_word_locale, is_word_unicode};
use runtime::prelude::*;

/// A character of the subject.
pub trait Char: Copy + PartialEq + 'static {
    fn code(self) -> u32;
    /// Position of `c` in `s`.
    fn find(s: &[Self], c: u32) -> Option<usize>;
    /// Last position of `c` in `s`.
    fn rfind(s: &[Self], c: u32) -> Option<usize> {
        s.iter().rposition(|x| x.code() == c)
    }
}
impl Char for u8 {
    #[inline(always)]
    fn code(self) -> u32 {
        self as u32
    }
    #[inline]
    fn find(s: &[u8], c: u32) -> Option<usize> {
        if c < 256 { memchr::memchr(c as u8, s) } else { None }
    }
    #[inline]
    fn rfind(s: &[u8], c: u32) -> Option<usize> {
        if c < 256 { memchr::memrchr(c as u8, s) } else { None }
    }
}
impl Char for u16 {
    #[inline(always)]
    fn code(self) -> u32 {
        self as u32
    }
    #[inline]
    fn find(s: &[u16], c: u32) -> Option<usize> {
        s.iter().position(|&x| x as u32 == c)
    }
}
impl Char for u32 {
    #[inline(always)]
    fn code(self) -> u32 {
        self
    }
    #[inline]
    fn find(s: &[u32], c: u32) -> Option<usize> {
        s.iter().position(|&x| x == c)
    }
}

pub const UNSET: usize = usize::MAX;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Alternatives `a..q` at position `p`.
    Alt,
    /// Repeat instruction `a`, begun at `p`: try `q` characters.
    RepeatOne,
    /// Lazy repeat instruction `a` at position `p` after `q` characters.
    MinRepeatOne,
    /// Restore mark `a` to `p`, the last index to `q`.
    Mark,
    /// Restore loop `a`: count `q`, last position `p`.
    Loop,
    /// The body of the greedy loop at instruction `a` failed at `p`: go on after it.
    Tail,
    /// What follows the lazy loop at instruction `a` failed at `p`: try the body.
    Body,
}

#[derive(Clone, Copy)]
struct Frame {
    kind: Kind,
    a: u32,
    p: usize,
    q: usize,
}

#[derive(Clone, Copy)]
struct LoopState {
    count: usize,
    last: usize,
}

/// The registers of a match: kept from one match to the next of a search over one subject.
pub struct State {
    stack: Vec<Frame>,
    loops: Vec<LoopState>,
    /// Positions, two per group; `UNSET` where the group took no part.
    pub marks: Vec<usize>,
    /// Number of the group closed last; 0 is none.
    pub last_index: usize,
    ticks: u32,
}

/// Asked for now and then: signals, stop-the-world requests.
#[cold]
fn check_interrupt() -> PyResult<()> {
    runtime::thread::handle_breaker()
}

impl State {
    pub fn new(p: &Program, groups: usize) -> State {
        State {
            stack: Vec::new(),
            loops: vec![LoopState { count: 0, last: UNSET }; p.loops.len()],
            marks: vec![UNSET; groups * 2],
            last_index: 0,
            ticks: 0,
        }
    }
}

/// One subject and the bounds of a search in it.
pub struct Subject<'a, T> {
    pub text: &'a [T],
    /// Characters from here on do not exist.
    pub end: usize,
}

struct Matching<'a, T> {
    prog: &'a Program,
    s: &'a [T],
    end: usize,
    /// The match must end at `end`.
    full: bool,
    /// The match must not be empty at this position.
    must_advance: usize,
}

#[inline(always)]
fn at<T: Char>(s: &[T], i: usize) -> u32 {
    debug_assert!(i < s.len());
    // SAFETY: positions stay below the end, which is within the text.
    unsafe { s.get_unchecked(i) }.code()
}

impl<T: Char> Matching<'_, T> {
    #[inline(always)]
    fn one(&self, m: Matcher, c: u32) -> bool {
        match m {
            Matcher::Lit(l) => c == l,
            Matcher::NotLit(l) => c != l,
            Matcher::Any => c != 10,
            Matcher::AnyAll => true,
            Matcher::Set(k) => self.prog.sets[k as usize].matches(c),
            Matcher::LitFold(l, f) => c == l || self.folded(c, l, f),
            Matcher::NotLitFold(l, f) => !(c == l || self.folded(c, l, f)),
            Matcher::Never => false,
        }
    }

    fn folded(&self, c: u32, l: u32, f: Fold) -> bool {
        // Under LOCALE the literal is as written: compare both cases.
        if f == Fold::Locale { fold(c, f) == fold(l, f) } else { fold(c, f) == l }
    }

    /// How many characters from `p` on match, at most `max`.
    #[inline]
    fn run_length(&self, m: Matcher, p: usize, max: usize) -> usize {
        let stop = if max < self.end - p { p + max } else { self.end };
        let s = &self.s[p..stop];
        match m {
            Matcher::AnyAll => s.len(),
            Matcher::Any => T::find(s, 10).unwrap_or(s.len()),
            Matcher::NotLit(c) => T::find(s, c).unwrap_or(s.len()),
            Matcher::Lit(c) => s.iter().position(|x| x.code() != c).unwrap_or(s.len()),
            Matcher::Set(k) => {
                let set = &self.prog.sets[k as usize];
                s.iter().position(|x| !set.matches(x.code())).unwrap_or(s.len())
            }
            _ => s.iter().position(|x| !self.one(m, x.code())).unwrap_or(s.len()),
        }
    }

    fn at(&self, k: u32, p: usize) -> bool {
        let boundary = |f: fn(u32) -> bool| {
            let before = p > 0 && f(at(self.s, p - 1));
            let here = p < self.end && f(at(self.s, p));
            before != here
        };
        match k {
            0 | 2 => p == 0,
            1 => p == 0 || at(self.s, p - 1) == 10,
            3 => boundary(is_word_ascii),
            4 => !boundary(is_word_ascii),
            5 => p == self.end || p + 1 == self.end && at(self.s, p) == 10,
            6 => p == self.end || at(self.s, p) == 10,
            7 => p == self.end,
            8 => boundary(is_word_locale),
            9 => !boundary(is_word_locale),
            10 => boundary(is_word_unicode),
            _ => !boundary(is_word_unicode),
        }
    }

    /// Undoes everything above `base`.
    fn unwind(&self, st: &mut State, base: usize) {
        while st.stack.len() > base {
            if let Some(f) = st.stack.pop() {
                self.undo(st, f);
            }
        }
    }

    #[inline(always)]
    fn undo(&self, st: &mut State, f: Frame) {
        match f.kind {
            Kind::Mark => {
                st.marks[f.a as usize] = f.p;
                st.last_index = f.q;
            }
            Kind::Loop => st.loops[f.a as usize] = LoopState { count: f.q, last: f.p },
            _ => {}
        }
    }

    /// Forgets the choices above `base` but keeps what restores registers.
    fn commit(&self, st: &mut State, base: usize) {
        let mut w = base;
        for r in base..st.stack.len() {
            if matches!(st.stack[r].kind, Kind::Mark | Kind::Loop) {
                st.stack[w] = st.stack[r];
                w += 1;
            }
        }
        st.stack.truncate(w);
    }

    fn set_loop(&self, st: &mut State, id: u32, new: LoopState) {
        let old = core::mem::replace(&mut st.loops[id as usize], new);
        st.stack.push(Frame { kind: Kind::Loop, a: id, p: old.last, q: old.count });
    }

    /// Runs from `pc` at position `p`; gives the end of the match.
    fn run(&self, st: &mut State, pc: u32, p: usize, top: bool) -> PyResult<Option<usize>> {
        let base = st.stack.len();
        let prog = self.prog;
        let (s, end) = (self.s, self.end);
        let insts = &prog.insts[..];
        let (mut pc, mut p) = (pc as usize, p);
        'step: loop {
            'fail: {
                match insts[pc] {
                    Inst::Lit(c) => {
                        if p < end && at(s, p) == c {
                            p += 1;
                            pc += 1;
                            continue 'step;
                        }
                        break 'fail;
                    }
                    Inst::Text { at: from, len } => {
                        let t = &prog.text[from as usize..(from + len) as usize];
                        if end - p >= t.len() && s[p..p + t.len()].iter().zip(t).all(|(x, y)| x.code() == *y) {
                            p += t.len();
                            pc += 1;
                            continue 'step;
                        }
                        break 'fail;
                    }
                    Inst::One(m) => {
                        if p < end && self.one(m, at(s, p)) {
                            p += 1;
                            pc += 1;
                            continue 'step;
                        }
                        break 'fail;
                    }
                    Inst::Success => {
                        if top && (self.full && p != end || p == self.must_advance) {
                            break 'fail;
                        }
                        return Ok(Some(p));
                    }
                    Inst::Fail => break 'fail,
                    Inst::At(k) => {
                        if self.at(k, p) {
                            pc += 1;
                            continue 'step;
                        }
                        break 'fail;
                    }
                    Inst::Mark(k) => {
                        st.stack.push(Frame { kind: Kind::Mark, a: k, p: st.marks[k as usize], q: st.last_index });
                        st.marks[k as usize] = p;
                        if k & 1 != 0 {
                            st.last_index = k as usize / 2 + 1;
                        }
                        pc += 1;
                        continue 'step;
                    }
                    Inst::Jump(t) => {
                        pc = t as usize;
                        continue 'step;
                    }
                    Inst::Branch { from, to } => {
                        if let Some(next) = self.branch(st, from, to, p) {
                            pc = next;
                            continue 'step;
                        }
                        break 'fail;
                    }
                    Inst::RepeatOne(k) => {
                        let r = &prog.reps[k as usize];
                        let n = self.run_length(r.m, p, r.max);
                        if n < r.min {
                            break 'fail;
                        }
                        if let Some(q) = self.shrink(st, pc, k, p, n) {
                            p = q;
                            pc += 1;
                            continue 'step;
                        }
                        break 'fail;
                    }
                    Inst::MinRepeatOne(k) => {
                        let r = &prog.reps[k as usize];
                        if r.min > 0 {
                            if self.run_length(r.m, p, r.min) < r.min {
                                break 'fail;
                            }
                            p += r.min;
                        }
                        if let Some(q) = self.grow(st, pc, k, p, r.min) {
                            p = q;
                            pc += 1;
                            continue 'step;
                        }
                        break 'fail;
                    }
                    Inst::PossessiveRepeatOne(k) => {
                        let r = &prog.reps[k as usize];
                        let n = self.run_length(r.m, p, r.max);
                        if n < r.min {
                            break 'fail;
                        }
                        p += n;
                        pc += 1;
                        continue 'step;
                    }
                    Inst::Repeat { id, until } => {
                        self.set_loop(st, id, LoopState { count: 0, last: UNSET });
                        pc = until as usize;
                        continue 'step;
                    }
                    Inst::MaxUntil { id } => {
                        let l = &prog.loops[id as usize];
                        let LoopState { count, last } = st.loops[id as usize];
                        if count < l.min {
                            self.set_loop(st, id, LoopState { count: count + 1, last });
                            pc = l.body as usize;
                            continue 'step;
                        }
                        if count < l.max && p != last {
                            st.stack.push(Frame { kind: Kind::Tail, a: pc as u32, p, q: 0 });
                            self.set_loop(st, id, LoopState { count: count + 1, last: p });
                            pc = l.body as usize;
                            continue 'step;
                        }
                        pc += 1;
                        continue 'step;
                    }
                    Inst::MinUntil { id } => {
                        let l = &prog.loops[id as usize];
                        let LoopState { count, last } = st.loops[id as usize];
                        if count < l.min {
                            self.set_loop(st, id, LoopState { count: count + 1, last });
                            pc = l.body as usize;
                            continue 'step;
                        }
                        st.stack.push(Frame { kind: Kind::Body, a: pc as u32, p, q: 0 });
                        pc += 1;
                        continue 'step;
                    }
                    Inst::PossessiveRepeat { id, next } => {
                        let l = &prog.loops[id as usize];
                        let mut count = 0;
                        while count < l.max {
                            let mark = st.stack.len();
                            match self.run(st, l.body, p, false)? {
                                Some(q) => {
                                    self.commit(st, mark);
                                    let empty = q == p;
                                    p = q;
                                    count += 1;
                                    if empty && count >= l.min {
                                        break;
                                    }
                                }
                                None => break,
                            }
                        }
                        if count < l.min {
                            break 'fail;
                        }
                        pc = next as usize;
                        continue 'step;
                    }
                    Inst::Atomic { next } => {
                        let mark = st.stack.len();
                        match self.run(st, pc as u32 + 1, p, false)? {
                            Some(q) => {
                                self.commit(st, mark);
                                p = q;
                                pc = next as usize;
                                continue 'step;
                            }
                            None => break 'fail,
                        }
                    }
                    Inst::Assert { back, next } => {
                        if p < back as usize {
                            break 'fail;
                        }
                        let mark = st.stack.len();
                        match self.run(st, pc as u32 + 1, p - back as usize, false)? {
                            Some(_) => {
                                self.commit(st, mark);
                                pc = next as usize;
                                continue 'step;
                            }
                            None => break 'fail,
                        }
                    }
                    Inst::AssertNot { back, next } => {
                        if p >= back as usize {
                            let mark = st.stack.len();
                            if self.run(st, pc as u32 + 1, p - back as usize, false)?.is_some() {
                                self.unwind(st, mark);
                                break 'fail;
                            }
                        }
                        pc = next as usize;
                        continue 'step;
                    }
                    Inst::GroupRef { group, fold: f } => {
                        let (a, b) = (st.marks[group as usize * 2], st.marks[group as usize * 2 + 1]);
                        if a == UNSET || b == UNSET || b < a || end - p < b - a {
                            break 'fail;
                        }
                        let same = if f == Fold::None {
                            s[a..b] == s[p..p + (b - a)]
                        } else {
                            (0..b - a).all(|i| {
                                let (x, y) = (at(s, a + i), at(s, p + i));
                                x == y || fold(x, f) == fold(y, f)
                            })
                        };
                        if !same {
                            break 'fail;
                        }
                        p += b - a;
                        pc += 1;
                        continue 'step;
                    }
                    Inst::GroupExists { group, no } => {
                        let (a, b) = (st.marks[group as usize * 2], st.marks[group as usize * 2 + 1]);
                        pc = if a == UNSET || b == UNSET || b < a { no as usize } else { pc + 1 };
                        continue 'step;
                    }
                }
            }
            // Backtrack.
            st.ticks = st.ticks.wrapping_add(1);
            if st.ticks & 0xFFFF == 0 {
                check_interrupt()?;
            }
            loop {
                if st.stack.len() == base {
                    return Ok(None);
                }
                let Some(f) = st.stack.pop() else { return Ok(None) };
                match f.kind {
                    Kind::Mark | Kind::Loop => self.undo(st, f),
                    Kind::Alt => {
                        if let Some(next) = self.branch(st, f.a, f.q as u32, f.p) {
                            pc = next;
                            p = f.p;
                            continue 'step;
                        }
                    }
                    Kind::RepeatOne => {
                        let Inst::RepeatOne(k) = insts[f.a as usize] else { continue };
                        if let Some(q) = self.shrink(st, f.a as usize, k, f.p, f.q) {
                            p = q;
                            pc = f.a as usize + 1;
                            continue 'step;
                        }
                    }
                    Kind::MinRepeatOne => {
                        let Inst::MinRepeatOne(k) = insts[f.a as usize] else { continue };
                        let r = &prog.reps[k as usize];
                        if f.q < r.max
                            && f.p < end
                            && self.one(r.m, at(s, f.p))
                            && let Some(q) = self.grow(st, f.a as usize, k, f.p + 1, f.q + 1)
                        {
                            p = q;
                            pc = f.a as usize + 1;
                            continue 'step;
                        }
                    }
                    Kind::Tail => {
                        p = f.p;
                        pc = f.a as usize + 1;
                        continue 'step;
                    }
                    Kind::Body => {
                        let Inst::MinUntil { id } = insts[f.a as usize] else { continue };
                        let l = &prog.loops[id as usize];
                        let LoopState { count, last } = st.loops[id as usize];
                        if count < l.max && f.p != last {
                            p = f.p;
                            self.set_loop(st, id, LoopState { count: count + 1, last: p });
                            pc = l.body as usize;
                            continue 'step;
                        }
                    }
                }
            }
        }
    }

    /// The first alternative of `from..to` that can begin here; the rest is remembered.
    #[inline]
    fn branch(&self, st: &mut State, from: u32, to: u32, p: usize) -> Option<usize> {
        let next = |mut k: u32| {
            while k < to {
                let f: &First = &self.prog.alts[k as usize].first;
                if f.empty || p < self.end && f.admits(at(self.s, p)) {
                    return Some(k);
                }
                k += 1;
            }
            None
        };
        let k = next(from)?;
        if let Some(more) = next(k + 1) {
            st.stack.push(Frame { kind: Kind::Alt, a: more, p, q: to as usize });
        }
        Some(self.prog.alts[k as usize].pc as usize)
    }

    /// Greedy repeat begun at `p`, with at most `n` characters: where to go on, the rest remembered.
    #[inline]
    fn shrink(&self, st: &mut State, pc: usize, k: u32, p: usize, n: usize) -> Option<usize> {
        let r = &self.prog.reps[k as usize];
        let mut n = n;
        if let Some(c) = r.lit {
            // The following literal must be there: look for it from the end.
            let hi = (p + n + 1).min(self.end);
            let lo = p + r.min;
            if lo >= hi {
                return None;
            }
            n = T::rfind(&self.s[lo..hi], c)? + r.min;
        }
        if n > r.min {
            st.stack.push(Frame { kind: Kind::RepeatOne, a: pc as u32, p, q: n - 1 });
        }
        Some(p + n)
    }

    /// Lazy repeat that has taken `n` characters up to `p`: where to go on, the rest remembered.
    #[inline]
    fn grow(&self, st: &mut State, pc: usize, k: u32, p: usize, n: usize) -> Option<usize> {
        let r = &self.prog.reps[k as usize];
        let (mut p, mut n) = (p, n);
        if let Some(c) = r.lit {
            let ahead = T::find(&self.s[p..self.end], c)?;
            if ahead > 0 {
                if ahead > r.max - n || self.run_length(r.m, p, ahead) < ahead {
                    return None;
                }
                p += ahead;
                n += ahead;
            }
        }
        if n < r.max {
            st.stack.push(Frame { kind: Kind::MinRepeatOne, a: pc as u32, p, q: n });
        }
        Some(p)
    }
}

fn reset(st: &mut State) {
    st.stack.clear();
    st.marks.fill(UNSET);
    st.last_index = 0;
}

/// Matches at `start`; gives the end. `full`: up to the end of the subject.
pub fn match_at<T: Char>(
    prog: &Program,
    st: &mut State,
    sub: &Subject<'_, T>,
    start: usize,
    full: bool,
    must_advance: usize,
) -> PyResult<Option<usize>> {
    reset(st);
    if start > sub.end {
        return Ok(None);
    }
    let m = Matching { prog, s: &sub.text[..sub.end], end: sub.end, full, must_advance };
    m.run(st, 0, start, true)
}

/// Finds the first match from `start` on; gives its bounds.
pub fn search<T: Char>(
    prog: &Program,
    st: &mut State,
    sub: &Subject<'_, T>,
    start: usize,
    must_advance: usize,
) -> PyResult<Option<(usize, usize)>> {
    reset(st);
    let (text, end) = (sub.text, sub.end);
    if start > end || end - start < prog.min_width {
        return Ok(None);
    }
    let m = Matching { prog, s: &text[..end], end, full: false, must_advance };
    let last = end - prog.min_width;
    if prog.anchored {
        if start > 0 {
            return Ok(None);
        }
        return Ok(m.run(st, 0, 0, true)?.map(|e| (0, e)));
    }
    let mut p = start;
    if let [c, rest @ ..] = &prog.prefix[..] {
        let k = rest.len();
        loop {
            if p > last {
                return Ok(None);
            }
            let hit = if k > 0
                && let Some(i) = find_prefix(&text[p..end], &prog.prefix)
            {
                i
            } else {
                match if k > 0 { None } else { T::find(&text[p..=last], *c) } {
                    Some(i) => Some(i),
                    None => return Ok(None),
                }
            };
            let Some(i) = hit else { return Ok(None) };
            p += i;
            if prog.literal {
                let e = p + k + 1;
                if e != must_advance {
                    return Ok(Some((p, e)));
                }
            } else if let Some(e) = m.run(st, 0, p, true)? {
                return Ok(Some((p, e)));
            }
            p += 1;
        }
    }
    if let Some(f) = &prog.first {
        while p <= last {
            match text[p..end].iter().position(|x| f.admits(x.code())) {
                None => return Ok(None),
                Some(i) => p += i,
            }
            if p > last {
                break;
            }
            if let Some(e) = m.run(st, 0, p, true)? {
                return Ok(Some((p, e)));
            }
            p += 1;
        }
        return Ok(None);
    }
    while p <= last {
        if let Some(e) = m.run(st, 0, p, true)? {
            return Ok(Some((p, e)));
        }
        p += 1;
    }
    Ok(None)
}

/// Position of a literal of at least two characters; `None` (outer) when this width has no fast way... the inner option says
/// whether it is there.
fn find_prefix<T: Char>(s: &[T], prefix: &[u32]) -> Option<Option<usize>> {
    let n = prefix.len();
    if n > s.len() {
        return Some(None);
    }
    if size_of::<T>() == 1 {
        let mut needle = [0u8; 64];
        if n <= needle.len() {
            for (d, &c) in needle.iter_mut().zip(prefix) {
                if c > 255 {
                    return Some(None);
                }
                *d = c as u8;
            }
            // SAFETY: characters of one byte.
            let bytes = unsafe { core::slice::from_raw_parts(s.as_ptr().cast::<u8>(), s.len()) };
            return Some(runtime::objects::unicode::search::find_bytes(bytes, &needle[..n]));
        }
    }
    let mut from = 0;
    while from + n <= s.len() {
        let Some(i) = T::find(&s[from..=s.len() - n], prefix[0]) else { return Some(None) };
        let at = from + i;
        if s[at..at + n].iter().zip(prefix).all(|(x, y)| x.code() == *y) {
            return Some(Some(at));
        }
        from = at + 1;
    }
    Some(None)
}

#[cfg(test)]
mod tests {
    //! Compares with vectors written by another implementation: one per line, `mode groups code subject expected\tpattern`,
    //! in the file that `SRE_VECTORS` names.
    use super::*;
    use crate::_sre::program::translate;

    fn numbers(t: &str, sep: char) -> Vec<u32> {
        if t == "-" { vec![] } else { t.split(sep).map(|x| x.parse().expect("a number")).collect() }
    }

    fn outcome<T: Char>(p: &Program, groups: usize, mode: &str, text: &[T]) -> String {
        let mut st = State::new(p, groups);
        let sub = Subject { text, end: text.len() };
        let r = match mode {
            "s" => search(p, &mut st, &sub, 0, UNSET),
            m => match_at(p, &mut st, &sub, 0, m == "f", UNSET).map(|e| e.map(|e| (0, e))),
        };
        match r.expect("no exception") {
            None => "-".into(),
            Some((a, b)) => {
                let mut v = vec![format!("{a}:{b}")];
                for g in 0..groups {
                    let (x, y) = (st.marks[2 * g], st.marks[2 * g + 1]);
                    v.push(if x == UNSET || y == UNSET { "-1:-1".into() } else { format!("{x}:{y}") });
                }
                format!("{};{}", v.join(","), st.last_index)
            }
        }
    }

    #[test]
    fn vectors() {
        let Ok(path) = std::env::var("SRE_VECTORS") else { return };
        let mut bad = 0;
        let data = std::fs::read_to_string(path).expect("the file of vectors");
        for line in data.lines() {
            let (left, pattern) = line.split_once('\t').expect("a tab");
            let f: Vec<&str> = left.split(' ').collect();
            let groups: usize = f[1].parse().expect("a number");
            let text = numbers(f[3], '.');
            let p = match translate(&numbers(f[2], ','), groups as u32) {
                Ok(p) => p,
                Err(_) => {
                    println!("not translated: {pattern}");
                    bad += 1;
                    continue;
                }
            };
            let mut got = vec![outcome(&p, groups, f[0], &text)];
            if text.iter().all(|&c| c < 256) {
                got.push(outcome(&p, groups, f[0], &text.iter().map(|&c| c as u8).collect::<Vec<_>>()));
            }
            for g in got {
                if g != f[4] {
                    println!(
                        "{} {pattern:?} on {:?}: {g} instead of {}",
                        f[0],
                        text.iter().filter_map(|&c| char::from_u32(c)).collect::<String>(),
                        f[4]
                    );
                    bad += 1;
                }
            }
        }
        assert_eq!(bad, 0);
    }
}
