//! Everything that depends on the processor architecture: the thread id read inline by compiled extensions and the
//! thread-state slot.
//!
//! The thread state pointer lives in an initial-exec TLS slot defined in assembly: stable Rust offers only the general
//! dynamic model for a cdylib, which costs a function call on every access.

use crate::thread::ThreadState;

#[cfg(target_arch = "x86_64")]
core::arch::global_asm!(
    ".pushsection .tbss.freewheel_tstate,\"awT\",@nobits",
    ".globl freewheel_tstate",
    ".hidden freewheel_tstate",
    ".type freewheel_tstate,@object",
    ".size freewheel_tstate,8",
    ".p2align 3",
    "freewheel_tstate:",
    ".zero 8",
    ".popsection",
);

/// Identity of the running thread: what the headers' `_Py_ThreadId` reads.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub fn thread_id() -> usize {
    let id: usize;
    // SAFETY: fs:0 holds the thread pointer of the x86-64 System V ABI.
    unsafe {
        core::arch::asm!("mov {}, qword ptr fs:[0]", out(reg) id, options(nostack, preserves_flags, readonly, pure))
    };
    id
}

/// The thread state attached to this thread, or null.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub fn tstate() -> *mut ThreadState {
    let p: *mut ThreadState;
    // SAFETY: the slot is defined above; an initial-exec access reads it. Not `pure`: attach and detach change it.
    unsafe {
        core::arch::asm!(
            "mov {0}, qword ptr [rip + freewheel_tstate@GOTTPOFF]",
            "mov {0}, qword ptr fs:[{0}]",
            out(reg) p, options(nostack, preserves_flags, readonly))
    };
    p
}

/// Sets the thread state slot of this thread.
#[cfg(target_arch = "x86_64")]
#[inline]
pub fn set_tstate(p: *mut ThreadState) {
    // SAFETY: the slot is defined above.
    unsafe {
        core::arch::asm!(
            "mov {0}, qword ptr [rip + freewheel_tstate@GOTTPOFF]",
            "mov qword ptr fs:[{0}], {1}",
            out(reg) _, in(reg) p, options(nostack, preserves_flags))
    };
}
