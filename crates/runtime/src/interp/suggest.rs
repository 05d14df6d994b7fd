//! "Did you mean": the closest name by edit distance.

const MOVE: usize = 2;
const CASE: usize = 1;
const MAX_LEN: usize = 40;

fn cost(a: char, b: char) -> usize {
    if a == b {
        0
    } else if a.eq_ignore_ascii_case(&b) {
        CASE
    } else {
        MOVE
    }
}

/// What it costs to make one of the other; more than `max` for long texts.
pub fn distance(a: &str, b: &str, max: usize) -> usize {
    let a: Vec<char> = a.chars().collect();
    let b: Vec<char> = b.chars().collect();
    if a.len() > MAX_LEN || b.len() > MAX_LEN {
        return max + 1;
    }
    let mut row: Vec<usize> = (0..=b.len()).map(|i| i * MOVE).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diag = row[0];
        row[0] = (i + 1) * MOVE;
        for (j, y) in b.iter().enumerate() {
            let v = (diag + cost(*x, *y)).min(row[j] + MOVE).min(row[j + 1] + MOVE);
            diag = row[j + 1];
            row[j + 1] = v;
        }
    }
    row[b.len()]
}

/// The candidate closest to `name`, if one is close enough.
pub fn closest(name: &str, candidates: &[String]) -> Option<String> {
    let n = name.chars().count();
    if candidates.len() > 750 || n > MAX_LEN {
        return None;
    }
    let mut best: Option<(usize, &String)> = None;
    for c in candidates {
        if c == name {
            continue;
        }
        let mut max = (n + c.chars().count() + 3) * MOVE / 6;
        if let Some((d, _)) = best {
            max = max.min(d.saturating_sub(1));
        }
        let d = distance(name, c, max);
        if d <= max {
            best = Some((d, c));
        }
    }
    best.map(|(_, c)| c.clone())
}
