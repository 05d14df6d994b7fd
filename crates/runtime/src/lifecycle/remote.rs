//! `sys.remote_exec`: a script that another process asks this one to run.
//!
//! Each process has a block at a place of the library that is the same in all processes that run the same library. The asking
//! process finds the library in the other's memory map, checks the block's mark, writes the script's path there and then one byte of
//! the main thread's eval breaker. That byte is used for nothing else, so that the write cannot lose other requests.

use crate::prelude::*;
use crate::thread::ThreadState;
use core::cell::UnsafeCell;
use core::sync::atomic::Ordering::{AcqRel, Acquire, Release};
use core::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize};
use std::ffi::{CStr, OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

/// Bit of the eval breaker, alone in its byte: there is a script to run.
pub const REMOTE_SCRIPT: usize = 1 << 16;
/// The place of that byte in the word.
const BYTE: usize = 2;

const MARK: [u8; 16] = *b"freewheel-remote";
const PATH_SIZE: usize = 1024;

/// What another process writes to. The layout is part of the mark's meaning.
#[repr(C)]
pub struct Block {
    mark: [u8; 16],
    /// Address of the main thread's eval breaker; 0 while there is none.
    breaker: AtomicUsize,
    enabled: AtomicBool,
    /// The path is complete.
    ready: AtomicU8,
    path: UnsafeCell<[u8; PATH_SIZE]>,
}
// SAFETY: the path is written by another process while `ready` is 0, and read after it was seen as 1.
unsafe impl Sync for Block {}

/// The block of this process; its first bytes are not zero, so that it lies in the library's file.
pub static BLOCK: Block = Block {
    mark: MARK,
    breaker: AtomicUsize::new(0),
    enabled: AtomicBool::new(false),
    ready: AtomicU8::new(0),
    path: UnsafeCell::new([0; PATH_SIZE]),
};

/// The main thread begins, or there is none any more.
pub fn set_target(ts: Option<&ThreadState>) {
    BLOCK.breaker.store(ts.map_or(0, |t| t.eval_breaker().as_ptr() as usize), Release);
}

/// Whether scripts are run (`-X disable-remote-debug`, `PYTHON_DISABLE_REMOTE_DEBUG`).
pub fn set_enabled(on: bool) {
    BLOCK.enabled.store(on, Release);
}

/// `sys.is_remote_debug_enabled()`
pub fn is_enabled() -> bool {
    BLOCK.enabled.load(Acquire)
}

/// A mapped file of a process: where its first byte is, and its name.
fn mapping(maps: &str, wanted: impl Fn(usize, usize, &str) -> bool) -> Option<(usize, String)> {
    let mut first: Option<(usize, &str)> = None;
    for line in maps.lines() {
        let mut fields = line.splitn(6, ' ');
        let (Some(range), Some(_), Some(offset)) = (fields.next(), fields.next(), fields.next()) else { continue };
        let name = fields.nth(2).unwrap_or("").trim();
        let Some((start, end)) = range.split_once('-') else { continue };
        let (Ok(start), Ok(end)) = (usize::from_str_radix(start, 16), usize::from_str_radix(end, 16)) else { continue };
        // Anonymous memory behind a file's mapping (its zeroed data) belongs to it.
        if !name.is_empty() && usize::from_str_radix(offset, 16) == Ok(0) {
            first = Some((start, name));
        }
        let Some((base, file)) = first else { continue };
        if (name == file || name.is_empty()) && wanted(start, end, file) {
            return Some((base, file.to_string()));
        }
    }
    None
}

fn io_error(e: &std::io::Error) -> Raised {
    crate::error::raise_os_error(e.raw_os_error().unwrap_or(libc::ESRCH), None, None)
}

fn file_name(mapped: &str) -> &str {
    let path = mapped.strip_suffix(" (deleted)").unwrap_or(mapped);
    path.rsplit('/').next().unwrap_or(path)
}

/// Reads (or writes) memory of a process.
fn transfer(pid: i32, at: usize, data: &mut [u8], write: bool) -> PyResult<()> {
    let local = libc::iovec { iov_base: data.as_mut_ptr().cast(), iov_len: data.len() };
    let remote = libc::iovec { iov_base: at as *mut _, iov_len: data.len() };
    // SAFETY: both describe one range; the kernel checks the remote one.
    let n = unsafe {
        if write {
            libc::process_vm_writev(pid, &local, 1, &remote, 1, 0)
        } else {
            libc::process_vm_readv(pid, &local, 1, &remote, 1, 0)
        }
    };
    if n == data.len() as isize { Ok(()) } else { Err(io_error(&std::io::Error::last_os_error())) }
}

/// Where the block of another process is.
fn find_block(pid: i32) -> PyResult<usize> {
    let own = &raw const BLOCK as usize;
    let maps = std::fs::read_to_string("/proc/self/maps").map_err(|e| io_error(&e))?;
    let Some((base, library)) = mapping(&maps, |start, end, _| (start..end).contains(&own)) else {
        return Err(raise!(RuntimeError, "cannot find the own library in memory"));
    };
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).map_err(|e| io_error(&e))?;
    let name = file_name(&library);
    let missing = || raise!(RuntimeError, "process {} runs no Freewheel of this build", pid);
    let Some((theirs, _)) = mapping(&maps, |_, _, file| file_name(file) == name) else { return Err(missing()) };
    let at = theirs + (own - base);
    let mut mark = [0; MARK.len()];
    transfer(pid, at, &mut mark, false)?;
    if mark == MARK { Ok(at) } else { Err(missing()) }
}

/// `sys.remote_exec(pid, script)`: asks the main thread of a process to run a file soon.
pub fn request(pid: i32, script: &OsStr) -> PyResult<()> {
    // SAFETY: asks only.
    let me = pid == unsafe { libc::getpid() };
    let path = script.as_bytes();
    if path.len() >= PATH_SIZE {
        return Err(raise!(ValueError, "script path is too long"));
    }
    let disabled = || raise!(RuntimeError, "Remote debugging is not enabled in the remote process");
    if me && !is_enabled() {
        return Err(disabled());
    }
    let block = if me { &raw const BLOCK as usize } else { find_block(pid)? };
    let mut flag = [0u8];
    transfer(pid, block + core::mem::offset_of!(Block, enabled), &mut flag, false)?;
    if flag[0] == 0 {
        return Err(disabled());
    }
    let mut word = [0u8; 8];
    transfer(pid, block + core::mem::offset_of!(Block, breaker), &mut word, false)?;
    let breaker = usize::from_ne_bytes(word);
    if breaker == 0 {
        return Err(raise!(RuntimeError, "the remote process has no main thread that runs Python"));
    }
    let ready = block + core::mem::offset_of!(Block, ready);
    transfer(pid, ready, &mut [0], true)?;
    let mut text = path.to_vec();
    text.push(0);
    transfer(pid, block + core::mem::offset_of!(Block, path), &mut text, true)?;
    transfer(pid, ready, &mut [1], true)?;
    transfer(pid, breaker + BYTE, &mut [1], true)
}

/// The main thread has seen the request. Errors of the script are reported, not raised.
#[cold]
pub fn run_pending() {
    if !is_enabled() || BLOCK.ready.swap(0, AcqRel) == 0 {
        return;
    }
    // SAFETY: complete since `ready` was seen; a second request that comes now is cut at the last byte at worst.
    let path = unsafe {
        let mut copy = core::ptr::read_volatile(BLOCK.path.get());
        copy[PATH_SIZE - 1] = 0;
        OsString::from(OsStr::from_bytes(CStr::from_bytes_until_nul(&copy).unwrap_or_default().to_bytes()))
    };
    let saved = crate::error::take_error();
    let run = || -> PyResult<()> {
        let shown = super::fs_decode(&path)?;
        if let Err(_e) = crate::lifecycle::audit::audit("cpython.remote_debugger_script", &[&shown]) {
            crate::objects::exceptions::display::write_unraisable_msg("Exception ignored in audit hook", None);
            return Ok(());
        }
        let bytes = std::fs::read(&path)
            .map_err(|e| crate::error::raise_os_error(e.raw_os_error().unwrap_or(0), Some(&shown), None))?;
        let globals = Dict::new()?;
        if let Some(b) = ThreadState::current().interp().import.modules().get(intern!("builtins"))? {
            globals.set(intern!("__builtins__"), &b)?;
        }
        super::main::run_bytes(&bytes, &shown.to_string_lossy(), &globals).map(drop)
    };
    if let Err(_e) = run() {
        let message = format!("Error executing debugger script {}", path.to_string_lossy());
        crate::objects::exceptions::display::write_unraisable_msg(&message, None);
    }
    if let Some(e) = saved {
        let _ = crate::error::restore(e);
    }
}
