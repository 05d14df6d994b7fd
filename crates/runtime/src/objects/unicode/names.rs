//! Character names, for `\N{…}`, `unicodedata` and `namereplace`.

const HANGUL_L: [&str; 19] =
    ["G", "GG", "N", "D", "DD", "R", "M", "B", "BB", "S", "SS", "", "J", "JJ", "C", "K", "T", "P", "H"];
const HANGUL_V: [&str; 21] = [
    "A", "AE", "YA", "YAE", "EO", "E", "YEO", "YE", "O", "WA", "WAE", "OE", "YO", "U", "WEO", "WE", "WI", "YU", "EU",
    "YI", "I",
];
const HANGUL_T: [&str; 28] = [
    "", "G", "GG", "GS", "N", "NJ", "NH", "D", "L", "LG", "LM", "LB", "LS", "LT", "LP", "LH", "M", "B", "BS", "S",
    "SS", "NG", "J", "C", "K", "T", "P", "H",
];

/// The name of an assigned character.
pub fn name(c: u32) -> Option<String> {
    if super::ucd::record(c).category == 0 {
        return None;
    }
    if (0xAC00..0xD7A4).contains(&c) {
        let s = (c - 0xAC00) as usize;
        return Some(format!("HANGUL SYLLABLE {}{}{}", HANGUL_L[s / 588], HANGUL_V[s % 588 / 28], HANGUL_T[s % 28]));
    }
    unicode_names2::name(char::from_u32(c)?).map(|n| n.to_string())
}

/// The characters a name (or alias, or with `sequences` a named sequence) stands for.
pub fn lookup(name: &str, sequences: bool) -> Option<Vec<u32>> {
    let _ = sequences;
    if let Some(c) = unicode_names2::character(name)
        && super::ucd::record(c as u32).category != 0
    {
        return Some(vec![c as u32]);
    }
    None
}
