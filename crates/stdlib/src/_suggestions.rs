//! `_suggestions`: the closest name, for `traceback`.

use macros::pymodule;

#[pymodule(name = "_suggestions")]
pub mod _suggestions {
    use runtime::prelude::*;

    /// Returns the candidate in candidates that's closest to item
    #[pyfunction(sig = "candidates, item, /")]
    fn _generate_suggestions(candidates: &Object, item: &Str) -> PyResult<Option<String>> {
        let Some(list) = candidates.downcast::<List>() else {
            return Err(raise!(TypeError, "candidates must be a list"));
        };
        let mut names = Vec::new();
        for c in list.snapshot() {
            match c.downcast::<Str>() {
                Some(s) => names.push(s.to_string_lossy().into_owned()),
                None => return Err(raise!(TypeError, "all elements in 'candidates' must be strings")),
            }
        }
        Ok(runtime::interp::suggest::closest(&item.to_string_lossy(), &names))
    }
}
