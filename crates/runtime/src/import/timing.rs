//! `-X importtime`: how long each import took, by itself and with what it imported.

use crate::prelude::*;
use core::cell::Cell;
use std::time::{Duration, Instant};

thread_local! {
    /// How deep imports nest, and the time of those that ended inside the current one.
    static NESTED: Cell<(usize, Duration)> = const { Cell::new((0, Duration::ZERO)) };
    static HEADER: Cell<bool> = const { Cell::new(false) };
}

/// An import under way.
pub struct Timer {
    start: Instant,
    outer: Duration,
}

fn shown(name: &Str) -> String {
    name.as_str().map_or_else(
        || {
            let r = name.ascii().map(|a| a.to_string_lossy().into_owned()).unwrap_or_default();
            r.trim_matches('\'').to_string()
        },
        str::to_string,
    )
}

fn header() {
    if !HEADER.replace(true) {
        eprintln!("import time: self [us] | cumulative | imported package");
    }
}

impl Timer {
    pub fn start() -> Timer {
        let (level, outer) = NESTED.get();
        NESTED.set((level + 1, Duration::ZERO));
        Timer { start: Instant::now(), outer }
    }
    /// The import ended.
    pub fn report(self, name: &Str) {
        let all = self.start.elapsed();
        let (level, inner) = NESTED.get();
        let level = level - 1;
        NESTED.set((level, self.outer + all));
        header();
        let own = all.saturating_sub(inner);
        eprintln!(
            "import time: {:9} | {:10} | {:level2$}{}",
            own.as_micros(),
            all.as_micros(),
            "",
            shown(name),
            level2 = 2 * level
        );
    }
}

/// `-X importtime=2`: an import that found the module loaded.
pub fn report_cached(name: &Str) {
    let (level, _) = NESTED.get();
    header();
    eprintln!("import time: {:<9} | {:<10} | {:level2$}{}", "cached", "cached", "", shown(name), level2 = 2 * level);
}
