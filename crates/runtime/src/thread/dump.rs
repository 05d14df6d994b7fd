//! Writing Python stacks to a file descriptor without Python: for crashes, watchdogs and fatal errors. Allocates nothing.

use super::state::{HEAD_LOCK, ThreadState, for_each_thread_locked};
use crate::interp::InterpFrame;
use crate::objects::Str;
use core::ffi::c_int;
use core::fmt::Write;

const MAX_FRAMES: usize = 100;
const MAX_STRING: usize = 500;
const MAX_THREADS: usize = 100;

/// A small buffer in front of a descriptor.
pub struct Out {
    fd: c_int,
    buf: [u8; 512],
    n: usize,
}

impl Out {
    pub fn new(fd: c_int) -> Out {
        Out { fd, buf: [0; 512], n: 0 }
    }

    pub fn flush(&mut self) {
        let mut done = 0;
        while done < self.n {
            // SAFETY: writes from the buffer.
            let r = unsafe { libc::write(self.fd, self.buf[done..].as_ptr().cast(), self.n - done) };
            if r <= 0 {
                break;
            }
            done += r as usize;
        }
        self.n = 0;
    }

    fn bytes(&mut self, b: &[u8]) {
        for &b in b {
            let _ = if (0x20..=0x7e).contains(&b) { self.write_char(b as char) } else { write!(self, "\\x{b:02x}") };
        }
    }

    /// ASCII as it is, the rest escaped.
    fn text(&mut self, s: &Str) {
        let n = s.len();
        for i in 0..n.min(MAX_STRING) {
            let c = s.char_at(i);
            let _ = match c {
                0x20..=0x7e => self.write_char(c as u8 as char),
                0..=0xff => write!(self, "\\x{c:02x}"),
                0..=0xffff => write!(self, "\\u{c:04x}"),
                _ => write!(self, "\\U{c:08x}"),
            };
        }
        if n > MAX_STRING {
            let _ = self.write_str("...");
        }
    }
}

impl Write for Out {
    fn write_str(&mut self, s: &str) -> core::fmt::Result {
        for &b in s.as_bytes() {
            if self.n == self.buf.len() {
                self.flush();
            }
            self.buf[self.n] = b;
            self.n += 1;
        }
        Ok(())
    }
}

impl Drop for Out {
    fn drop(&mut self) {
        self.flush();
    }
}

/// The frames of a thread, innermost first. For a thread that runs, a guess.
pub fn frames(out: &mut Out, ts: &ThreadState) {
    let mut f = ts.abi().current_frame.cast::<InterpFrame>();
    if f.is_null() {
        let _ = out.write_str("  <no Python frame>\n");
        return;
    }
    for _ in 0..MAX_FRAMES {
        if f.is_null() {
            return;
        }
        // SAFETY: frames of a thread inside them are live (its own, or it is stopped; else this is a best effort).
        unsafe {
            if !(*f).is_incomplete() {
                let code = (*f).code();
                let _ = out.write_str("  File \"");
                out.text(code.filename());
                let _ = match (*f).lineno() {
                    Some(n) => write!(out, "\", line {n} in "),
                    None => out.write_str("\", line ??? in "),
                };
                out.text(code.name());
                let _ = out.write_char('\n');
            }
            f = (*f).previous;
        }
    }
    let _ = out.write_str("  ...\n");
}

/// `Stack (most recent call first):` and the frames of `ts`.
pub fn stack(fd: c_int, ts: Option<&ThreadState>) {
    let mut out = Out::new(fd);
    let _ = out.write_str("Stack (most recent call first):\n");
    match ts {
        Some(ts) => frames(&mut out, ts),
        None => {
            let _ = out.write_str("  <no Python frame>\n");
        }
    }
}

/// The C stack of the running thread, as addresses in the binaries they belong to.
pub fn c_stack(fd: c_int) {
    let mut out = Out::new(fd);
    let _ = out.write_str("Current thread's C stack trace (most recent call first):\n");
    c_frames(&mut out);
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn c_frames(out: &mut Out) {
    const MAX: usize = 32;
    let mut frames = [core::ptr::null_mut(); MAX];
    // SAFETY: room for MAX addresses.
    let n = unsafe { libc::backtrace(frames.as_mut_ptr(), MAX as c_int) }.max(0) as usize;
    for &address in &frames[..n] {
        // SAFETY: filled in by the call; names are null-terminated and belong to loaded binaries.
        unsafe {
            let mut info: libc::Dl_info = core::mem::zeroed();
            if libc::dladdr(address, &mut info) == 0 || info.dli_fname.is_null() {
                let _ = write!(out, "  <unknown> [{address:p}]\n");
                continue;
            }
            let _ = out.write_str("  Binary file \"");
            out.bytes(core::ffi::CStr::from_ptr(info.dli_fname).to_bytes());
            let _ = out.write_char('"');
            let (name, base) = match info.dli_sname.is_null() {
                false => (core::ffi::CStr::from_ptr(info.dli_sname).to_bytes(), info.dli_saddr),
                true => (&b""[..], info.dli_fbase),
            };
            let _ = out.write_str(", at ");
            out.bytes(name);
            let _ = write!(out, "+0x{:x} [{address:p}]\n", (address as usize).wrapping_sub(base as usize));
        }
    }
    if n == MAX {
        let _ = out.write_str("  <truncated rest of calls>\n");
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn c_frames(out: &mut Out) {
    let _ = out.write_str("  <cannot get C stack on this system>\n");
}

/// Loads what `c_stack` needs, so that it can be called from a signal handler later.
pub fn prepare_c_stack() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        let mut frames = [core::ptr::null_mut(); 2];
        // SAFETY: room for two addresses.
        unsafe { libc::backtrace(frames.as_mut_ptr(), 2) };
    }
}

/// `Extension modules: a, b (total: 2)`: modules with native code that are not part of the standard library. Nothing when
/// `sys.modules` is being changed just now.
pub fn extension_modules(fd: c_int, ts: &ThreadState) {
    let interp = ts.interp();
    if !interp.import.has_modules() || !interp.has_sys() {
        return;
    }
    let modules = interp.import.modules();
    let o: &crate::object::Object = modules;
    if super::RawMutex::from_abi(&o.0.ob_mutex).is_locked() {
        return;
    }
    let known = crate::lifecycle::init::get_sys("stdlib_module_names").ok().flatten();
    let known = known.as_ref().and_then(|k| k.downcast::<crate::objects::FrozenSet>());
    let mut out = Out::new(fd);
    let (mut pos, mut n) = (0, 0);
    while let Some((name, m)) = modules.next(&mut pos) {
        let Some(name) = name.downcast_exact::<Str>() else { continue };
        if !m.downcast::<crate::objects::Module>().is_some_and(|m| !m.md_def.is_null()) {
            continue;
        }
        let text = name.to_string_lossy();
        let top = text.split('.').next().unwrap_or("");
        let in_stdlib = known.is_some_and(|k| {
            Str::new(top).and_then(|t| k.contains(&t)).unwrap_or_else(|e| {
                e.clear();
                false
            })
        });
        if in_stdlib {
            continue;
        }
        let _ = out.write_str(if n == 0 { "\nExtension modules: " } else { ", " });
        out.text(name);
        n += 1;
    }
    if n > 0 {
        let _ = write!(out, " (total: {n})\n");
    }
}

fn thread_head(out: &mut Out, ts: &ThreadState, current: bool) {
    let _ = write!(out, "{} 0x{:016x}", if current { "Current thread" } else { "Thread" }, ts.abi().thread_id);
    let mut name = [0u8; 32];
    // SAFETY: the buffer stays terminated; the thread exists while its state is listed.
    let ok =
        unsafe { libc::pthread_getname_np(ts.abi().thread_id as libc::pthread_t, name.as_mut_ptr().cast(), 31) } == 0;
    let n = name.iter().position(|&b| b == 0).unwrap_or(0);
    if ok && n > 0 {
        let _ = write!(out, " [{}]", core::str::from_utf8(&name[..n]).unwrap_or("?"));
    }
    let _ = out.write_str(" (most recent call first):\n");
}

/// The stacks of all threads of the current thread's interpreter; `current` is marked as such.
pub fn all_threads(fd: c_int, current: Option<&ThreadState>) {
    let mut out = Out::new(fd);
    let locked = HEAD_LOCK.try_lock();
    let mut n = 0;
    for_each_thread_locked(|ts| {
        if ts.bound_tid() == 0 || n > MAX_THREADS {
            return;
        }
        if n == MAX_THREADS {
            let _ = out.write_str("...\n");
        } else {
            if n > 0 {
                let _ = out.write_char('\n');
            }
            thread_head(&mut out, ts, current.is_some_and(|c| core::ptr::eq(c, ts)));
            frames(&mut out, ts);
        }
        n += 1;
    });
    if locked {
        HEAD_LOCK.unlock();
    }
}
