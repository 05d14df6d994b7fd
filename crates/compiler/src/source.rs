//! Byte offsets of a source ↔ lines and columns.

use crate::ast::Loc;
use ruff_text_size::TextRange;
use std::cell::Cell;

/// Line starts of a source, with a memory of the last line looked up.
pub struct LineIndex {
    starts: Vec<u32>,
    last: Cell<usize>,
    len: u32,
}

impl LineIndex {
    /// Indexes a source whose line ends are `\n`.
    pub fn new(source: &str) -> Self {
        let mut starts = vec![0];
        for (i, b) in source.bytes().enumerate() {
            if b == b'\n' {
                starts.push(i as u32 + 1);
            }
        }
        LineIndex { starts, last: Cell::new(0), len: source.len() as u32 }
    }

    /// Line (from 0) and column of an offset.
    pub fn line_col(&self, offset: u32) -> (usize, u32) {
        let last = self.last.get();
        let within = |l: usize| self.starts[l] <= offset && self.starts.get(l + 1).is_none_or(|e| offset < *e);
        let line = if within(last) {
            last
        } else if last + 1 < self.starts.len() && within(last + 1) {
            last + 1
        } else {
            self.starts.partition_point(|s| *s <= offset) - 1
        };
        self.last.set(line);
        (line, offset - self.starts[line])
    }

    /// Place of a range.
    pub fn loc(&self, range: TextRange) -> Loc {
        let (el, ec) = self.line_col(range.end().to_u32());
        let (sl, sc) = self.line_col(range.start().to_u32());
        Loc { lineno: sl as i32 + 1, col: sc as i32, end_lineno: el as i32 + 1, end_col: ec as i32 }
    }

    /// Offset at which a line (from 0) starts; the end of the source when there is no such line.
    pub fn line_start(&self, line: usize) -> u32 {
        self.starts.get(line).copied().unwrap_or(self.len)
    }

    /// Text of a line (from 0), its newline included.
    pub fn line_text<'a>(&self, source: &'a str, line: usize) -> &'a str {
        if line >= self.starts.len() {
            return "";
        }
        &source[self.starts[line] as usize..self.line_start(line + 1) as usize]
    }
}

/// Turns a byte column of a line into a column in characters, both from 0.
pub fn char_col(line: &str, byte_col: usize) -> u32 {
    let n = byte_col.min(line.len());
    let extra = byte_col - n;
    (line.as_bytes()[..n].iter().filter(|b| **b & 0xc0 != 0x80).count() + extra) as u32
}
