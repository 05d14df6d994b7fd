//! `syslog`: messages to the system's logger.

use macros::pymodule;

#[pymodule(name = "syslog")]
pub mod syslog {
    use runtime::convert::FromPy;
    use runtime::lifecycle::audit::audit;
    use runtime::prelude::*;
    use std::ffi::CString;
    use std::sync::Mutex;

    const CONSTANTS: &[(&str, i32)] = &[
        ("LOG_EMERG", libc::LOG_EMERG),
        ("LOG_ALERT", libc::LOG_ALERT),
        ("LOG_CRIT", libc::LOG_CRIT),
        ("LOG_ERR", libc::LOG_ERR),
        ("LOG_WARNING", libc::LOG_WARNING),
        ("LOG_NOTICE", libc::LOG_NOTICE),
        ("LOG_INFO", libc::LOG_INFO),
        ("LOG_DEBUG", libc::LOG_DEBUG),
        ("LOG_PID", libc::LOG_PID),
        ("LOG_CONS", libc::LOG_CONS),
        ("LOG_NDELAY", libc::LOG_NDELAY),
        ("LOG_ODELAY", libc::LOG_ODELAY),
        ("LOG_NOWAIT", libc::LOG_NOWAIT),
        ("LOG_PERROR", libc::LOG_PERROR),
        ("LOG_KERN", libc::LOG_KERN),
        ("LOG_USER", libc::LOG_USER),
        ("LOG_MAIL", libc::LOG_MAIL),
        ("LOG_DAEMON", libc::LOG_DAEMON),
        ("LOG_AUTH", libc::LOG_AUTH),
        ("LOG_LPR", libc::LOG_LPR),
        ("LOG_LOCAL0", libc::LOG_LOCAL0),
        ("LOG_LOCAL1", libc::LOG_LOCAL1),
        ("LOG_LOCAL2", libc::LOG_LOCAL2),
        ("LOG_LOCAL3", libc::LOG_LOCAL3),
        ("LOG_LOCAL4", libc::LOG_LOCAL4),
        ("LOG_LOCAL5", libc::LOG_LOCAL5),
        ("LOG_LOCAL6", libc::LOG_LOCAL6),
        ("LOG_LOCAL7", libc::LOG_LOCAL7),
        ("LOG_SYSLOG", libc::LOG_SYSLOG),
        ("LOG_CRON", libc::LOG_CRON),
        ("LOG_UUCP", libc::LOG_UUCP),
        ("LOG_NEWS", libc::LOG_NEWS),
        ("LOG_AUTHPRIV", libc::LOG_AUTHPRIV),
        ("LOG_FTP", libc::LOG_FTP),
    ];

    /// The C library keeps a pointer to the name, so it lives here. `open`: openlog() was called.
    struct State {
        name: Option<CString>,
        open: bool,
    }
    static STATE: Mutex<State> = Mutex::new(State { name: None, open: false });

    /// The base name of `sys.argv[0]`.
    fn program() -> PyResult<Option<CString>> {
        let sys = runtime::objects::support::import("sys")?;
        let Some(argv) = sys.getattr_opt(intern!("argv"))? else { return Ok(None) };
        let Some(list) = argv.downcast::<List>() else { return Ok(None) };
        let Some(first) = list.get(0) else { return Ok(None) };
        let Some(s) = first.downcast::<Str>() else { return Ok(None) };
        let s = s.to_string_lossy();
        let base = s.rsplit('/').next().unwrap_or_default();
        Ok(if base.is_empty() { None } else { CString::new(base).ok() })
    }

    fn open(name: Option<CString>, option: i32, facility: i32) {
        let mut s = STATE.lock().unwrap_or_else(|e| e.into_inner());
        // SAFETY: the name is kept in STATE until another one takes its place.
        unsafe { libc::openlog(name.as_ref().map_or(core::ptr::null(), |n| n.as_ptr()), option, facility) };
        (s.name, s.open) = (name, true);
    }

    /// Sets the identity, the options and the default facility of the following syslog() calls.
    #[pyfunction(sig = "ident=<unrepresentable>, logoption=0, facility=LOG_USER")]
    fn openlog(ident: Arg<&Str>, logoption: Arg<i32>, facility: Arg<i32>) -> PyResult<()> {
        let name = match ident {
            Arg::Given(s) => {
                Some(CString::new(s.to_str()?).map_err(|_| raise!(ValueError, "embedded null character"))?)
            }
            Arg::Missing => program()?,
        };
        let (option, facility) = (logoption.unwrap_or(0), facility.unwrap_or(libc::LOG_USER));
        let shown = match &name {
            Some(n) => Str::new(&n.to_string_lossy())?.upcast(),
            None => none_ref(),
        };
        audit("syslog.openlog", &[&*shown, &*Int::from_i64(option.into())?, &*Int::from_i64(facility.into())?])?;
        open(name, option, facility);
        Ok(())
    }
    /// Closes the log and forgets what openlog() set.
    #[pyfunction]
    fn closelog() -> PyResult<()> {
        audit("syslog.closelog", &[])?;
        let mut s = STATE.lock().unwrap_or_else(|e| e.into_inner());
        if s.open {
            // SAFETY: no preconditions.
            unsafe { libc::closelog() };
            (s.name, s.open) = (None, false);
        }
        Ok(())
    }
    /// syslog([priority=LOG_INFO,] message)
    ///
    /// Sends a message to the system's logger.
    #[pyfunction(raw)]
    fn syslog(args: FuncArgs<'_>) -> PyResult<PyRef> {
        args.no_keywords("syslog")?;
        args.check_positional("syslog", 1, 2)?;
        let (priority, message) = match args.args {
            [message] => (libc::LOG_INFO, *message),
            [priority, message, ..] => (i32::from_py(priority)?, *message),
            [] => return Err(raise!(SystemError, "arguments were counted")),
        };
        let Some(text) = message.downcast::<Str>() else {
            return Err(raise!(
                TypeError,
                "syslog() argument {} must be str, not {}",
                args.len(),
                message.ty().name_str()
            ));
        };
        let c = CString::new(text.to_str()?).map_err(|_| raise!(ValueError, "embedded null character"))?;
        audit("syslog.syslog", &[&*Int::from_i64(priority.into())?, text])?;
        if !STATE.lock().unwrap_or_else(|e| e.into_inner()).open {
            let name = program()?;
            runtime::audit_event!(
                "syslog.openlog",
                name.as_ref().map(|n| n.to_string_lossy().into_owned()),
                0i32,
                libc::LOG_USER
            )?;
            open(name, 0, libc::LOG_USER);
        }
        // SAFETY: null-terminated strings; the format takes one.
        runtime::thread::detach(|| unsafe { libc::syslog(priority, c"%s".as_ptr(), c.as_ptr()) });
        Ok(none_ref())
    }
    /// Sets the mask of priorities that are logged and returns the one before.
    #[pyfunction(sig = "maskpri, /")]
    fn setlogmask(maskpri: i64) -> PyResult<i32> {
        audit("syslog.setlogmask", &[&*Int::from_i64(maskpri)?])?;
        // SAFETY: no preconditions.
        Ok(unsafe { libc::setlogmask(maskpri as i32) })
    }
    /// The mask of one priority.
    #[pyfunction(name = "LOG_MASK", sig = "pri, /")]
    fn log_mask(pri: i64) -> i64 {
        1i64.wrapping_shl(pri as u32)
    }
    /// The mask of all priorities up to one.
    #[pyfunction(name = "LOG_UPTO", sig = "pri, /")]
    fn log_upto(pri: i64) -> i64 {
        1i64.wrapping_shl(pri as u32 + 1) - 1
    }
    #[exec]
    fn init(m: &Module) -> PyResult<()> {
        for (name, v) in CONSTANTS {
            m.add(name, Int::from_i64((*v).into())?.upcast())?;
        }
        Ok(())
    }
}
