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
