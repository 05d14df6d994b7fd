//! `_interpqueues`: queues between interpreters, known by number.

use crate::xidata::{Data, QUEUE_TYPES, pack, raise_class};
use macros::pymodule;
use runtime::convert::IntoPy;
use runtime::prelude::*;
use runtime::thread::InterpreterState;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, OnceLock};

/// What becomes of an item when its interpreter ends.
const REMOVE: i32 = 1;
const UNBOUND: i32 = 3;

struct Item {
    /// `None`: its interpreter has ended.
    data: Option<Data>,
    interp: i64,
    unbound: i32,
}

struct Queue {
    maxsize: i64,
    unbound: i32,
    fallback: i32,
    items: VecDeque<Item>,
    binds: usize,
}

struct Queues {
    next: i64,
    all: BTreeMap<i64, Queue>,
}

static QUEUES: Mutex<Queues> = Mutex::new(Queues { next: 1, all: BTreeMap::new() });

/// The table, for a few instructions: nothing of it is dropped under the lock.
fn queues() -> MutexGuard<'static, Queues> {
    QUEUES.lock().unwrap_or_else(|e| e.into_inner())
}

struct Classes {
    error: PyRef,
    not_found: PyRef,
}

fn classes() -> PyResult<&'static Classes> {
    static MADE: OnceLock<Classes> = OnceLock::new();
    if let Some(c) = MADE.get() {
        return Ok(c);
    }
    let make = |name: &str, base: &Object| -> PyResult<PyRef> {
        let d = Dict::new()?;
        d.set(intern!("__module__"), &*Str::new("concurrent.interpreters")?)?;
        runtime::typeobject::type_type().call(&[&*Str::new(name)?, &*Tuple::pack(&[base])?, &d])
    };
    let error = make("QueueError", exc::RuntimeError())?;
    let not_found = make("QueueNotFoundError", &error)?;
    let c = Classes { error, not_found };
    Ok(MADE.get_or_init(|| c))
}

fn not_found(id: i64) -> Raised {
    match classes() {
        Ok(c) => raise_class(&c.not_found, &format!("queue {id} not found")),
        Err(e) => e,
    }
}

/// An exception of the class that the current interpreter registered (`full`: QueueFull, else QueueEmpty).
fn registered(full: bool, text: &str) -> Raised {
    let id = InterpreterState::current().id;
    let find = || {
        let types = QUEUE_TYPES.lock().unwrap_or_else(|e| e.into_inner());
        types.iter().find(|t| t.0 == id).map(|t| if full { t.3.clone() } else { t.2.clone() })
    };
    let class = find().map(Ok).unwrap_or_else(|| {
        runtime::import::import_module("concurrent.interpreters._queues")?;
        find().ok_or_else(|| raise!(RuntimeError, "queue classes are not registered"))
    });
    match class {
        Ok(c) => raise_class(&c, text),
        Err(e) => e,
    }
}

fn queue_id(o: &Object) -> PyResult<i64> {
    match o.downcast::<Int>() {
        Some(i) => {
            let n = i.as_i64()?;
            if n < 0 {
                return Err(raise!(ValueError, "queue ID must be a non-negative int, got {}", n));
            }
            Ok(n)
        }
        None => Err(raise!(TypeError, "queue ID must be an int, got {}", o.ty().tp_name())),
    }
}

fn with<R>(id: i64, f: impl FnOnce(&mut Queue) -> R) -> PyResult<R> {
    let r = queues().all.get_mut(&id).map(f);
    r.ok_or_else(|| not_found(id))
}

fn check_unbound(op: i32) -> PyResult<()> {
    if (REMOVE..=UNBOUND).contains(&op) { Ok(()) } else { Err(raise!(ValueError, "unsupported unboundop {}", op)) }
}

/// The current interpreter ends: its items lose their values, its classes are forgotten.
fn interpreter_ends() {
    let id = InterpreterState::current().id;
    let mut dropped = Vec::new();
    for q in queues().all.values_mut() {
        for item in q.items.iter_mut().filter(|i| i.interp == id) {
            dropped.extend(item.data.take());
        }
        q.items.retain(|i| i.data.is_some() || i.unbound != REMOVE);
    }
    drop(dropped);
    let mut types = QUEUE_TYPES.lock().unwrap_or_else(|e| e.into_inner());
    let gone = types.iter().position(|t| t.0 == id).map(|i| types.swap_remove(i));
    drop(types);
    drop(gone);
}

/// This module provides primitive operations to manage Python interpreters.
/// The 'interpreters' module provides a more convenient interface.
#[pymodule(name = "_interpqueues")]
pub mod _interpqueues {
    use super::*;

    #[exec]
    fn init(m: &Module) -> PyResult<()> {
        let c = classes()?;
        m.add("QueueError", c.error.clone())?;
        m.add("QueueNotFoundError", c.not_found.clone())?;
        InterpreterState::current().lifecycle.at_end(interpreter_ends);
        Ok(())
    }

    /// Create a new cross-interpreter queue and return its unique generated ID.
    /// It is a new reference as though bind() had been called on the queue.
    /// The caller is responsible for calling destroy() for the new queue
    /// before the runtime is finalized.
    #[pyfunction(sig = "maxsize, unboundop=-1, fallback=-1")]
    fn create(maxsize: i64, unboundop: i32, fallback: i32) -> PyResult<i64> {
        let unbound = if unboundop < 0 { UNBOUND } else { unboundop };
        check_unbound(unbound)?;
        let fallback = if fallback < 0 { 1 } else { fallback };
        if fallback > 1 {
            return Err(raise!(ValueError, "unsupported fallback {}", fallback));
        }
        let mut t = queues();
        let id = t.next;
        t.next += 1;
        t.all.insert(id, Queue { maxsize, unbound, fallback, items: VecDeque::new(), binds: 0 });
        Ok(id)
    }

    /// Clear and destroy the queue.  Afterward attempts to use the queue
    /// will behave as though it never existed.
    #[pyfunction(sig = "qid")]
    fn destroy(qid: &Object) -> PyResult<()> {
        let id = queue_id(qid)?;
        let gone = queues().all.remove(&id);
        gone.map(drop).ok_or_else(|| not_found(id))
    }

    /// Return the list of ID triples for all queues.
    /// Each corresponding default unbound op and fallback is also included.
    #[pyfunction]
    fn list_all() -> PyResult<PyRef> {
        let rows: Vec<(i64, i64, i64)> =
            queues().all.iter().map(|(id, q)| (*id, q.unbound as i64, q.fallback as i64)).collect();
        let rows = rows.into_iter().map(|r| r.into_py()).collect::<PyResult<Vec<_>>>()?;
        Ok(List::from_vec(rows)?.upcast())
    }

    /// Add the object's data to the queue.
    #[pyfunction(sig = "qid, obj, unboundop=-1, fallback=-1")]
    fn put(qid: &Object, obj: &Object, unboundop: i32, fallback: i32) -> PyResult<()> {
        let id = queue_id(qid)?;
        let (unbound, fall) = with(id, |q| (q.unbound, q.fallback))?;
        let unbound = if unboundop < 0 { unbound } else { unboundop };
        check_unbound(unbound)?;
        let fall = if fallback < 0 { fall } else { fallback };
        let data = if fall == 0 { crate::xidata::pack_shareable(obj)? } else { pack(obj)? };
        let interp = InterpreterState::current().id;
        let item = Item { data: Some(data), interp, unbound };
        let full = with(id, |q| {
            if q.maxsize > 0 && q.items.len() as i64 >= q.maxsize {
                return Some(item);
            }
            q.items.push_back(item);
            None
        })?;
        match full {
            None => Ok(()),
            Some(item) => {
                drop(item);
                Err(registered(true, &format!("queue {id} is full")))
            }
        }
    }

    /// Return the (object, unbound op) from the front of the queue.
    ///
    /// If there is nothing to receive then raise QueueEmpty.
    #[pyfunction(sig = "qid")]
    fn get(qid: &Object) -> PyResult<PyRef> {
        let id = queue_id(qid)?;
        let Some(item) = with(id, |q| q.items.pop_front())? else {
            return Err(registered(false, &format!("queue {id} is empty")));
        };
        let pair = match &item.data {
            Some(d) => vec![d.unpack()?, none_ref()],
            None => vec![none_ref(), item.unbound.into_py()?],
        };
        Ok(Tuple::from_refs(pair)?.upcast())
    }

    /// Take a reference to the identified queue.
    /// The queue is not destroyed until there are no references left.
    #[pyfunction(sig = "qid")]
    fn bind(qid: &Object) -> PyResult<()> {
        with(queue_id(qid)?, |q| q.binds += 1)
    }

    /// Release a reference to the queue.
    /// The queue is destroyed once there are no references left.
    #[pyfunction(sig = "qid")]
    fn release(qid: &Object) -> PyResult<()> {
        let id = queue_id(qid)?;
        let last = with(id, |q| {
            q.binds = q.binds.saturating_sub(1);
            q.binds == 0
        })?;
        if last {
            let gone = queues().all.remove(&id);
            drop(gone);
        }
        Ok(())
    }

    /// Return the maximum number of items in the queue.
    #[pyfunction(sig = "qid")]
    fn get_maxsize(qid: &Object) -> PyResult<i64> {
        with(queue_id(qid)?, |q| q.maxsize)
    }

    /// Return the queue's default values, set when it was created.
    #[pyfunction(sig = "qid")]
    fn get_queue_defaults(qid: &Object) -> PyResult<(i64, i64)> {
        with(queue_id(qid)?, |q| (q.unbound as i64, q.fallback as i64))
    }

    /// Return true if the queue has a maxsize and has reached it.
    #[pyfunction(sig = "qid")]
    fn is_full(qid: &Object) -> PyResult<bool> {
        with(queue_id(qid)?, |q| q.maxsize > 0 && q.items.len() as i64 >= q.maxsize)
    }

    /// Return the number of items in the queue.
    #[pyfunction(sig = "qid")]
    fn get_count(qid: &Object) -> PyResult<usize> {
        with(queue_id(qid)?, |q| q.items.len())
    }

    #[pyfunction(sig = "queuetype, emptyerror, fullerror")]
    fn _register_heap_types(queuetype: &Object, emptyerror: &Object, fullerror: &Object) {
        let id = InterpreterState::current().id;
        let new = (id, queuetype.to_ref(), emptyerror.to_ref(), fullerror.to_ref());
        let mut types = QUEUE_TYPES.lock().unwrap_or_else(|e| e.into_inner());
        let old = types.iter().position(|t| t.0 == id).map(|i| types.swap_remove(i));
        types.push(new);
        drop(types);
        drop(old);
    }
}
