//! `_sre`: regular expressions. `re._compiler` compiles patterns to code; here it is translated and run.

pub mod engine;
pub mod matchobj;
pub mod pattern;
pub mod program;

use macros::pymodule;

#[pymodule(name = "_sre")]
pub mod _sre {
    use super::matchobj::{Match, Template};
    use super::pattern::{FindIter, Pattern, Scanner};
    use super::program::{lower_ascii, lower_locale};
    use runtime::convert::HasSpec;
    use runtime::objects::unicode::ucd;
    use runtime::prelude::*;

    #[pyattr]
    const MAGIC: i64 = 20230612;
    #[pyattr]
    const CODESIZE: i64 = 4;
    #[pyattr]
    const MAXREPEAT: i64 = u32::MAX as i64;
    #[pyattr]
    const MAXGROUPS: i64 = 1073741823;

    #[pyfunction]
    fn getcodesize() -> i64 {
        4
    }
    #[pyfunction]
    fn ascii_iscased(character: i32) -> bool {
        (0..128).contains(&character) && (character as u8).is_ascii_alphabetic()
    }
    #[pyfunction]
    fn unicode_iscased(character: i32) -> bool {
        let c = character as u32;
        ucd::to_lower(c) != c || ucd::to_upper(c) != c
    }
    #[pyfunction]
    fn ascii_tolower(character: i32) -> i64 {
        lower_ascii(character as u32) as i64
    }
    #[pyfunction]
    fn unicode_tolower(character: i32) -> i64 {
        ucd::to_lower(character as u32) as i64
    }
    #[pyfunction]
    fn getlower(character: i32, flags: i32) -> i64 {
        let c = character as u32;
        (if flags & 4 != 0 {
            lower_locale(c)
        } else if flags & 32 != 0 {
            ucd::to_lower(c)
        } else {
            lower_ascii(c)
        }) as i64
    }
    #[pyfunction(sig = "pattern, flags, code, groups, groupindex, indexgroup")]
    fn compile(
        pattern: &Object,
        flags: i32,
        code: &List,
        groups: isize,
        groupindex: &Dict,
        indexgroup: &Tuple,
    ) -> PyResult<PyRef> {
        Pattern::compile(pattern, flags, code, groups, groupindex, indexgroup)
    }
    #[pyfunction(sig = "pattern, template, /")]
    fn template(pattern: &Object, template: &List) -> PyResult<PyRef> {
        let _ = pattern;
        Template::from_list(template)
    }

    #[exec]
    fn init(_m: &Module) -> PyResult<()> {
        runtime::typeobject::init_static(Pattern::spec())?;
        runtime::typeobject::init_static(Match::spec())?;
        runtime::typeobject::init_static(Scanner::spec())?;
        runtime::typeobject::init_static(FindIter::spec())?;
        runtime::typeobject::init_static(Template::spec())
    }
}
