//! `sys.flags`.

use runtime::convert::IntoPy;
use runtime::objects::structseq;
use runtime::prelude::*;

const FIELDS: &[(&str, &str)] = &[
    ("debug", "-d"),
    ("inspect", "-i"),
    ("interactive", "-i"),
    ("optimize", "-O or -OO"),
    ("dont_write_bytecode", "-B"),
    ("no_user_site", "-s"),
    ("no_site", "-S"),
    ("ignore_environment", "-E"),
    ("verbose", "-v"),
    ("bytes_warning", "-b"),
    ("quiet", "-q"),
    ("hash_randomization", "-R"),
    ("isolated", "-I"),
    ("dev_mode", "-X dev"),
    ("utf8_mode", "-X utf8"),
    ("warn_default_encoding", "-X warn_default_encoding"),
    ("safe_path", "-P"),
    ("int_max_str_digits", "-X int_max_str_digits"),
    ("gil", "-X gil"),
    ("thread_inherit_context", "-X thread_inherit_context"),
    ("context_aware_warnings", "-X context_aware_warnings"),
];

/// Adds `sys.flags`: the first 18 fields are its sequence, the rest attributes only, as in CPython 3.14.
pub fn add(m: &Module) -> PyResult<()> {
    let c = ThreadState::current().interp().config();
    let ty = structseq::make_type(
        "sys.flags",
        "sys.flags\n\nFlags provided through command line arguments or environment vars.",
        FIELDS,
        18,
    )?;
    let gil = match c.enable_gil {
        None => none_ref(),
        Some(v) => (v as i32).into_py()?,
    };
    let values = vec![
        c.parser_debug.into_py()?,
        (c.inspect as i32).into_py()?,
        (c.interactive as i32).into_py()?,
        c.optimization_level.into_py()?,
        (!c.write_bytecode as i32).into_py()?,
        (!c.user_site_directory as i32).into_py()?,
        (!c.site_import as i32).into_py()?,
        (!c.use_environment as i32).into_py()?,
        c.verbose.into_py()?,
        c.bytes_warning.into_py()?,
        (c.quiet as i32).into_py()?,
        ((c.hash_seed != Some(0)) as i32).into_py()?,
        (c.isolated as i32).into_py()?,
        c.dev_mode.into_py()?,
        // The file-system encoding is UTF-8 always; the mode says what was asked for.
        (c.utf8_mode as i32).into_py()?,
        (c.warn_default_encoding as i32).into_py()?,
        c.safe_path.into_py()?,
        c.int_max_str_digits.into_py()?,
        gil,
        (c.thread_inherit_context as i32).into_py()?,
        (c.context_aware_warnings as i32).into_py()?,
    ];
    structseq::forbid_instances(&ty)?;
    m.add("flags", structseq::new(&ty, values)?)
}
