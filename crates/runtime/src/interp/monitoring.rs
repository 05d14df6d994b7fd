//! `sys.monitoring` (PEP 669): tools, their events and callbacks, and delivering an event to them.
//!
//! Nothing here runs while no tool has an event switched on: the plain copy of the eval loop never asks. When one has,
//! `sync_threads` raises `trace::INSTRUMENT` in every thread and the loops change to their traced copy, which calls
//! `fire`. What a tool disabled for one instruction is kept beside the code object (`CodeTools`), keyed by the restart
//! counter, so that `restart_events` is one addition.

use crate::objects::Code;
use crate::prelude::*;
use crate::thread::ThreadState;
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering::*};
use std::collections::HashMap;
use std::sync::Mutex;

/// Event numbers; an event's bit is `1 << number`.
pub mod event {
    pub const PY_START: u32 = 0;
    pub const PY_RESUME: u32 = 1;
    pub const PY_RETURN: u32 = 2;
    pub const PY_YIELD: u32 = 3;
    pub const CALL: u32 = 4;
    pub const LINE: u32 = 5;
    pub const INSTRUCTION: u32 = 6;
    pub const JUMP: u32 = 7;
    pub const BRANCH_LEFT: u32 = 8;
    pub const BRANCH_RIGHT: u32 = 9;
    pub const STOP_ITERATION: u32 = 10;
    pub const RAISE: u32 = 11;
    pub const EXCEPTION_HANDLED: u32 = 12;
    pub const PY_UNWIND: u32 = 13;
    pub const PY_THROW: u32 = 14;
    pub const RERAISE: u32 = 15;
    pub const C_RETURN: u32 = 16;
    pub const C_RAISE: u32 = 17;
    /// Either side of a branch, as 3.13 knew it
    pub const BRANCH: u32 = 18;
}
use event as ev;

/// Names by number.
pub const NAMES: [&str; 19] = [
    "PY_START",
    "PY_RESUME",
    "PY_RETURN",
    "PY_YIELD",
    "CALL",
    "LINE",
    "INSTRUCTION",
    "JUMP",
    "BRANCH_LEFT",
    "BRANCH_RIGHT",
    "STOP_ITERATION",
    "RAISE",
    "EXCEPTION_HANDLED",
    "PY_UNWIND",
    "PY_THROW",
    "RERAISE",
    "C_RETURN",
    "C_RAISE",
    "BRANCH",
];

/// Tools that Python code can use.
pub const TOOLS: usize = 6;
const EVENTS: usize = 19;
/// Events that can be switched on for one code object.
pub const LOCAL_EVENTS: u32 = (1 << (ev::STOP_ITERATION + 1)) - 1;
const C_RESULT: u32 = 1 << ev::C_RETURN | 1 << ev::C_RAISE;

struct Registry {
    names: [Option<PyRef>; TOOLS],
    callbacks: [[Option<PyRef>; EVENTS]; TOOLS],
}
static REGISTRY: Mutex<Registry> =
    Mutex::new(Registry { names: [const { None }; TOOLS], callbacks: [const { [const { None }; EVENTS] }; TOOLS] });
/// Events of each tool for all code.
static GLOBAL: [AtomicU32; TOOLS] = [const { AtomicU32::new(0) }; TOOLS];
/// All of them together.
static ANY_GLOBAL: AtomicU32 = AtomicU32::new(0);
/// Code objects that have local events.
static LOCAL_CODES: AtomicUsize = AtomicUsize::new(0);
/// Bumped by `restart_events`.
static RESTARTS: AtomicU32 = AtomicU32::new(1);
/// Bumped when a tool switches an event on for all code: `[tool][event]`.
static EPOCHS: [[AtomicU32; EVENTS]; TOOLS] = [const { [const { AtomicU32::new(0) }; EVENTS] }; TOOLS];
/// Bumped when a tool is cleared: its local events are void.
static TOOL_VERSIONS: [AtomicU32; TOOLS] = [const { AtomicU32::new(0) }; TOOLS];
/// `sys.monitoring.DISABLE` and `MISSING`, set once by the module.
static SENTINELS: Mutex<Option<(PyRef, PyRef)>> = Mutex::new(None);

/// What tools know about one code object; hangs off `Code::monitoring`.
pub struct CodeTools {
    any: AtomicU32,
    inner: Mutex<Inner>,
}
#[derive(Default)]
struct Inner {
    local: [u32; TOOLS],
    local_version: [u32; TOOLS],
    /// (instruction, event, tool) -> (restart counter, epoch) of when it was disabled
    disabled: HashMap<(u32, u8, u8), (u32, u32)>,
}

fn registry<T>(f: impl FnOnce(&mut Registry) -> T) -> T {
    f(&mut REGISTRY.lock().unwrap_or_else(|e| e.into_inner()))
}

fn tools_of(code: &Code) -> Option<&CodeTools> {
    let p = code.monitoring.load(Acquire) as *const CodeTools;
    // SAFETY: set once, freed with the code.
    unsafe { p.as_ref() }
}

fn tools_made(code: &Code) -> &CodeTools {
    if let Some(t) = tools_of(code) {
        return t;
    }
    let new = Box::into_raw(Box::new(CodeTools { any: AtomicU32::new(0), inner: Mutex::default() }));
    match code.monitoring.compare_exchange(0, new as u64, AcqRel, Acquire) {
        // SAFETY: just made; it lives as long as the code.
        Ok(_) => unsafe { &*new },
        Err(p) => {
            // SAFETY: nobody saw ours; the other one lives as long as the code.
            unsafe {
                drop(Box::from_raw(new));
                &*(p as *const CodeTools)
            }
        }
    }
}

/// Frees what tools know about a dying code object.
pub fn forget_code(code: &Code) {
    let p = code.monitoring.swap(0, AcqRel) as *mut CodeTools;
    if !p.is_null() {
        // SAFETY: nobody else has the code any more.
        let t = unsafe { Box::from_raw(p) };
        if t.any.load(Relaxed) != 0 {
            LOCAL_CODES.fetch_sub(1, AcqRel);
        }
    }
}

/// Whether any tool listens to anything.
#[inline(always)]
pub fn active() -> bool {
    ANY_GLOBAL.load(Relaxed) != 0 || LOCAL_CODES.load(Relaxed) != 0
}

/// The events that some tool may want to hear of in this code.
#[inline]
pub fn mask(code: &Code) -> u32 {
    ANY_GLOBAL.load(Relaxed) | tools_of(code).map_or(0, |t| t.any.load(Relaxed))
}

/// Brings every thread's eval breaker in line with whether there is anything to report.
pub fn sync_threads() {
    crate::thread::stop_the_world(|| crate::thread::state::for_each_thread(super::trace::sync));
}

fn changed() {
    ANY_GLOBAL.store(GLOBAL.iter().fold(0, |a, g| a | g.load(Relaxed)), Release);
    sync_threads();
}

fn in_use(tool: usize) -> PyResult<()> {
    if registry(|r| r.names[tool].is_none()) { Err(raise!(ValueError, "tool {} is not in use", tool)) } else { Ok(()) }
}

/// A tool's number.
pub fn check_tool(id: i64) -> PyResult<usize> {
    if !(0..TOOLS as i64).contains(&id) {
        return Err(raise!(ValueError, "invalid tool {} (must be between 0 and 5)", id));
    }
    Ok(id as usize)
}

pub fn use_tool(id: i64, name: &Object) -> PyResult<()> {
    let i = check_tool(id)?;
    if name.downcast::<Str>().is_none() {
        return Err(raise!(ValueError, "tool name must be a str"));
    }
    let n = name.to_ref();
    if registry(|r| {
        if r.names[i].is_none() {
            r.names[i] = Some(n);
            true
        } else {
            false
        }
    }) {
        Ok(())
    } else {
        Err(raise!(ValueError, "tool {} is already in use", id))
    }
}

/// Events and callbacks of a tool go away; its number stays taken.
pub fn clear_tool(id: i64) -> PyResult<()> {
    let i = check_tool(id)?;
    let old = registry(|r| {
        if r.names[i].is_none() {
            return None;
        }
        Some(core::mem::replace(&mut r.callbacks[i], [const { None }; EVENTS]))
    });
    if old.is_none() {
        return Ok(());
    }
    drop(old);
    GLOBAL[i].store(0, Release);
    TOOL_VERSIONS[i].fetch_add(1, AcqRel);
    changed();
    Ok(())
}

pub fn free_tool(id: i64) -> PyResult<()> {
    clear_tool(id)?;
    let i = check_tool(id)?;
    let old = registry(|r| r.names[i].take());
    drop(old);
    Ok(())
}

pub fn get_tool(id: i64) -> PyResult<PyRef> {
    let i = check_tool(id)?;
    Ok(registry(|r| r.names[i].clone()).unwrap_or_else(none_ref))
}

pub fn register_callback(id: i64, events: i64, func: &Object) -> PyResult<PyRef> {
    let i = check_tool(id)?;
    if events <= 0 || events.count_ones() != 1 {
        return Err(raise!(ValueError, "The callback can only be set for one event at a time"));
    }
    let e = events.trailing_zeros() as usize;
    if e >= EVENTS {
        return Err(raise!(ValueError, "invalid event {}", events));
    }
    crate::lifecycle::audit::audit("sys.monitoring.register_callback", &[func])?;
    let new = (!func.is_none()).then(|| func.to_ref());
    let old = registry(|r| core::mem::replace(&mut r.callbacks[i][e], new));
    Ok(old.unwrap_or_else(none_ref))
}

pub fn get_events(id: i64) -> PyResult<u32> {
    let i = check_tool(id)?;
    Ok(GLOBAL[i].load(Relaxed))
}

/// The set that is stored for the one that was asked for.
fn normalise(set: i64) -> PyResult<u32> {
    let mut s = set as u32;
    if s & C_RESULT != 0 {
        if s & C_RESULT != C_RESULT || s & 1 << ev::CALL == 0 {
            return Err(raise!(ValueError, "cannot set C_RETURN or C_RAISE events independently"));
        }
        s &= !C_RESULT;
    }
    if s & 1 << ev::BRANCH != 0 {
        s = s & !(1 << ev::BRANCH) | 1 << ev::BRANCH_LEFT | 1 << ev::BRANCH_RIGHT;
    }
    Ok(s)
}

pub fn set_events(id: i64, set: i64) -> PyResult<()> {
    let i = check_tool(id)?;
    if !(0..1 << EVENTS).contains(&set) {
        return Err(raise!(ValueError, "invalid event set 0x{:x}", set as u32));
    }
    let s = normalise(set)?;
    in_use(i)?;
    let old = GLOBAL[i].swap(s, AcqRel);
    for (e, epoch) in EPOCHS[i].iter().enumerate() {
        if s & !old & 1 << e != 0 {
            epoch.fetch_add(1, AcqRel);
        }
    }
    changed();
    Ok(())
}

fn code_arg(code: &Object) -> PyResult<&Code> {
    code.downcast::<Code>().ok_or_else(|| raise!(TypeError, "code must be a code object"))
}

pub fn get_local_events(id: i64, code: &Object) -> PyResult<u32> {
    let code = code_arg(code)?;
    let i = check_tool(id)?;
    Ok(tools_of(code).map_or(0, |t| t.lock().local_of(i)))
}

pub fn set_local_events(id: i64, code: &Object, set: i64) -> PyResult<()> {
    let code = code_arg(code)?;
    let i = check_tool(id)?;
    let s = normalise(set)?;
    if set < 0 || s & !LOCAL_EVENTS != 0 || set >> 32 != 0 {
        return Err(raise!(ValueError, "invalid local event set 0x{:x}", set as u32));
    }
    in_use(i)?;
    let t = tools_made(code);
    let was = t.any.load(Relaxed);
    {
        let mut inner = t.lock();
        let old = inner.local_of(i);
        inner.local[i] = s;
        inner.local_version[i] = TOOL_VERSIONS[i].load(Acquire);
        let added = s & !old;
        inner.disabled.retain(|k, _| k.2 as usize != i || added & 1 << k.1 == 0);
        let any = (0..TOOLS).fold(0, |a, k| a | inner.local_of(k));
        t.any.store(any, Release);
        match (was, any) {
            (0, 0) => {}
            (0, _) => _ = LOCAL_CODES.fetch_add(1, AcqRel),
            (_, 0) => _ = LOCAL_CODES.fetch_sub(1, AcqRel),
            _ => {}
        }
    }
    sync_threads();
    Ok(())
}

pub fn restart_events() {
    RESTARTS.fetch_add(1, AcqRel);
}

/// Names of the events that are on for all code, with the mask of their tools.
pub fn all_events() -> PyResult<Ref<Dict>> {
    let d = Dict::new()?;
    for (e, name) in NAMES.iter().enumerate().take(ev::C_RETURN as usize) {
        let tools = (0..TOOLS).fold(0i64, |a, t| a | i64::from(GLOBAL[t].load(Relaxed) >> e & 1) << t);
        if tools != 0 {
            d.set(Str::intern(name), &*Int::from_i64(tools)?)?;
        }
    }
    Ok(d)
}

/// `DISABLE` and `MISSING`, made once.
pub fn sentinels() -> PyResult<(PyRef, PyRef)> {
    let get = || SENTINELS.lock().unwrap_or_else(|e| e.into_inner()).clone();
    if let Some(s) = get() {
        return Ok(s);
    }
    let new = (crate::typeobject::object_type().call0()?, crate::typeobject::object_type().call0()?);
    SENTINELS.lock().unwrap_or_else(|e| e.into_inner()).get_or_insert(new);
    get().ok_or_else(|| raise!(SystemError, "sys.monitoring is not set up"))
}

impl CodeTools {
    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(|e| e.into_inner())
    }
}
impl Inner {
    fn local_of(&self, tool: usize) -> u32 {
        if self.local_version[tool] == TOOL_VERSIONS[tool].load(Acquire) { self.local[tool] } else { 0 }
    }
}

/// The event that switches this one on.
fn switch_of(e: u32) -> u32 {
    if e == ev::C_RETURN || e == ev::C_RAISE { ev::CALL } else { e }
}

/// Tells the tools of an event at word `index` of `code`. `what` holds the arguments after code and place; without
/// `offset` the place is left out (LINE gives its line instead).
#[cold]
#[inline(never)]
pub fn fire(ts: &ThreadState, e: u32, code: &Code, index: usize, offset: bool, what: &[&Object]) -> PyResult<()> {
    if ts.abi().tracing != 0 {
        return Ok(());
    }
    let s = switch_of(e);
    if mask(code) & 1 << s == 0 {
        return Ok(());
    }
    let (disable, _) = sentinels()?;
    let place = Int::from_usize(code.shown_offset(index))?;
    let mut args: smallvec::SmallVec<[&Object; 6]> = smallvec::SmallVec::new();
    args.push(code);
    if offset {
        args.push(&place);
    }
    args.extend_from_slice(what);
    for tool in 0..TOOLS {
        let key = (index as u32, s as u8, tool as u8);
        let state = || (RESTARTS.load(Acquire), EPOCHS[tool][s as usize].load(Acquire));
        let mut on = GLOBAL[tool].load(Acquire) & 1 << s != 0;
        if let Some(t) = tools_of(code) {
            let inner = t.lock();
            on |= inner.local_of(tool) & 1 << s != 0;
            if on && inner.disabled.get(&key) == Some(&state()) {
                on = false;
            }
        }
        if !on {
            continue;
        }
        let both = matches!(e, ev::BRANCH_LEFT | ev::BRANCH_RIGHT);
        let callback = registry(|r| match &r.callbacks[tool][e as usize] {
            None if both => r.callbacks[tool][ev::BRANCH as usize].clone(),
            c => c.clone(),
        });
        let Some(callback) = callback else { continue };
        let a = ts.abi_mut();
        let old_what = core::mem::replace(&mut a.what_event, e as i32);
        a.tracing += 1;
        let r = callback.call(&args);
        let a = ts.abi_mut();
        a.tracing -= 1;
        a.what_event = old_what;
        if !r?.is(&disable) {
            continue;
        }
        if 1 << s & LOCAL_EVENTS == 0 {
            let old = registry(|r| r.callbacks[tool][e as usize].take());
            drop(old);
            return Err(raise!(ValueError, "Cannot disable {} events. Callback removed.", NAMES[e as usize]));
        }
        tools_made(code).lock().disabled.insert(key, state());
    }
    Ok(())
}

/// `fire` for an event about the exception that is set; it stays set unless a callback raises another one.
pub fn fire_exception(ts: &ThreadState, e: u32, code: &Code, index: usize) -> PyResult<()> {
    if ts.abi().tracing != 0 || mask(code) & 1 << e == 0 {
        return Ok(());
    }
    let Some(x) = crate::error::take_error() else { return Ok(()) };
    fire(ts, e, code, index, true, &[&x])?;
    let _ = crate::error::restore(x);
    Ok(())
}

/// Tools that listen to an event of any code: what `PyMonitoring_EnterScope` stores for native code-likes.
pub fn global_tools(e: u32) -> u8 {
    let s = switch_of(e);
    (0..TOOLS).fold(0, |a, t| a | ((GLOBAL[t].load(Acquire) >> s & 1) as u8) << t)
}

/// A number that changes when `global_tools` may have.
pub fn global_version() -> u64 {
    let sum =
        EPOCHS.iter().flatten().fold(RESTARTS.load(Acquire) as u64, |a, e| a.wrapping_mul(31) + e.load(Acquire) as u64);
    GLOBAL.iter().fold(sum, |a, g| a.wrapping_mul(1_000_003) ^ g.load(Acquire) as u64)
}

/// An event of native code: the tools whose bits are in `active` are told; one that asks for DISABLE loses its bit.
pub fn fire_native(active: &mut u8, e: u32, code: &Object, offset: i32, what: &[&Object]) -> PyResult<()> {
    let ts = ThreadState::current();
    if ts.abi().tracing != 0 {
        return Ok(());
    }
    let (disable, _) = sentinels()?;
    let place = Int::from_i64(offset as i64)?;
    let mut args: smallvec::SmallVec<[&Object; 6]> = smallvec::SmallVec::new();
    args.push(code);
    if e != ev::LINE {
        args.push(&place);
    }
    args.extend_from_slice(what);
    for tool in 0..TOOLS {
        if *active & 1 << tool == 0 {
            continue;
        }
        let both = matches!(e, ev::BRANCH_LEFT | ev::BRANCH_RIGHT);
        let callback = registry(|r| match &r.callbacks[tool][e as usize] {
            None if both => r.callbacks[tool][ev::BRANCH as usize].clone(),
            c => c.clone(),
        });
        let Some(callback) = callback else { continue };
        let a = ts.abi_mut();
        let old_what = core::mem::replace(&mut a.what_event, e as i32);
        a.tracing += 1;
        let r = callback.call(&args);
        let a = ts.abi_mut();
        a.tracing -= 1;
        a.what_event = old_what;
        if r?.is(&disable) {
            if 1 << switch_of(e) & LOCAL_EVENTS == 0 {
                let old = registry(|r| r.callbacks[tool][e as usize].take());
                drop(old);
                return Err(raise!(ValueError, "Cannot disable {} events. Callback removed.", NAMES[e as usize]));
            }
            *active &= !(1 << tool);
        }
    }
    Ok(())
}
