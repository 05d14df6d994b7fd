//! `for a, b in ...` over `enumerate`, `zip` and the items of a dict: the two values without the tuple between them.

use super::{RangeNext, Slot, range_next, sop};
use crate::interp::eval::type_is;
use crate::interp::ops;
use crate::interp::pending::PyRangeIter_Type;
use crate::objects::bltiniter::{PyZip_Type, Zip};
use crate::objects::dict::iter::{DictItemIter, PyDictIterItem_Type};
use crate::objects::enumobject::{Enumerate, PyEnum_Type};
use crate::objects::list::iter::{ListIter, PyListIter_Type};
use crate::prelude::*;
use compiler::opcode::op;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// Outcome of advancing an iterator whose pairs are unpacked at once.
enum Pair {
    Items(Slot, Slot),
    End,
    /// Not an iterator that this knows.
    Other,
}

/// The form of the FOR_ITER at `w`, if its iterator gives pairs and the instruction behind it unpacks them.
pub(super) unsafe fn form(w: *const AtomicU32, it: &Object) -> Option<u8> {
    // SAFETY: the instruction is followed by its cache word and another instruction.
    let next = unsafe { (*w.add(2)).load(Relaxed) };
    if next != op::UNPACK_SEQUENCE as u32 | 2 << 8 {
        return None;
    }
    let known = type_is!(it, PyEnum_Type) || type_is!(it, PyZip_Type) || type_is!(it, PyDictIterItem_Type);
    known.then_some(sop::FOR_ITER_PAIR)
}

#[inline(always)]
fn advance(it: &Object) -> PyResult<Option<Slot>> {
    // SAFETY: the type was checked; iterators that others hold are alive.
    unsafe {
        if type_is!(it, PyListIter_Type) {
            return Ok(it.cast::<ListIter>().next().map(Slot::owned));
        }
        if type_is!(it, PyRangeIter_Type) {
            match range_next(it) {
                RangeNext::Value(v) => return Ok(Some(v)),
                RangeNext::End => return Ok(None),
                RangeNext::Slow => {}
            }
        }
        ops::iter_next(it)
    }
}

/// What `pair_step` did.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The pair is on the stack, the first value on top.
    Items,
    End,
    /// Not an iterator that this knows.
    Other,
    Raised,
}

/// Puts the next two values of `it` at `sp`. (Not as a result: what a handler keeps in memory costs it its tail calls.)
#[inline(never)]
pub unsafe fn pair_step(it: &Object, sp: *mut Slot) -> Step {
    // SAFETY: the caller's promise: the type was checked, and the stack has room for two.
    unsafe {
        match pair_next(it) {
            Ok(Pair::Items(a, b)) => {
                *sp = b;
                *sp.add(1) = a;
                Step::Items
            }
            Ok(Pair::End) => Step::End,
            Ok(Pair::Other) => Step::Other,
            Err(_) => Step::Raised,
        }
    }
}

/// The next two values of `it`.
#[inline]
unsafe fn pair_next(it: &Object) -> PyResult<Pair> {
    // SAFETY: the type was checked; an iterator keeps what it iterates over.
    unsafe {
        if type_is!(it, PyEnum_Type) {
            let e = it.cast::<Enumerate>();
            let Some(inner) = e.small() else { return Ok(Pair::Other) };
            let Some(v) = advance(inner)? else { return Ok(Pair::End) };
            let n = e.count();
            return match Slot::from_i64(n as i64) {
                Ok(n) => Ok(Pair::Items(n, v)),
                Err(x) => {
                    drop(v.into_ref()?);
                    Err(x)
                }
            };
        }
        if type_is!(it, PyZip_Type) {
            let Some((a, b)) = it.cast::<Zip>().two() else { return Ok(Pair::Other) };
            let Some(x) = advance(a)? else { return Ok(Pair::End) };
            return match advance(b) {
                Ok(Some(y)) => Ok(Pair::Items(x, y)),
                other => {
                    if x.is_counted() {
                        drop(x.into_ref()?);
                    }
                    other.map(|_| Pair::End)
                }
            };
        }
        if type_is!(it, PyDictIterItem_Type) {
            return Ok(match it.cast::<DictItemIter>().pair()? {
                Some((k, v)) => Pair::Items(Slot::owned(k), Slot::owned(v)),
                None => Pair::End,
            });
        }
    }
    Ok(Pair::Other)
}
