//! Waiting on a 32-bit word: the one primitive everything else blocks with. Linux futexes; elsewhere short sleeps.

use core::sync::atomic::AtomicU32;
use core::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

/// Why `wait` came back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wait {
    /// Woken, or the word had another value, or spuriously.
    Woken,
    TimedOut,
    /// A signal handler ran on this thread.
    Interrupted,
}

/// Blocks while `*word == expected`, until woken or the deadline.
#[cfg(target_os = "linux")]
pub fn wait(word: &AtomicU32, expected: u32, deadline: Option<Instant>) -> Wait {
    let ts;
    let tsp = match deadline {
        None => core::ptr::null(),
        Some(d) => {
            let left = d.saturating_duration_since(Instant::now());
            if left == Duration::ZERO {
                return if word.load(Relaxed) == expected { Wait::TimedOut } else { Wait::Woken };
            }
            ts = libc::timespec { tv_sec: left.as_secs().min(1 << 40) as _, tv_nsec: left.subsec_nanos() as _ };
            &raw const ts
        }
    };
    // SAFETY: the word is alive; the kernel only reads it.
    let r = unsafe {
        libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG, expected, tsp)
    };
    if r == 0 {
        return Wait::Woken;
    }
    match std::io::Error::last_os_error().raw_os_error() {
        Some(libc::ETIMEDOUT) => Wait::TimedOut,
        Some(libc::EINTR) => Wait::Interrupted,
        _ => Wait::Woken,
    }
}

/// Wakes up to `n` waiters.
#[cfg(target_os = "linux")]
pub fn wake(word: *const AtomicU32, n: i32) {
    // SAFETY: the kernel uses the address as a key only.
    unsafe { libc::syscall(libc::SYS_futex, word, libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG, n) };
}

#[cfg(not(target_os = "linux"))]
pub fn wait(word: &AtomicU32, expected: u32, deadline: Option<Instant>) -> Wait {
    if word.load(Relaxed) != expected {
        return Wait::Woken;
    }
    if deadline.is_some_and(|d| Instant::now() >= d) {
        return Wait::TimedOut;
    }
    std::thread::sleep(Duration::from_micros(200));
    Wait::Woken
}

#[cfg(not(target_os = "linux"))]
pub fn wake(_: *const AtomicU32, _: i32) {}
