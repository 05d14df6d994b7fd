//! `_locale`: the C library's locale.

use macros::pymodule;

#[pymodule(name = "_locale", doc = "Support for POSIX locales.")]
pub mod _locale {
    use core::ffi::{CStr, c_char};
    use runtime::prelude::*;
    use std::ffi::CString;

    /// Text of the C library in the locale's encoding.
    fn text(p: *const c_char) -> PyResult<Ref<Str>> {
        // SAFETY: a C string or null.
        let b = if p.is_null() { &b""[..] } else { unsafe { CStr::from_ptr(p) }.to_bytes() };
        runtime::objects::codecs::fs_decode(b)
    }
    fn c_text(s: &Str) -> PyResult<CString> {
        let b = runtime::objects::codecs::fs_encode(s)?;
        CString::new(b.as_slice()).map_err(|_| raise!(ValueError, "embedded null character"))
    }
    fn locale_error(m: &Module, message: &str) -> Raised {
        match m.getattr(intern!("Error")) {
            Ok(e) => match e.downcast::<Type>() {
                Some(t) => runtime::error::raise_message(t, format_args!("{message}")),
                None => raise!(SystemError, "locale.Error is no class"),
            },
            Err(e) => e,
        }
    }

    /// Activates/queries locale processing.
    #[pyfunction(module, sig = "category, locale=None, /")]
    fn setlocale(m: &Module, category: i32, locale: Option<&Str>) -> PyResult<Ref<Str>> {
        let name = locale.map(c_text).transpose()?;
        // SAFETY: a C string or null.
        let r = unsafe { libc::setlocale(category, name.as_ref().map_or(core::ptr::null(), |c| c.as_ptr())) };
        if r.is_null() {
            return Err(locale_error(
                m,
                if name.is_some() { "unsupported locale setting" } else { "locale query failed" },
            ));
        }
        text(r)
    }
    /// Returns numeric and monetary locale-specific parameters.
    #[pyfunction]
    fn localeconv() -> PyResult<Ref<Dict>> {
        let d = Dict::new()?;
        // SAFETY: localeconv returns a static struct of C strings.
        let lc = unsafe { &*libc::localeconv() };
        let strings = [
            ("int_curr_symbol", lc.int_curr_symbol),
            ("currency_symbol", lc.currency_symbol),
            ("mon_decimal_point", lc.mon_decimal_point),
            ("mon_thousands_sep", lc.mon_thousands_sep),
            ("positive_sign", lc.positive_sign),
            ("negative_sign", lc.negative_sign),
            ("decimal_point", lc.decimal_point),
            ("thousands_sep", lc.thousands_sep),
        ];
        for (k, v) in strings {
            let t = text(v)?;
            d.set_str(k, &t)?;
        }
        for (k, v) in [("mon_grouping", lc.mon_grouping), ("grouping", lc.grouping)] {
            // SAFETY: a C string or null.
            let b = if v.is_null() { &b""[..] } else { unsafe { CStr::from_ptr(v) }.to_bytes() };
            let mut items = Vec::new();
            for &x in b {
                items.push(Int::from_i64(x as i8 as i64)?.upcast());
                if x == 127 || x == 255 {
                    break;
                }
            }
            if !b.is_empty() && !matches!(b.last(), Some(127 | 255)) {
                items.push(Int::from_i64(0)?.upcast());
            }
            let l = List::from_vec(items)?;
            d.set_str(k, &l)?;
        }
        let chars = [
            ("int_frac_digits", lc.int_frac_digits),
            ("frac_digits", lc.frac_digits),
            ("p_cs_precedes", lc.p_cs_precedes),
            ("p_sep_by_space", lc.p_sep_by_space),
            ("n_cs_precedes", lc.n_cs_precedes),
            ("n_sep_by_space", lc.n_sep_by_space),
            ("p_sign_posn", lc.p_sign_posn),
            ("n_sign_posn", lc.n_sign_posn),
        ];
        for (k, v) in chars {
            let i = Int::from_i64(v as i64)?;
            d.set_str(k, &i)?;
        }
        Ok(d)
    }
    /// Return the value for the locale information associated with key.
    #[pyfunction]
    fn nl_langinfo(key: i32) -> PyResult<Ref<Str>> {
        // SAFETY: gives a static string.
        text(unsafe { libc::nl_langinfo(key) })
    }
    /// Get the current locale encoding.
    #[pyfunction]
    fn getencoding() -> PyResult<Ref<Str>> {
        // SAFETY: gives a static string.
        let s = text(unsafe { libc::nl_langinfo(libc::CODESET) })?;
        if s.is_empty() { Str::new("utf-8") } else { Ok(s) }
    }
    /// Compares two strings according to the locale.
    #[pyfunction]
    fn strcoll(os1: &Str, os2: &Str) -> PyResult<i64> {
        let (a, b) = (c_text(os1)?, c_text(os2)?);
        // SAFETY: C strings.
        Ok(unsafe { libc::strcoll(a.as_ptr(), b.as_ptr()) } as i64)
    }
    /// Return a string that can be used as a key for locale-aware comparisons.
    #[pyfunction]
    fn strxfrm(string: &Str) -> PyResult<Ref<Str>> {
        let a = c_text(string)?;
        // SAFETY: C strings and a buffer of the size asked for.
        unsafe {
            let n = libc::strxfrm(core::ptr::null_mut(), a.as_ptr(), 0);
            let mut v = vec![0u8; n + 1];
            libc::strxfrm(v.as_mut_ptr().cast(), a.as_ptr(), n + 1);
            v.truncate(n);
            runtime::objects::codecs::fs_decode(&v)
        }
    }
    unsafe extern "C" {
        fn gettext(msg: *const c_char) -> *mut c_char;
        fn dgettext(domain: *const c_char, msg: *const c_char) -> *mut c_char;
        fn dcgettext(domain: *const c_char, msg: *const c_char, category: i32) -> *mut c_char;
        fn textdomain(domain: *const c_char) -> *mut c_char;
        fn bindtextdomain(domain: *const c_char, dir: *const c_char) -> *mut c_char;
        fn bind_textdomain_codeset(domain: *const c_char, codeset: *const c_char) -> *mut c_char;
    }
    fn opt(c: &Option<CString>) -> *const c_char {
        c.as_ref().map_or(core::ptr::null(), |c| c.as_ptr())
    }
    /// Return translation of msg.
    #[pyfunction(name = "gettext")]
    fn py_gettext(msg: &Str) -> PyResult<Ref<Str>> {
        let m = c_text(msg)?;
        // SAFETY: a C string.
        text(unsafe { gettext(m.as_ptr()) })
    }
    /// Return translation of msg in domain.
    #[pyfunction(name = "dgettext", sig = "domain, msg, /")]
    fn py_dgettext(domain: Option<&Str>, msg: &Str) -> PyResult<Ref<Str>> {
        let (d, m) = (domain.map(c_text).transpose()?, c_text(msg)?);
        // SAFETY: C strings.
        text(unsafe { dgettext(opt(&d), m.as_ptr()) })
    }
    /// Return translation of msg in domain and category.
    #[pyfunction(name = "dcgettext", sig = "domain, msg, category, /")]
    fn py_dcgettext(domain: Option<&Str>, msg: &Str, category: i32) -> PyResult<Ref<Str>> {
        let (d, m) = (domain.map(c_text).transpose()?, c_text(msg)?);
        // SAFETY: C strings.
        text(unsafe { dcgettext(opt(&d), m.as_ptr(), category) })
    }
    /// Set the C library's textdmain to domain, returning the new domain.
    #[pyfunction(name = "textdomain", sig = "domain, /")]
    fn py_textdomain(domain: Option<&Str>) -> PyResult<Ref<Str>> {
        let d = domain.map(c_text).transpose()?;
        // SAFETY: a C string or null.
        text(unsafe { textdomain(opt(&d)) })
    }
    /// Bind the C library's domain to dir.
    #[pyfunction(name = "bindtextdomain", sig = "domain, dir, /")]
    fn py_bindtextdomain(domain: &Str, dir: Option<&Str>) -> PyResult<Ref<Str>> {
        let (d, p) = (c_text(domain)?, dir.map(c_text).transpose()?);
        // SAFETY: C strings.
        text(unsafe { bindtextdomain(d.as_ptr(), opt(&p)) })
    }
    /// Bind the C library's domain to codeset.
    #[pyfunction(name = "bind_textdomain_codeset", sig = "domain, codeset, /")]
    fn py_bind_textdomain_codeset(domain: &Str, codeset: Option<&Str>) -> PyResult<PyRef> {
        let (d, c) = (c_text(domain)?, codeset.map(c_text).transpose()?);
        // SAFETY: C strings.
        let r = unsafe { bind_textdomain_codeset(d.as_ptr(), opt(&c)) };
        if r.is_null() { Ok(none_ref()) } else { Ok(text(r)?.upcast()) }
    }
    #[exec]
    fn init(m: &Module) -> PyResult<()> {
        let e = crate::_struct::new_exception("locale", "Error", exc::Exception())?;
        m.add("Error", e)?;
        let mut consts: Vec<(String, i64)> = vec![
            ("LC_CTYPE".into(), libc::LC_CTYPE as i64),
            ("LC_TIME".into(), libc::LC_TIME as i64),
            ("LC_COLLATE".into(), libc::LC_COLLATE as i64),
            ("LC_MONETARY".into(), libc::LC_MONETARY as i64),
            ("LC_MESSAGES".into(), libc::LC_MESSAGES as i64),
            ("LC_NUMERIC".into(), libc::LC_NUMERIC as i64),
            ("LC_ALL".into(), libc::LC_ALL as i64),
            ("CHAR_MAX".into(), 127),
            ("CODESET".into(), libc::CODESET as i64),
            ("D_T_FMT".into(), libc::D_T_FMT as i64),
            ("D_FMT".into(), libc::D_FMT as i64),
            ("T_FMT".into(), libc::T_FMT as i64),
            ("T_FMT_AMPM".into(), libc::T_FMT_AMPM as i64),
            ("AM_STR".into(), libc::AM_STR as i64),
            ("PM_STR".into(), libc::PM_STR as i64),
            ("ERA".into(), libc::ERA as i64),
            ("ERA_D_FMT".into(), libc::ERA_D_FMT as i64),
            ("ERA_D_T_FMT".into(), libc::ERA_D_T_FMT as i64),
            ("ERA_T_FMT".into(), libc::ERA_T_FMT as i64),
            ("ALT_DIGITS".into(), libc::ALT_DIGITS as i64),
            ("RADIXCHAR".into(), libc::RADIXCHAR as i64),
            ("THOUSEP".into(), libc::THOUSEP as i64),
            ("YESEXPR".into(), libc::YESEXPR as i64),
            ("NOEXPR".into(), libc::NOEXPR as i64),
            ("CRNCYSTR".into(), libc::CRNCYSTR as i64),
            ("_DATE_FMT".into(), 131180),
        ];
        for i in 0..7 {
            consts.push((format!("DAY_{}", i + 1), libc::DAY_1 as i64 + i));
            consts.push((format!("ABDAY_{}", i + 1), libc::ABDAY_1 as i64 + i));
        }
        for i in 0..12 {
            consts.push((format!("MON_{}", i + 1), libc::MON_1 as i64 + i));
            consts.push((format!("ABMON_{}", i + 1), libc::ABMON_1 as i64 + i));
        }
        for (k, v) in consts {
            m.add(&k, Int::from_i64(v)?.upcast())?;
        }
        Ok(())
    }
}
