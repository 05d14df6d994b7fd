//! The source positions of a code object's instructions, eight bytes each where they fit.

use compiler::code::Position;

/// One position per instruction word.
#[derive(PartialEq, Eq)]
pub struct Positions(Repr);

#[derive(PartialEq, Eq)]
enum Repr {
    /// Line above the first one (20 bits), lines to the last one (12), columns (16 each); all ones stand for -1.
    Packed(i32, Box<[u64]>),
    Full(Box<[Position]>),
}

const LINE: u64 = 0xF_FFFF;
const LINES: u64 = 0xFFF;
const COLUMN: u64 = 0xFFFF;

fn field(v: i64, none: u64) -> Option<u64> {
    match v {
        -1 => Some(none),
        0.. if (v as u64) < none => Some(v as u64),
        _ => None,
    }
}

fn pack(p: &Position, base: i32) -> Option<u64> {
    let line = field(if p.line == -1 { -1 } else { (p.line as i64 - base as i64).max(-2) }, LINE)?;
    if p.line != -1 && p.line < base {
        return None;
    }
    let lines = match (p.line, p.end_line) {
        (_, -1) => LINES,
        (-1, _) => return None,
        (a, b) if b >= a => field(b as i64 - a as i64, LINES)?,
        _ => return None,
    };
    Some(line << 44 | lines << 32 | field(p.col as i64, COLUMN)? << 16 | field(p.end_col as i64, COLUMN)?)
}

fn unpack(v: u64, base: i32) -> Position {
    let or_none = |v: u64, none: u64| if v == none { -1 } else { v as i32 };
    let line = or_none(v >> 44 & LINE, LINE);
    let line = if line == -1 { -1 } else { base + line };
    let lines = or_none(v >> 32 & LINES, LINES);
    Position {
        line,
        end_line: if lines == -1 { -1 } else { line + lines },
        col: or_none(v >> 16 & COLUMN, COLUMN),
        end_col: or_none(v & COLUMN, COLUMN),
    }
}

impl Positions {
    pub fn new(all: Vec<Position>) -> Positions {
        let base = all.iter().map(|p| p.line).filter(|l| *l >= 0).min().unwrap_or(0);
        let packed: Option<Box<[u64]>> = all.iter().map(|p| pack(p, base)).collect();
        Positions(match packed {
            Some(p) => Repr::Packed(base, p),
            None => Repr::Full(all.into_boxed_slice()),
        })
    }

    pub fn len(&self) -> usize {
        match &self.0 {
            Repr::Packed(_, p) => p.len(),
            Repr::Full(p) => p.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn get(&self, i: usize) -> Option<Position> {
        match &self.0 {
            Repr::Packed(base, p) => p.get(i).map(|v| unpack(*v, *base)),
            Repr::Full(p) => p.get(i).copied(),
        }
    }

    pub fn to_vec(&self) -> Vec<Position> {
        (0..self.len()).filter_map(|i| self.get(i)).collect()
    }

    pub fn byte_size(&self) -> usize {
        match &self.0 {
            Repr::Packed(_, p) => size_of_val(&**p),
            Repr::Full(p) => size_of_val(&**p),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_comes_out() {
        let p = |line, end_line, col, end_col| Position { line, end_line, col, end_col };
        let plain =
            vec![p(7, 7, 0, 5), p(7, 9, 3, 65534), p(-1, -1, -1, -1), p(8, -1, -1, -1), p(500_000, 500_001, 0, 1)];
        let odd = [p(3, 2, 0, 1), p(1, 1, 70_000, 1), p(-2, -2, 0, 0), p(-1, 4, 0, 0), p(0, 2_000_000, 0, 0)];
        assert_eq!(Positions::new(plain.clone()).to_vec(), plain);
        assert!(matches!(Positions::new(plain.clone()).0, Repr::Packed(7, _)));
        for o in odd {
            let all = [plain.clone(), vec![o]].concat();
            assert_eq!(Positions::new(all.clone()).to_vec(), all);
        }
    }
}
