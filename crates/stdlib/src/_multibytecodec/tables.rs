//! The mappings of the multibyte codecs, unpacked from `tables.xz` when the first of them is used. `tables.py` made that file and
//! says what is in it.

use liblzma_sys as lz;
use std::collections::HashMap;
use std::sync::OnceLock;

/// The codecs in the order of the file, each with what it is a difference of.
const CODECS: [(&str, Option<usize>); 16] = [
    ("gb2312", None),
    ("gbk", Some(0)),
    ("gb18030", Some(1)),
    ("big5", None),
    ("cp950", Some(3)),
    ("big5hkscs", Some(3)),
    ("euc_jp", None),
    ("euc_jis_2004", Some(6)),
    ("euc_jisx0213", Some(7)),
    ("shift_jis", None),
    ("cp932", Some(9)),
    ("shift_jis_2004", Some(9)),
    ("shift_jisx0213", Some(11)),
    ("euc_kr", None),
    ("cp949", Some(13)),
    ("johab", None),
];
const SINGLES: usize = 128;
const DOUBLES: usize = 128 * 256;
const TRIPLES: usize = 94 * 94;
/// Cells from here on are pairs of characters.
const PAIR: u32 = 0x11_0000;

pub struct Table {
    /// 128 single bytes, 128 × 256 of two, 94 × 94 after 8F; zero is none.
    cells: Vec<u32>,
    /// Whether a byte alone at the end is wrong, rather than the beginning of something.
    alone: Vec<bool>,
    /// Bytes of characters, as a big-endian number.
    encoded: HashMap<u32, u32>,
    /// Pairs of characters and their bytes.
    pairs: Vec<([u32; 2], u32)>,
    /// What the 7-bit bytes `\` and `~` stand for.
    pub backslash: u32,
    pub tilde: u32,
}

pub struct Tables {
    tables: Vec<Table>,
    /// Four-byte sequences of GB 18030 below U+10000: number, character, count.
    pub runs: Vec<(u32, u32, u32)>,
    pub pairs: Vec<[u32; 2]>,
}

struct Reader<'a>(&'a [u8]);
impl Reader<'_> {
    fn byte(&mut self) -> u8 {
        let (b, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *b
    }
    fn number(&mut self) -> u32 {
        let (mut v, mut shift) = (0u32, 0);
        loop {
            let b = self.byte();
            v |= ((b & 127) as u32) << shift;
            shift += 7;
            if b & 128 == 0 || shift > 28 {
                return v;
            }
        }
    }
    fn step(&mut self) -> i32 {
        let n = self.number();
        if n & 1 == 0 { (n >> 1) as i32 } else { -(n.div_ceil(2) as i32) }
    }
}

fn unpacked() -> Vec<u8> {
    let packed = include_bytes!("tables.xz");
    let mut out = vec![0u8; 256 * 1024];
    let (mut limit, mut read, mut written) = (u64::MAX, 0, 0);
    // SAFETY: both buffers are as long as said, the counters are valid.
    let r = unsafe {
        lz::lzma_stream_buffer_decode(
            &mut limit,
            0,
            core::ptr::null(),
            packed.as_ptr(),
            &mut read,
            packed.len(),
            out.as_mut_ptr(),
            &mut written,
            out.len(),
        )
    };
    assert!(r == lz::LZMA_OK, "the tables of the multibyte codecs are damaged");
    out.truncate(written);
    out
}

/// The bytes of a cell as a big-endian number.
fn bytes_of_cell(i: usize) -> u32 {
    let bytes = match i {
        0..SINGLES => 128 + i,
        _ if i < SINGLES + DOUBLES => i - SINGLES + 0x8000,
        _ => {
            let n = i - SINGLES - DOUBLES;
            0x8f_0000 | (0xa1 + n / 94) << 8 | (0xa1 + n % 94)
        }
    };
    bytes as u32
}

impl Tables {
    fn read() -> Tables {
        let bytes = unpacked();
        let mut r = Reader(&bytes);
        let mut tables: Vec<Table> = Vec::new();
        for (name, base) in CODECS {
            let mut cells = match base {
                Some(b) => tables[b].cells.clone(),
                None => vec![0; SINGLES + DOUBLES + TRIPLES],
            };
            let (mut at, mut last) = (0, 0i32);
            while at < cells.len() {
                at += r.number() as usize;
                let n = r.number() as usize;
                for cell in cells.iter_mut().skip(at).take(n) {
                    last += r.step();
                    *cell = last as u32;
                }
                at += n;
            }
            let alone = (0..128).map(|_| r.byte() != 0).collect();
            let (backslash, tilde) = match name {
                "shift_jis_2004" | "shift_jisx0213" => (0xa5, 0x203e),
                _ => (b'\\' as u32, b'~' as u32),
            };
            let mut encoded = HashMap::with_capacity(cells.len() / 4);
            for b in 0..128u32 {
                let c = match b as u8 {
                    b'\\' => backslash,
                    b'~' => tilde,
                    _ => b,
                };
                encoded.insert(c, b + 1);
            }
            for (i, &c) in cells.iter().enumerate().filter(|(_, c)| **c != 0 && **c < PAIR) {
                encoded.entry(c).or_insert(bytes_of_cell(i) + 1);
            }
            let mut c = 0;
            for _ in 0..r.number() {
                c += r.number();
                match r.number() {
                    0 => drop(encoded.remove(&c)),
                    bytes => drop(encoded.insert(c, bytes)),
                }
            }
            tables.push(Table { cells, alone, encoded, pairs: Vec::new(), backslash, tilde });
        }
        let runs = (0..r.number()).map(|_| (r.number(), r.number(), r.number())).collect();
        let pairs: Vec<[u32; 2]> = (0..r.number()).map(|_| [r.number(), r.number()]).collect();
        for t in &mut tables {
            let found = t.cells.iter().enumerate().filter(|(_, c)| **c >= PAIR);
            t.pairs = found.filter_map(|(i, c)| Some((*pairs.get((c - PAIR) as usize)?, bytes_of_cell(i)))).collect();
        }
        Tables { tables, runs, pairs }
    }
}

/// All the tables.
pub fn all() -> &'static Tables {
    static TABLES: OnceLock<Tables> = OnceLock::new();
    TABLES.get_or_init(Tables::read)
}

/// The table of a codec.
pub fn table(name: &str) -> &'static Table {
    let i = CODECS.iter().position(|c| c.0 == name).unwrap_or(0);
    &all().tables[i]
}

impl Table {
    /// The character or pair of characters of a cell.
    fn cell(&self, i: usize) -> Option<[u32; 2]> {
        match self.cells.get(i).copied().unwrap_or(0) {
            0 => None,
            c if c >= PAIR => all().pairs.get((c - PAIR) as usize).copied(),
            c => Some([c, 0]),
        }
    }
    pub fn single(&self, b: u8) -> Option<[u32; 2]> {
        self.cell(b.checked_sub(128)? as usize)
    }
    pub fn double(&self, a: u8, b: u8) -> Option<[u32; 2]> {
        self.cell(SINGLES + ((a.checked_sub(128)? as usize) << 8 | b as usize))
    }
    /// The character of 8F A B.
    pub fn triple(&self, a: u8, b: u8) -> Option<[u32; 2]> {
        let (a, b) = (a.checked_sub(0xa1)? as usize, b.checked_sub(0xa1)? as usize);
        if a < 94 && b < 94 { self.cell(SINGLES + DOUBLES + a * 94 + b) } else { None }
    }
    pub fn wrong_alone(&self, b: u8) -> bool {
        b >= 128 && self.alone[b as usize - 128]
    }
    /// The bytes of a character as a big-endian number.
    pub fn bytes(&self, c: u32) -> Option<u32> {
        self.encoded.get(&c).map(|b| b - 1)
    }
    /// The bytes of a pair of characters.
    pub fn pair_bytes(&self, first: u32, second: u32) -> Option<u32> {
        self.pairs.iter().find(|p| p.0 == [first, second]).map(|p| p.1)
    }
    /// Whether a pair of the table begins with `c`.
    pub fn begins_pair(&self, c: u32) -> bool {
        self.pairs.iter().any(|p| p.0[0] == c)
    }
}
