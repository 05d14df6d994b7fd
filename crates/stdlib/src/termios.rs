//! `termios`: terminal attributes, line control and window sizes.

use macros::pymodule;
use runtime::prelude::*;
use std::sync::OnceLock;

static ERROR: OnceLock<PyRef> = OnceLock::new();

/// The constants of Linux, which are the same on every architecture with the generic ones.
#[rustfmt::skip]
const CONSTANTS: &[(&str, i64)] = &[
    ("B0", 0),
    ("B50", 1),
    ("B75", 2),
    ("B110", 3),
    ("B134", 4),
    ("B150", 5),
    ("B200", 6),
    ("B300", 7),
    ("B600", 8),
    ("B1200", 9),
    ("B1800", 10),
    ("B2400", 11),
    ("B4800", 12),
    ("B9600", 13),
    ("B19200", 14),
    ("B38400", 15),
    ("B57600", 4097),
    ("B115200", 4098),
    ("B230400", 4099),
    ("B460800", 4100),
    ("B500000", 4101),
    ("B576000", 4102),
    ("B921600", 4103),
    ("B1000000", 4104),
    ("B1152000", 4105),
    ("B1500000", 4106),
    ("B2000000", 4107),
    ("B2500000", 4108),
    ("B3000000", 4109),
    ("B3500000", 4110),
    ("B4000000", 4111),
    ("CBAUDEX", 4096),
    ("TCSANOW", 0),
    ("TCSADRAIN", 1),
    ("TCSAFLUSH", 2),
    ("TCIFLUSH", 0),
    ("TCOFLUSH", 1),
    ("TCIOFLUSH", 2),
    ("TCOOFF", 0),
    ("TCOON", 1),
    ("TCIOFF", 2),
    ("TCION", 3),
    ("IGNBRK", 1),
    ("BRKINT", 2),
    ("IGNPAR", 4),
    ("PARMRK", 8),
    ("INPCK", 16),
    ("ISTRIP", 32),
    ("INLCR", 64),
    ("IGNCR", 128),
    ("ICRNL", 256),
    ("IUCLC", 512),
    ("IXON", 1024),
    ("IXANY", 2048),
    ("IXOFF", 4096),
    ("IMAXBEL", 8192),
    ("IUTF8", 16384),
    ("OPOST", 1),
    ("OLCUC", 2),
    ("ONLCR", 4),
    ("OCRNL", 8),
    ("ONOCR", 16),
    ("ONLRET", 32),
    ("OFILL", 64),
    ("OFDEL", 128),
    ("NLDLY", 256),
    ("CRDLY", 1536),
    ("TABDLY", 6144),
    ("BSDLY", 8192),
    ("VTDLY", 16384),
    ("FFDLY", 32768),
    ("NL0", 0),
    ("NL1", 256),
    ("CR0", 0),
    ("CR1", 512),
    ("CR2", 1024),
    ("CR3", 1536),
    ("TAB0", 0),
    ("TAB1", 2048),
    ("TAB2", 4096),
    ("TAB3", 6144),
    ("XTABS", 6144),
    ("BS0", 0),
    ("BS1", 8192),
    ("VT0", 0),
    ("VT1", 16384),
    ("FF0", 0),
    ("FF1", 32768),
    ("CSIZE", 48),
    ("CSTOPB", 64),
    ("CREAD", 128),
    ("PARENB", 256),
    ("PARODD", 512),
    ("HUPCL", 1024),
    ("CLOCAL", 2048),
    ("CIBAUD", 269418496),
    ("CRTSCTS", 2147483648),
    ("CS5", 0),
    ("CS6", 16),
    ("CS7", 32),
    ("CS8", 48),
    ("ISIG", 1),
    ("ICANON", 2),
    ("XCASE", 4),
    ("ECHO", 8),
    ("ECHOE", 16),
    ("ECHOK", 32),
    ("ECHONL", 64),
    ("ECHOCTL", 512),
    ("ECHOPRT", 1024),
    ("ECHOKE", 2048),
    ("FLUSHO", 4096),
    ("NOFLSH", 128),
    ("TOSTOP", 256),
    ("PENDIN", 16384),
    ("IEXTEN", 32768),
    ("EXTPROC", 65536),
    ("VINTR", 0),
    ("VQUIT", 1),
    ("VERASE", 2),
    ("VKILL", 3),
    ("VEOF", 4),
    ("VTIME", 5),
    ("VMIN", 6),
    ("VSWTC", 7),
    ("VSWTCH", 7),
    ("VSTART", 8),
    ("VSTOP", 9),
    ("VSUSP", 10),
    ("VEOL", 11),
    ("VREPRINT", 12),
    ("VDISCARD", 13),
    ("VWERASE", 14),
    ("VLNEXT", 15),
    ("VEOL2", 16),
    ("CBAUD", 4111),
    ("CDSUSP", 25),
    ("CEOF", 4),
    ("CEOL", 0),
    ("CEOT", 4),
    ("CERASE", 127),
    ("CFLUSH", 15),
    ("CINTR", 3),
    ("CKILL", 21),
    ("CLNEXT", 22),
    ("CQUIT", 28),
    ("CRPRNT", 18),
    ("CSTART", 17),
    ("CSTOP", 19),
    ("CSUSP", 26),
    ("CWERASE", 23),
    ("EXTA", 14),
    ("EXTB", 15),
    ("FIOASYNC", 21586),
    ("FIOCLEX", 21585),
    ("FIONBIO", 21537),
    ("FIONCLEX", 21584),
    ("FIONREAD", 21531),
    ("IOCSIZE_MASK", 1073676288),
    ("IOCSIZE_SHIFT", 16),
    ("NCC", 8),
    ("NCCS", 32),
    ("N_MOUSE", 2),
    ("N_PPP", 3),
    ("N_SLIP", 1),
    ("N_STRIP", 4),
    ("N_TTY", 0),
    ("TCFLSH", 21515),
    ("TCGETA", 21509),
    ("TCGETS", 21505),
    ("TCSBRK", 21513),
    ("TCSBRKP", 21541),
    ("TCSETA", 21510),
    ("TCSETAF", 21512),
    ("TCSETAW", 21511),
    ("TCSETS", 21506),
    ("TCSETSF", 21508),
    ("TCSETSW", 21507),
    ("TCXONC", 21514),
    ("TIOCCONS", 21533),
    ("TIOCEXCL", 21516),
    ("TIOCGETD", 21540),
    ("TIOCGICOUNT", 21597),
    ("TIOCGLCKTRMIOS", 21590),
    ("TIOCGPGRP", 21519),
    ("TIOCGSERIAL", 21534),
    ("TIOCGSOFTCAR", 21529),
    ("TIOCGWINSZ", 21523),
    ("TIOCINQ", 21531),
    ("TIOCLINUX", 21532),
    ("TIOCMBIC", 21527),
    ("TIOCMBIS", 21526),
    ("TIOCMGET", 21525),
    ("TIOCMIWAIT", 21596),
    ("TIOCMSET", 21528),
    ("TIOCM_CAR", 64),
    ("TIOCM_CD", 64),
    ("TIOCM_CTS", 32),
    ("TIOCM_DSR", 256),
    ("TIOCM_DTR", 2),
    ("TIOCM_LE", 1),
    ("TIOCM_RI", 128),
    ("TIOCM_RNG", 128),
    ("TIOCM_RTS", 4),
    ("TIOCM_SR", 16),
    ("TIOCM_ST", 8),
    ("TIOCNOTTY", 21538),
    ("TIOCNXCL", 21517),
    ("TIOCOUTQ", 21521),
    ("TIOCPKT", 21536),
    ("TIOCPKT_DATA", 0),
    ("TIOCPKT_DOSTOP", 32),
    ("TIOCPKT_FLUSHREAD", 1),
    ("TIOCPKT_FLUSHWRITE", 2),
    ("TIOCPKT_NOSTOP", 16),
    ("TIOCPKT_START", 8),
    ("TIOCPKT_STOP", 4),
    ("TIOCSCTTY", 21518),
    ("TIOCSERCONFIG", 21587),
    ("TIOCSERGETLSR", 21593),
    ("TIOCSERGETMULTI", 21594),
    ("TIOCSERGSTRUCT", 21592),
    ("TIOCSERGWILD", 21588),
    ("TIOCSERSETMULTI", 21595),
    ("TIOCSERSWILD", 21589),
    ("TIOCSER_TEMT", 1),
    ("TIOCSETD", 21539),
    ("TIOCSLCKTRMIOS", 21591),
    ("TIOCSPGRP", 21520),
    ("TIOCSSERIAL", 21535),
    ("TIOCSSOFTCAR", 21530),
    ("TIOCSTI", 21522),
    ("TIOCSWINSZ", 21524),
    ("_POSIX_VDISABLE", 0),
];

/// POSIX terminal control: attributes, flow control, window sizes.
///
/// Every function takes a file descriptor: an integer, or an object with a fileno() method.
#[pymodule(name = "termios")]
pub mod termios {
    use super::*;
    use crate::posix::path::{Fd, errno};
    use core::ffi::c_int;
    use runtime::convert::FromPy;

    /// A file descriptor, which is not negative.
    struct Terminal(c_int);
    impl FromPy<'_> for Terminal {
        fn from_py(o: &Object) -> PyResult<Self> {
            match Fd::from_py(o)?.0 {
                n if n < 0 => Err(raise!(ValueError, "file descriptor cannot be a negative integer ({})", n)),
                n => Ok(Terminal(n)),
            }
        }
    }

    /// `termios.error(errno, text)`
    fn error() -> Raised {
        let number = errno();
        let make = || -> PyResult<PyRef> {
            let t = ERROR.get().ok_or_else(|| raise!(SystemError, "termios is not initialised"))?;
            let text = std::io::Error::from_raw_os_error(number).to_string();
            let text = text.split(" (os error").next().unwrap_or_default();
            t.call(&[&*Int::from_i64(number.into())?, &*Str::new(text)?])
        };
        match make().map(PyRef::downcast_into::<runtime::objects::BaseException>) {
            Ok(Ok(e)) => runtime::error::restore(e),
            Ok(Err(_)) => raise!(SystemError, "termios.error is no exception"),
            Err(e) => e,
        }
    }
    fn done(r: c_int) -> PyResult<()> {
        if r < 0 { Err(error()) } else { Ok(()) }
    }
    fn get(fd: c_int) -> PyResult<libc::termios> {
        // SAFETY: all-zero is a valid buffer, which is written.
        unsafe {
            let mut t: libc::termios = core::mem::zeroed();
            done(libc::tcgetattr(fd, &mut t))?;
            Ok(t)
        }
    }

    /// The attributes of a terminal: [iflag, oflag, cflag, lflag, ispeed, ospeed, cc].
    ///
    /// cc is a list of single bytes; VMIN and VTIME are integers when input is not by lines.
    #[pyfunction(sig = "fd, /")]
    fn tcgetattr(fd: Terminal) -> PyResult<Ref<List>> {
        let t = get(fd.0)?;
        // SAFETY: a filled struct.
        let speeds = unsafe { (libc::cfgetispeed(&t), libc::cfgetospeed(&t)) };
        let raw = t.c_lflag & libc::ICANON == 0;
        let mut cc = Vec::with_capacity(t.c_cc.len());
        for (i, c) in t.c_cc.iter().enumerate() {
            cc.push(if raw && (i == libc::VMIN || i == libc::VTIME) {
                Int::from_i64((*c).into())?.upcast()
            } else {
                Bytes::new(&[*c])?.upcast()
            });
        }
        let mut items = Vec::with_capacity(7);
        for v in [t.c_iflag, t.c_oflag, t.c_cflag, t.c_lflag, speeds.0, speeds.1] {
            items.push(Int::from_i64(v.into())?.upcast());
        }
        items.push(List::from_vec(cc)?.upcast());
        List::from_vec(items)
    }
    fn flag(o: &Object) -> PyResult<u32> {
        let i = o.index()?;
        match i.try_i64() {
            // Flags may come as negative numbers, as C's conversion takes them.
            Some(v) if (i64::from(i32::MIN)..=i64::from(u32::MAX)).contains(&v) => Ok(v as u32),
            _ => Err(raise!(OverflowError, "Python int too large to convert to C int")),
        }
    }
    /// Sets the attributes of a terminal from a list such as tcgetattr() gives.
    ///
    /// when says when: TCSANOW, TCSADRAIN (output first) or TCSAFLUSH (output first, input dropped).
    #[pyfunction(sig = "fd, when, attributes, /")]
    fn tcsetattr(fd: Terminal, when: i32, attributes: &Object) -> PyResult<()> {
        let wrong = || raise!(TypeError, "tcsetattr, arg 3: must be 7 element list");
        let Some(list) = attributes.downcast::<List>() else { return Err(wrong()) };
        let items = list.snapshot();
        let [iflag, oflag, cflag, lflag, ispeed, ospeed, cc] = items.as_slice() else { return Err(wrong()) };
        let mut t = get(fd.0)?;
        t.c_iflag = flag(iflag)?;
        t.c_oflag = flag(oflag)?;
        t.c_cflag = flag(cflag)?;
        t.c_lflag = flag(lflag)?;
        let speeds = (flag(ispeed)?, flag(ospeed)?);
        let n = t.c_cc.len();
        let chars = cc.downcast::<List>().map(List::snapshot).filter(|c| c.len() == n);
        let Some(chars) = chars else {
            return Err(raise!(TypeError, "tcsetattr: attributes[6] must be {} element list", n));
        };
        for (to, c) in t.c_cc.iter_mut().zip(&chars) {
            if let Some(b) = c.downcast::<Bytes>()
                && let [one] = b.as_slice()
            {
                *to = *one;
            } else if let Some(i) = c.downcast::<Int>() {
                *to = i.as_i64()? as u8;
            } else {
                return Err(raise!(TypeError, "tcsetattr: elements of attributes must be characters or integers"));
            }
        }
        // SAFETY: a filled struct.
        unsafe {
            done(libc::cfsetispeed(&mut t, speeds.0))?;
            done(libc::cfsetospeed(&mut t, speeds.1))?;
        }
        // SAFETY: the same.
        done(runtime::thread::detach(|| unsafe { libc::tcsetattr(fd.0, when, &t) }))
    }
    /// Sends a break: for a quarter to half a second when duration is zero.
    #[pyfunction(sig = "fd, duration, /")]
    fn tcsendbreak(fd: Terminal, duration: i32) -> PyResult<()> {
        // SAFETY: no pointers.
        done(runtime::thread::detach(|| unsafe { libc::tcsendbreak(fd.0, duration) }))
    }
    /// Waits until all output has been sent.
    #[pyfunction(sig = "fd, /")]
    fn tcdrain(fd: Terminal) -> PyResult<()> {
        // SAFETY: no pointers.
        done(runtime::thread::detach(|| unsafe { libc::tcdrain(fd.0) }))
    }
    /// Drops queued input (TCIFLUSH), output (TCOFLUSH) or both (TCIOFLUSH).
    #[pyfunction(sig = "fd, queue, /")]
    fn tcflush(fd: Terminal, queue: i32) -> PyResult<()> {
        // SAFETY: no pointers.
        done(runtime::thread::detach(|| unsafe { libc::tcflush(fd.0, queue) }))
    }
    /// Stops or starts output (TCOOFF, TCOON) or input (TCIOFF, TCION).
    #[pyfunction(sig = "fd, action, /")]
    fn tcflow(fd: Terminal, action: i32) -> PyResult<()> {
        // SAFETY: no pointers.
        done(runtime::thread::detach(|| unsafe { libc::tcflow(fd.0, action) }))
    }
    /// The size of the terminal's window: (rows, columns).
    #[pyfunction(sig = "fd, /")]
    fn tcgetwinsize(fd: Terminal) -> PyResult<(u32, u32)> {
        // SAFETY: the struct is written by the call.
        unsafe {
            let mut w: libc::winsize = core::mem::zeroed();
            done(libc::ioctl(fd.0, libc::TIOCGWINSZ, &mut w))?;
            Ok((w.ws_row.into(), w.ws_col.into()))
        }
    }
    /// Sets the size of the terminal's window from (rows, columns).
    #[pyfunction(sig = "fd, winsize, /")]
    fn tcsetwinsize(fd: Terminal, winsize: &Object) -> PyResult<()> {
        let pair = if winsize.downcast::<Tuple>().is_some()
            || winsize.downcast::<List>().is_some()
            || winsize.getattr_opt(intern!("__getitem__"))?.is_some()
        {
            winsize.to_tuple()?
        } else {
            return Err(raise!(TypeError, "tcsetwinsize, arg 2: must be a two-item sequence"));
        };
        if pair.len() != 2 {
            return Err(raise!(TypeError, "tcsetwinsize, arg 2: must be a two-item sequence"));
        }
        let size = |i: usize| -> PyResult<u16> {
            u16::try_from(pair.get(i).as_i64()?).map_err(|_| raise!(OverflowError, "winsize value(s) out of range."))
        };
        let (rows, columns) = (size(0)?, size(1)?);
        // SAFETY: the struct is read and written by the calls.
        unsafe {
            let mut w: libc::winsize = core::mem::zeroed();
            done(libc::ioctl(fd.0, libc::TIOCGWINSZ, &mut w))?;
            (w.ws_row, w.ws_col) = (rows, columns);
            done(libc::ioctl(fd.0, libc::TIOCSWINSZ, &w))
        }
    }
    #[exec]
    fn init(m: &Module) -> PyResult<()> {
        if ERROR.get().is_none() {
            let _ = ERROR.set(crate::_struct::new_exception("termios", "error", exc::Exception())?);
        }
        if let Some(e) = ERROR.get() {
            m.add("error", e.clone())?;
        }
        for (name, v) in CONSTANTS {
            m.add(name, Int::from_i64(*v)?.upcast())?;
        }
        Ok(())
    }
}
