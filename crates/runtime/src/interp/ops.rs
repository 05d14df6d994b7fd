//! What instructions do when it is more than a few machine instructions: names, operators, building, matching, imports.
//! Kept out of the eval loop so that the loop's frame stays small.

use super::eval::{slot_i64, type_is};
use super::frame::InterpFrame;
use super::slot::{Slot, materialize};
use crate::objects::exceptions::BaseException;
use crate::objects::{Cell, Code, Function};
use crate::prelude::*;
use crate::typeobject::CompareOp;
use compiler::code::fast;
use compiler::opcode::nb;

pub use super::callops::*;
pub use super::genops::*;
pub use super::matchops::*;

/// Drops the top `n` entries, the stack being cut first.
#[inline(always)]
pub unsafe fn pop_n(frame: *mut InterpFrame, sp: &mut *mut Slot, n: usize) {
    // SAFETY: the caller has n entries.
    unsafe {
        let top = *sp;
        let bottom = top.sub(n);
        *sp = bottom;
        (*frame).sp = bottom;
        for i in 0..n {
            let s = *bottom.add(i);
            if s.is_counted() {
                s.drop_nonnull();
            }
        }
    }
}

#[cold]
#[inline(never)]
pub fn bad_opcode(word: u32) {
    let _ = raise!(SystemError, "unknown opcode {}", word & 0xff);
}

// ------------------------------------------------------------------------------------------ names

#[cold]
#[inline(never)]
pub fn unbound_local(code: &Code, i: usize) {
    // No `name`: nothing else is meant than this variable.
    let n = code.local_name(i);
    let _ = raise!(
        UnboundLocalError,
        "cannot access local variable '{}' where it is not associated with a value",
        n.to_string_lossy()
    );
}

#[cold]
#[inline(never)]
pub fn unbound_deref(code: &Code, i: usize) {
    let n = code.local_name(i);
    if code.kind(i) & fast::FREE == 0 {
        unbound_local(code, i);
    } else {
        let _ = raise_name(
            exc::NameError(),
            &format!(
                "cannot access free variable '{}' where it is not associated with a value in enclosing scope",
                n.to_string_lossy()
            ),
            n,
        );
    }
}

/// NameError with its `name` attribute.
#[cold]
pub fn raise_name(ty: &Type, msg: &str, name: &Str) -> Raised {
    let r = crate::error::raise_message(ty, format_args!("{msg}"));
    if let Some(e) = crate::error::take_error() {
        if let Err(x) = e.setattr(intern!("name"), name) {
            x.clear();
        }
        return crate::error::restore(e);
    }
    r
}

#[cold]
#[inline(never)]
fn name_error(name: &Str) -> Raised {
    raise_name(exc::NameError(), &format!("name '{}' is not defined", name.to_string_lossy()), name)
}

#[inline(never)]
pub unsafe fn load_global(frame: *mut InterpFrame, name: &Str) -> PyResult<Slot> {
    // SAFETY: the frame is live.
    let f = unsafe { &*frame };
    let g = f.globals();
    let found = if type_is!(g, crate::objects::dict::PyDict_Type) { g.get_str(name)? } else { mapping_get(g, name)? };
    match found {
        Some(v) => Ok(Slot::owned(v)),
        None => load_builtin(f.builtins(), name),
    }
}

fn load_builtin(builtins: &Object, name: &Str) -> PyResult<Slot> {
    match mapping_get(builtins, name)? {
        Some(v) => Ok(Slot::owned(v)),
        None => Err(name_error(name)),
    }
}

/// `mapping[name]`, `None` for KeyError.
pub fn mapping_get(m: &Object, name: &Object) -> PyResult<Option<PyRef>> {
    if let Some(d) = m.downcast_exact::<Dict>() {
        return d.get(name);
    }
    match m.get_item(name) {
        Ok(v) => Ok(Some(v)),
        Err(e) if e.matches(exc::KeyError()) => {
            e.clear();
            Ok(None)
        }
        Err(e) => Err(e),
    }
}

unsafe fn locals_of<'a>(frame: *mut InterpFrame) -> PyResult<&'a Object> {
    // SAFETY: the frame is live.
    unsafe {
        match Object::from_ptr_opt((*frame).locals) {
            Some(l) => Ok(l),
            None => Err(raise!(SystemError, "no locals found")),
        }
    }
}

#[inline(never)]
pub unsafe fn load_name(frame: *mut InterpFrame, name: &Str) -> PyResult<Slot> {
    // SAFETY: the frame is live.
    unsafe {
        let l = locals_of(frame)?;
        if let Some(v) = mapping_get(l, name)? {
            return Ok(Slot::owned(v));
        }
        load_global(frame, name)
    }
}

#[inline(never)]
pub unsafe fn store_name(frame: *mut InterpFrame, name: &Str, value: *mut Slot) -> PyResult<()> {
    // SAFETY: the frame is live.
    unsafe {
        let l = locals_of(frame)?;
        materialize(value)?;
        match l.downcast_exact::<Dict>() {
            Some(d) => d.set(name, (*value).obj()),
            None => l.set_item(name, (*value).obj()),
        }
    }
}

#[inline(never)]
pub unsafe fn delete_name(frame: *mut InterpFrame, name: &Str) -> PyResult<()> {
    // SAFETY: the frame is live.
    let l = unsafe { locals_of(frame)? };
    match l.del_item(name) {
        Err(e) if e.matches(exc::KeyError()) => {
            e.clear();
            Err(name_error(name))
        }
        r => r,
    }
}

#[inline(never)]
pub unsafe fn delete_global(frame: *mut InterpFrame, name: &Str) -> PyResult<()> {
    // SAFETY: the frame is live.
    if unsafe { (*frame).globals() }.del(name)? { Ok(()) } else { Err(name_error(name)) }
}

#[inline(never)]
pub unsafe fn load_locals(frame: *mut InterpFrame) -> PyResult<Slot> {
    // SAFETY: the frame is live.
    Ok(Slot::new(unsafe { locals_of(frame)? }))
}

#[inline(never)]
pub unsafe fn load_from_dict_or_globals(frame: *mut InterpFrame, m: Slot, name: &Str) -> PyResult<Slot> {
    match mapping_get(m.obj(), name)? {
        Some(v) => Ok(Slot::owned(v)),
        // SAFETY: the frame is live.
        None => unsafe { load_global(frame, name) },
    }
}

#[inline(never)]
pub unsafe fn load_from_dict_or_deref(frame: *mut InterpFrame, m: Slot, i: usize) -> PyResult<Slot> {
    // SAFETY: the frame is live.
    unsafe {
        let code = (*frame).code();
        if let Some(v) = mapping_get(m.obj(), code.local_name(i))? {
            return Ok(Slot::owned(v));
        }
        match cell_get(*InterpFrame::localsplus(frame).add(i)) {
            Some(v) => Ok(v),
            None => {
                unbound_deref(code, i);
                Err(Raised::already_set())
            }
        }
    }
}

#[inline(never)]
pub unsafe fn load_build_class(frame: *mut InterpFrame) -> PyResult<Slot> {
    let name = intern!("__build_class__");
    // SAFETY: the frame is live.
    match mapping_get(unsafe { (*frame).builtins() }, name)? {
        Some(v) => Ok(Slot::owned(v)),
        None => Err(raise!(NameError, "__build_class__ not found")),
    }
}

#[inline(never)]
pub unsafe fn common_constant(frame: *mut InterpFrame, n: u32) -> PyResult<Slot> {
    let name = match n {
        0 => return Ok(Slot::new(exc::AssertionError())),
        1 => return Ok(Slot::new(exc::NotImplementedError())),
        2 => return Ok(Slot::new(Tuple::type_object())),
        3 => intern!("all"),
        4 => intern!("any"),
        _ => intern!("list"),
    };
    // The real builtins, whatever the frame's are
    let _ = frame;
    match mapping_get(&*super::interp_builtins()?, name)? {
        Some(v) => Ok(Slot::owned(v)),
        None => Err(name_error(name)),
    }
}

// ------------------------------------------------------------------------------------------ cells

pub unsafe fn make_cell(p: *mut Slot) -> PyResult<()> {
    // SAFETY: a local of a live frame.
    unsafe {
        let v = if (*p).is_null() { None } else { Some((*p).into_ref()?) };
        *p = Slot::NULL;
        *p = Slot::owned(Cell::new(v)?.upcast());
    }
    Ok(())
}

#[inline(always)]
pub unsafe fn cell_get(s: Slot) -> Option<Slot> {
    // SAFETY: the compiler emits cells here.
    unsafe { s.obj().cast::<Cell>() }.get_slot()
}

#[inline(always)]
pub unsafe fn cell_set(s: Slot, v: Slot) -> PyResult<()> {
    let v = v.into_ref()?;
    // SAFETY: the compiler emits cells here.
    drop(unsafe { s.obj().cast::<Cell>() }.replace(Some(v)));
    Ok(())
}

pub unsafe fn cell_delete(code: &Code, s: Slot, i: usize) -> PyResult<()> {
    // SAFETY: the compiler emits cells here.
    match unsafe { s.obj().cast::<Cell>() }.replace(None) {
        Some(old) => {
            drop(old);
            Ok(())
        }
        None => {
            unbound_deref(code, i);
            Err(Raised::already_set())
        }
    }
}

// ------------------------------------------------------------------------------------------ operators

/// Operations on small ints that need no object; None: take the general way.
#[inline(always)]
pub fn int_op(arg: u32, x: i64, y: i64) -> Option<Slot> {
    let base = if arg >= nb::INPLACE { arg - nb::INPLACE } else { arg };
    match base {
        nb::AND => Slot::int(x & y),
        nb::OR => Slot::int(x | y),
        nb::XOR => Slot::int(x ^ y),
        nb::FLOOR_DIVIDE => {
            if y == 0 {
                return None;
            }
            let q = x.wrapping_div(y);
            Slot::int(if (x % y != 0) && ((x < 0) != (y < 0)) { q - 1 } else { q })
        }
        nb::REMAINDER => {
            if y == 0 {
                return None;
            }
            let r = x.wrapping_rem(y);
            Slot::int(if r != 0 && ((r < 0) != (y < 0)) { r + y } else { r })
        }
        nb::LSHIFT => {
            if !(0..62).contains(&y) {
                return None;
            }
            let v = x << y;
            if v >> y == x { Slot::int(v) } else { None }
        }
        nb::RSHIFT => {
            if y < 0 {
                return None;
            }
            Slot::int(x >> y.min(63))
        }
        _ => None,
    }
}

/// Arithmetic on exact numbers; None: the operands or the operation are for the general way.
#[inline(never)]
pub fn binary_numbers(a: Slot, b: Slot, arg: u32) -> Option<PyResult<Slot>> {
    use super::eval::slot_num;
    if arg == nb::SUBSCR {
        return None;
    }
    let base = if arg >= nb::INPLACE { arg - nb::INPLACE } else { arg };
    if let (Some(x), Some(y)) = (slot_i64(a), slot_i64(b)) {
        return match base {
            nb::ADD => Some(Slot::from_i64(x + y)),
            nb::SUBTRACT => Some(Slot::from_i64(x - y)),
            nb::MULTIPLY => x.checked_mul(y).map(Slot::from_i64),
            nb::TRUE_DIVIDE if y != 0 => Some(Slot::from_f64(slot_num(a)? / slot_num(b)?)),
            _ => int_op(arg, x, y).map(Ok),
        };
    }
    let (x, y) = (slot_num(a)?, slot_num(b)?);
    match base {
        nb::ADD => Some(Slot::from_f64(x + y)),
        nb::SUBTRACT => Some(Slot::from_f64(x - y)),
        nb::MULTIPLY => Some(Slot::from_f64(x * y)),
        nb::TRUE_DIVIDE if y != 0.0 => Some(Slot::from_f64(x / y)),
        _ => None,
    }
}

/// The general form of BINARY_OP on the two entries at `p`; they stay on the stack.
#[inline(never)]
pub unsafe fn binary_op(p: *mut Slot, arg: u32) -> PyResult<Slot> {
    // SAFETY: two live entries.
    unsafe {
        if let (Some(x), Some(y)) = (slot_i64(*p), slot_i64(*p.add(1)))
            && arg != nb::SUBSCR
            && let Some(r) = int_op(arg, x, y)
        {
            return Ok(r);
        }
        materialize(p)?;
        materialize(p.add(1))?;
        let (a, b) = ((*p).obj(), (*p.add(1)).obj());
        let r = match arg {
            0 => a.add(b),
            1 => a.and(b),
            2 => a.floordiv(b),
            3 => a.lshift(b),
            4 => a.matmul(b),
            5 => a.mul(b),
            6 => a.rem(b),
            7 => a.or(b),
            8 => a.pow(b, none()),
            9 => a.rshift(b),
            10 => a.sub(b),
            11 => a.truediv(b),
            12 => a.xor(b),
            13 => a.inplace_add(b),
            14 => a.inplace_and(b),
            15 => a.inplace_floordiv(b),
            16 => a.inplace_lshift(b),
            17 => a.inplace_matmul(b),
            18 => a.inplace_mul(b),
            19 => a.inplace_rem(b),
            20 => a.inplace_or(b),
            21 => a.inplace_pow(b, none()),
            22 => a.inplace_rshift(b),
            23 => a.inplace_sub(b),
            24 => a.inplace_truediv(b),
            25 => a.inplace_xor(b),
            _ => a.get_item(b),
        }?;
        Ok(unbox(r))
    }
}

/// Unboxes the result of arithmetic when it can be.
#[inline]
pub fn unbox(r: PyRef) -> Slot {
    let s = Slot::borrowed(&r);
    if type_is!(r, crate::objects::long::PyLong_Type) {
        if let Some(v) = slot_i64(s) {
            return Slot::int_unchecked(v);
        }
    } else if type_is!(r, crate::objects::float::PyFloat_Type)
        // SAFETY: an exact float.
        && let Some(f) = Slot::float(unsafe { r.cast::<Float>() }.value())
    {
        return f;
    }
    Slot::owned(r)
}

/// `a + b` for two exact strings at `sp-2`; consumes both. When the next instruction stores the result into the local
/// that `a` came from, the string can grow in place.
#[inline(never)]
pub unsafe fn concat_str(frame: *mut InterpFrame, sp: *mut Slot, next: u32) -> PyResult<Slot> {
    use compiler::opcode::op;
    // SAFETY: two exact strings.
    unsafe {
        let (a, b) = (*sp.sub(2), *sp.sub(1));
        if next as u8 == op::STORE_FAST {
            let l = InterpFrame::localsplus(frame).add((next >> 8) as usize);
            if (*l).is_counted() && (*l).ptr() == a.ptr() && a.0 != b.0 {
                // The local gives its reference up: it is about to be overwritten
                let left: Ref<Str> = (*l).into_ref()?.cast_into();
                *l = Slot::NULL;
                if a.is_counted() {
                    a.drop();
                }
                *sp.sub(2) = Slot::NULL;
                let r = Str::append(left, b.obj().cast::<Str>())?;
                *sp.sub(1) = Slot::NULL;
                b.drop();
                return Ok(Slot::owned(r.upcast()));
            }
        }
        let r = a.obj().cast::<Str>().concat(b.obj().cast::<Str>())?;
        *sp.sub(2) = Slot::NULL;
        *sp.sub(1) = Slot::NULL;
        a.drop();
        b.drop();
        Ok(Slot::owned(r.upcast()))
    }
}

#[inline(never)]
pub unsafe fn compare_op(p: *mut Slot, arg: u32) -> PyResult<Slot> {
    // SAFETY: two live entries.
    unsafe {
        materialize(p)?;
        materialize(p.add(1))?;
        let op = CompareOp::from_raw((arg >> 5) as i32).unwrap_unchecked();
        let r = (*p).obj().richcompare((*p.add(1)).obj(), op)?;
        if arg & 16 != 0 {
            return Ok(Slot::bool(r.is_true()?));
        }
        Ok(Slot::owned(r))
    }
}

/// Identity; numbers without an object are the same when they are equal.
#[inline(always)]
pub fn is_op(a: Slot, b: Slot) -> bool {
    if !a.is_unboxed() && !b.is_unboxed() {
        return a.ptr() == b.ptr();
    }
    if a == b {
        return true;
    }
    is_number_slow(a, b)
}

#[cold]
#[inline(never)]
fn is_number_slow(a: Slot, b: Slot) -> bool {
    if a.is_unboxed() && b.is_unboxed() {
        return false;
    }
    if let (Some(x), Some(y)) = (slot_i64(a), slot_i64(b)) {
        return x == y;
    }
    if let (Some(x), Some(y)) = (super::eval::slot_f64(a), super::eval::slot_f64(b)) {
        return x.to_bits() == y.to_bits();
    }
    false
}

#[inline(never)]
pub unsafe fn contains_op(p: *mut Slot) -> PyResult<bool> {
    // SAFETY: two live entries.
    unsafe {
        materialize(p)?;
        materialize(p.add(1))?;
        let (item, container) = ((*p).obj(), (*p.add(1)).obj());
        if type_is!(container, crate::objects::dict::PyDict_Type) {
            return container.cast::<Dict>().contains(item);
        }
        container.contains(item)
    }
}

#[inline(never)]
pub unsafe fn to_bool(v: Slot) -> PyResult<bool> {
    if v.is_float() {
        return Ok(v.float_value() != 0.0);
    }
    v.obj().is_true()
}

unsafe fn slice_bounds(p: *mut Slot) -> PyResult<PyRef> {
    // SAFETY: two live entries.
    unsafe {
        materialize(p)?;
        materialize(p.add(1))?;
        Ok(Slice::new(Some((*p).obj()), Some((*p.add(1)).obj()), None)?.upcast())
    }
}

#[inline(never)]
pub unsafe fn binary_slice(p: *mut Slot) -> PyResult<Slot> {
    // SAFETY: three live entries.
    unsafe {
        materialize(p)?;
        let s = slice_bounds(p.add(1))?;
        Ok(Slot::owned((*p).obj().get_item(&s)?))
    }
}

#[inline(never)]
pub unsafe fn store_slice(p: *mut Slot) -> PyResult<()> {
    // SAFETY: four live entries: value, container, start, stop.
    unsafe {
        materialize(p)?;
        let s = slice_bounds(p.add(2))?;
        (*p.add(1)).obj().set_item(&s, (*p).obj())
    }
}

#[inline(never)]
pub unsafe fn store_subscr(p: *mut Slot) -> PyResult<()> {
    // SAFETY: three live entries: value, container, key.
    unsafe {
        for i in 0..3 {
            materialize(p.add(i))?;
        }
        let (v, o, k) = ((*p).obj(), (*p.add(1)).obj(), (*p.add(2)).obj());
        if type_is!(o, crate::objects::dict::PyDict_Type) {
            return o.cast::<Dict>().set(k, v);
        }
        o.set_item(k, v)
    }
}

// ------------------------------------------------------------------------------------------ attributes

/// `o.name`; with `method`, an unbound method and true when `o` should become its first argument. `o` stays on the stack.
#[inline(never)]
pub unsafe fn load_attr(o: Slot, name: &Str, method: bool) -> PyResult<(Slot, bool)> {
    let held;
    let obj = match o.try_obj() {
        Some(x) => x,
        None => {
            held = o.to_ref()?;
            &*held
        }
    };
    if method {
        return match get_method(obj, name)? {
            Method::Unbound(f) => Ok((Slot::owned(f), true)),
            Method::Bound(v) => Ok((Slot::owned(v), false)),
        };
    }
    Ok((Slot::owned(obj.getattr(name)?), false))
}

/// Result of a method lookup.
pub enum Method {
    /// To be called with the object as first argument
    Unbound(PyRef),
    /// An ordinary attribute
    Bound(PyRef),
}

/// Looks up `o.name` for a call, without making a bound method where possible.
pub fn get_method(o: &Object, name: &Str) -> PyResult<Method> {
    let ty = o.ty();
    if !is_generic_getattr(ty) {
        return Ok(Method::Bound(o.getattr(name)?));
    }
    if let Some(d) = ty.lookup(name)
        && d.ty().flags() & abi::Py_TPFLAGS_METHOD_DESCRIPTOR != 0
    {
        // an instance attribute may hide it
        return match instance_attr(o, name)? {
            Some(v) => Ok(Method::Bound(v)),
            None => Ok(Method::Unbound(d)),
        };
    }
    Ok(Method::Bound(o.getattr(name)?))
}

/// Whether attributes are looked up in the ordinary way.
pub fn is_generic_getattr(ty: &Type) -> bool {
    ty.slots().tp_getattro.is_some_and(|f| f as usize == super::pending::PyObject_GenericGetAttr as *const () as usize)
}

/// The attribute in the instance's own dict or inline values.
pub fn instance_attr(o: &Object, name: &Str) -> PyResult<Option<PyRef>> {
    let t = o.ty();
    if t.flags() & abi::Py_TPFLAGS_MANAGED_DICT != 0 {
        return crate::objects::dict::instance::object_getattr_inline(o, name);
    }
    let off = t.slots().tp_dictoffset;
    if off == 0 {
        return Ok(None);
    }
    if off < 0 {
        // relative to the end of a variable-sized object: rare
        return match o.getattr_opt(intern!("__dict__"))? {
            Some(d) => super::ops::mapping_get(&d, name),
            None => Ok(None),
        };
    }
    // SAFETY: the type says that a dict pointer lies there.
    unsafe {
        let p = *o.as_ptr().byte_offset(off).cast::<*mut abi::PyObject>();
        match Object::from_ptr_opt(p) {
            Some(d) => d.cast::<Dict>().get_str(name),
            None => Ok(None),
        }
    }
}

#[inline(never)]
pub unsafe fn store_attr(p: *mut Slot, name: &Str) -> PyResult<()> {
    // SAFETY: two live entries: value, object.
    unsafe {
        materialize(p)?;
        materialize(p.add(1))?;
        (*p.add(1)).obj().setattr(name, (*p).obj())
    }
}

// ------------------------------------------------------------------------------------------ building

#[inline(never)]
pub unsafe fn build_tuple(sp: *mut Slot, n: usize) -> PyResult<Slot> {
    if n == 0 {
        return Ok(Slot::owned(Tuple::empty().upcast()));
    }
    // SAFETY: n live entries, consumed when the tuple exists.
    unsafe {
        let base = sp.sub(n);
        for i in 0..n {
            materialize(base.add(i))?;
        }
        let t = Tuple::with_len(n)?;
        for i in 0..n {
            // a pointer: cannot fail
            t.init_item(i, (*base.add(i)).into_ref()?);
        }
        super::pending::track(&t);
        Ok(Slot::owned(t.upcast()))
    }
}

#[inline(never)]
pub unsafe fn build_list(sp: *mut Slot, n: usize) -> PyResult<Slot> {
    if n == 0 {
        return Ok(Slot::owned(List::new()?.upcast()));
    }
    // SAFETY: n live entries, consumed when the list exists.
    unsafe {
        let base = sp.sub(n);
        let mut v = Vec::with_capacity(n);
        for i in 0..n {
            materialize(base.add(i))?;
        }
        for i in 0..n {
            v.push((*base.add(i)).into_ref()?);
            *base.add(i) = Slot::NULL;
        }
        Ok(Slot::owned(List::from_vec(v)?.upcast()))
    }
}

#[inline(never)]
pub unsafe fn build_set(sp: *mut Slot, n: usize) -> PyResult<Slot> {
    let s = Set::new()?;
    // SAFETY: n live entries.
    unsafe {
        let base = sp.sub(n);
        for i in 0..n {
            materialize(base.add(i))?;
            s.add((*base.add(i)).obj())?;
        }
    }
    Ok(Slot::owned(s.upcast()))
}

#[inline(never)]
pub unsafe fn build_map(sp: *mut Slot, n: usize) -> PyResult<Slot> {
    let d = Dict::with_capacity(n)?;
    // SAFETY: 2n live entries.
    unsafe {
        let base = sp.sub(2 * n);
        for i in 0..2 * n {
            materialize(base.add(i))?;
        }
        for i in 0..n {
            d.set((*base.add(2 * i)).obj(), (*base.add(2 * i + 1)).obj())?;
        }
    }
    Ok(Slot::owned(d.upcast()))
}

#[inline(never)]
pub unsafe fn build_slice(sp: *mut Slot, n: usize) -> PyResult<Slot> {
    // SAFETY: n live entries.
    unsafe {
        let base = sp.sub(n);
        for i in 0..n {
            materialize(base.add(i))?;
        }
        let step = if n == 3 { Some((*base.add(2)).obj()) } else { None };
        Ok(Slot::owned(Slice::new(Some((*base).obj()), Some((*base.add(1)).obj()), step)?.upcast()))
    }
}

#[inline(never)]
pub unsafe fn build_string(sp: *mut Slot, n: usize) -> PyResult<Slot> {
    // SAFETY: n live strings.
    unsafe {
        let base = sp.sub(n);
        let items: smallvec::SmallVec<[&Object; 16]> = (0..n).map(|i| (*base.add(i)).obj()).collect();
        Ok(Slot::owned(Str::empty().join(&items)?.upcast()))
    }
}

#[inline(never)]
pub unsafe fn build_template(sp: *mut Slot) -> PyResult<Slot> {
    // SAFETY: two live tuples.
    unsafe {
        let t = crate::objects::Template::new((*sp.sub(2)).obj().cast::<Tuple>(), (*sp.sub(1)).obj().cast::<Tuple>())?;
        Ok(Slot::owned(t.upcast()))
    }
}

#[inline(never)]
pub unsafe fn build_interpolation(sp: *mut Slot, arg: u32) -> PyResult<Slot> {
    // SAFETY: two or three live entries.
    unsafe {
        let n = 2 + (arg as usize & 1);
        let base = sp.sub(n);
        for i in 0..n {
            materialize(base.add(i))?;
        }
        let spec: &Object = if arg & 1 != 0 { (*base.add(2)).obj() } else { Str::empty() };
        let conv: Option<&Object> = match arg >> 2 {
            1 => Some(Str::intern("s")),
            2 => Some(Str::intern("r")),
            3 => Some(Str::intern("a")),
            _ => None,
        };
        let i = crate::objects::Interpolation::new((*base).obj(), (*base.add(1)).obj(), conv, spec)?;
        Ok(Slot::owned(i.upcast()))
    }
}

#[inline(never)]
pub unsafe fn format_simple(p: *mut Slot) -> PyResult<Slot> {
    // SAFETY: a live entry.
    unsafe {
        if (*p).is_int() {
            let mut buf = itoa_buf((*p).int_value());
            return Ok(Slot::owned(Str::new(buf.as_str())?.upcast()));
        }
        materialize(p)?;
        Ok(Slot::owned((*p).obj().format(Str::empty())?.upcast()))
    }
}

struct IntText([u8; 24], usize);
impl IntText {
    fn as_str(&mut self) -> &str {
        // SAFETY: ASCII digits.
        unsafe { core::str::from_utf8_unchecked(&self.0[self.1..]) }
    }
}
fn itoa_buf(v: i64) -> IntText {
    let mut t = IntText([0; 24], 24);
    let mut u = v.unsigned_abs();
    loop {
        t.1 -= 1;
        t.0[t.1] = b'0' + (u % 10) as u8;
        u /= 10;
        if u == 0 {
            break;
        }
    }
    if v < 0 {
        t.1 -= 1;
        t.0[t.1] = b'-';
    }
    t
}

#[inline(never)]
pub unsafe fn format_with_spec(v: Slot, spec: Slot) -> PyResult<Slot> {
    // SAFETY: the spec is a str.
    let spec = unsafe { spec.obj().cast::<Str>() };
    Ok(Slot::owned(v.obj().format(spec)?.upcast()))
}

#[inline(never)]
pub unsafe fn convert_value(v: Slot, how: u32) -> PyResult<Slot> {
    let o = v.obj();
    Ok(Slot::owned(
        match how {
            1 => o.str()?,
            2 => o.repr()?,
            _ => o.ascii()?,
        }
        .upcast(),
    ))
}

#[inline(never)]
pub unsafe fn list_extend(l: Slot, it: Slot) -> PyResult<()> {
    // SAFETY: a list under construction.
    let list = unsafe { l.obj().cast::<List>() };
    let o = it.obj();
    match list.extend(o) {
        Err(e) if e.matches(exc::TypeError()) && o.ty().slots().tp_iter.is_none() && !o.sequence_check() => {
            e.clear();
            Err(raise!(TypeError, "Value after * must be an iterable, not {}", o.ty().name_str()))
        }
        r => r,
    }
}

#[inline(never)]
pub unsafe fn dict_update(d: Slot, other: Slot) -> PyResult<()> {
    let o = other.obj();
    if o.downcast::<Dict>().is_none() && !o.hasattr(intern!("keys"))? {
        return Err(raise!(TypeError, "'{}' object is not a mapping", o.ty().name_str()));
    }
    // SAFETY: a dict under construction.
    match unsafe { d.obj().cast::<Dict>() }.update(o) {
        Err(e) if e.matches(exc::AttributeError()) => {
            e.clear();
            Err(raise!(TypeError, "'{}' object is not a mapping", other.obj().ty().name_str()))
        }
        r => r,
    }
}

/// How a callable is named in messages about its arguments.
pub fn function_str(f: &Object) -> String {
    let get = |n: &Str| -> Option<PyRef> {
        match f.getattr_opt(n) {
            Ok(v) => v,
            Err(e) => {
                e.clear();
                None
            }
        }
    };
    if let Some(q) = get(intern!("__qualname__"))
        && let Some(q) = q.downcast::<Str>()
    {
        if let Some(m) = get(intern!("__module__"))
            && let Some(m) = m.downcast::<Str>()
            && !m.eq_str("builtins")
        {
            return format!("{}.{}()", m.to_string_lossy(), q.to_string_lossy());
        }
        return format!("{}()", q.to_string_lossy());
    }
    match f.str() {
        Ok(s) => s.to_string_lossy().into_owned(),
        Err(e) => {
            e.clear();
            String::new()
        }
    }
}

#[inline(never)]
pub unsafe fn dict_merge(func: Slot, d: Slot, other: Slot) -> PyResult<()> {
    // SAFETY: a dict under construction.
    let dict = unsafe { d.obj().cast::<Dict>() };
    let o = other.obj();
    match dict.merge(o, 2) {
        Ok(()) => Ok(()),
        Err(e) if e.matches(exc::AttributeError()) => {
            e.clear();
            let name = func.try_obj().map(function_str).unwrap_or_default();
            Err(raise!(TypeError, "{} argument after ** must be a mapping, not {}", name, o.ty().name_str()))
        }
        Err(e) if e.matches(exc::KeyError()) => {
            let x = e.take();
            let args = x.getattr(intern!("args"))?;
            if let Some(t) = args.downcast::<Tuple>()
                && t.len() == 1
            {
                let key = t.get(0);
                let name = func.try_obj().map(function_str).unwrap_or_default();
                return Err(raise!(
                    TypeError,
                    "{} got multiple values for keyword argument '{}'",
                    name,
                    key.str()?.to_string_lossy()
                ));
            }
            Err(crate::error::restore(x))
        }
        Err(e) => Err(e),
    }
}

#[inline(never)]
pub unsafe fn setup_annotations(frame: *mut InterpFrame) -> PyResult<()> {
    // SAFETY: the frame is live.
    let l = unsafe { locals_of(frame)? };
    let name = intern!("__annotations__");
    if mapping_get(l, name)?.is_none() {
        let d = Dict::new()?;
        l.set_item(name, &d)?;
    }
    Ok(())
}

// ------------------------------------------------------------------------------------------ iteration

#[inline(never)]
pub unsafe fn get_iter(s: Slot) -> PyResult<Slot> {
    Ok(Slot::owned(s.obj().iter()?))
}

#[inline]
pub unsafe fn iter_next(it: &Object) -> PyResult<Option<Slot>> {
    // SAFETY: the slot's contract.
    unsafe {
        // GET_ITER checked that it is an iterator, but a frame's locals can be replaced from outside.
        let Some(f) = it.ty().slots().tp_iternext else {
            return Err(raise!(TypeError, "'{}' object is not an iterator", it.ty().name_str()));
        };
        let r = f(it.as_ptr());
        if !r.is_null() {
            return Ok(Some(Slot::steal(r)));
        }
        iter_end()
    }
}

#[cold]
#[inline(never)]
fn iter_end() -> PyResult<Option<Slot>> {
    if !crate::error::error_occurred() {
        return Ok(None);
    }
    if crate::error::error_matches(exc::StopIteration()) {
        drop(crate::error::take_error());
        return Ok(None);
    }
    Err(Raised::already_set())
}

/// Writes the items of `seq` to `out`, the last one first.
#[inline(never)]
pub unsafe fn unpack_sequence(seq: Slot, n: usize, out: *mut Slot) -> PyResult<()> {
    let held;
    let o = match seq.try_obj() {
        Some(o) => o,
        None => {
            held = seq.to_ref()?;
            &*held
        }
    };
    // SAFETY: room for n entries from `out`, which holds `seq` itself.
    unsafe {
        if type_is!(o, crate::objects::tuple::PyTuple_Type) {
            let items = o.cast::<Tuple>().as_slice();
            if items.len() == n {
                for (i, x) in items.iter().enumerate() {
                    *out.add(n - 1 - i) = Slot::new(x);
                }
                return Ok(());
            }
        } else if let Some(t) = plain_tuple(o) {
            let items = t.as_slice();
            if items.len() == n {
                for (i, x) in items.iter().enumerate() {
                    *out.add(n - 1 - i) = Slot::new(x);
                }
                return Ok(());
            }
        } else if type_is!(o, crate::objects::list::PyList_Type) {
            let l = o.cast::<List>();
            if l.len() == n {
                let mut v: smallvec::SmallVec<[PyRef; 8]> = smallvec::SmallVec::new();
                for i in 0..n {
                    match l.get(i) {
                        Some(x) => v.push(x),
                        None => break,
                    }
                }
                if v.len() == n {
                    for (i, x) in v.into_iter().enumerate() {
                        *out.add(n - 1 - i) = Slot::owned(x);
                    }
                    return Ok(());
                }
            }
        }
        let v = unpack_iterable(o, n, None)?;
        for (i, x) in v.into_iter().enumerate() {
            *out.add(n - 1 - i) = Slot::owned(x);
        }
    }
    Ok(())
}

/// A tuple of a subclass that is iterated over as a tuple (named tuples).
fn plain_tuple(o: &Object) -> Option<&Tuple> {
    let t = o.downcast::<Tuple>()?;
    let of = |ty: &Type| ty.slots().tp_iter.map(|f| f as usize);
    (of(o.ty()) == of(Tuple::type_object())).then_some(t)
}

fn unpack_iterable(o: &Object, n: usize, after: Option<usize>) -> PyResult<Vec<PyRef>> {
    let it = match o.iter() {
        Ok(i) => i,
        Err(e) if e.matches(exc::TypeError()) && o.ty().slots().tp_iter.is_none() && !o.sequence_check() => {
            e.clear();
            return Err(raise!(TypeError, "cannot unpack non-iterable {} object", o.ty().name_str()));
        }
        Err(e) => return Err(e),
    };
    let mut v = Vec::with_capacity(n);
    for i in 0..n {
        match it.iter_next()? {
            Some(x) => v.push(x),
            None => {
                return Err(match after {
                    None => raise!(ValueError, "not enough values to unpack (expected {}, got {})", n, i),
                    Some(a) => {
                        raise!(ValueError, "not enough values to unpack (expected at least {}, got {})", n + a, i)
                    }
                });
            }
        }
    }
    match after {
        None => {
            if it.iter_next()?.is_some() {
                let exact = o.ty();
                if core::ptr::eq(exact, List::type_object())
                    || core::ptr::eq(exact, Tuple::type_object())
                    || core::ptr::eq(exact, Dict::type_object())
                {
                    let got = o.len()?;
                    if got > n {
                        return Err(raise!(ValueError, "too many values to unpack (expected {}, got {})", n, got));
                    }
                }
                return Err(raise!(ValueError, "too many values to unpack (expected {})", n));
            }
        }
        Some(_) => {
            // the rest, for UNPACK_EX
            let rest = it.to_list()?;
            v.push(rest.upcast());
        }
    }
    Ok(v)
}

#[inline(never)]
pub unsafe fn unpack_ex(seq: Slot, arg: u32, out: *mut Slot) -> PyResult<usize> {
    let (before, after) = ((arg & 0xff) as usize, (arg >> 8) as usize);
    let held = seq.to_ref()?;
    let mut v = unpack_iterable(&held, before, Some(after))?;
    // SAFETY: room for all entries from `out`.
    unsafe {
        let list = v.pop().unwrap_unchecked();
        let list: Ref<List> = list.cast_into();
        let n = list.len();
        if n < after {
            return Err(raise!(
                ValueError,
                "not enough values to unpack (expected at least {}, got {})",
                before + after,
                before + n
            ));
        }
        let mut tail = Vec::with_capacity(after);
        for _ in 0..after {
            tail.push(list.pop(-1)?);
        }
        // Bottom to top: after (last first), list, before (last first)
        let total = before + 1 + after;
        let mut p = out;
        for x in tail {
            *p = Slot::owned(x);
            p = p.add(1);
        }
        *p = Slot::owned(list.upcast());
        p = p.add(1);
        for x in v.into_iter().rev() {
            *p = Slot::owned(x);
            p = p.add(1);
        }
        Ok(total)
    }
}

// ------------------------------------------------------------------------------------------ exceptions

/// Sets an exception taken from the stack again, as it is.
pub fn reraise(e: Slot) {
    if let Ok(r) = e.into_ref() {
        // SAFETY: the compiler keeps exceptions here.
        let _ = crate::error::restore(unsafe { r.cast_into::<BaseException>() });
    }
}

/// `raise` alone. True when there was something to re-raise (no new traceback entry).
pub fn reraise_current(ts: &ThreadState) -> bool {
    match handled_exception(ts) {
        Some(e) => {
            let _ = crate::error::restore(e);
            true
        }
        None => {
            let _ = raise!(RuntimeError, "No active exception to reraise");
            false
        }
    }
}

/// The exception being handled (`sys.exception()`).
pub fn handled_exception(ts: &ThreadState) -> Option<Ref<BaseException>> {
    let mut info = ts.abi().exc_info;
    // SAFETY: the chain of the thread's exception infos is live.
    unsafe {
        while !info.is_null() {
            let v = (*info).exc_value;
            if let Some(o) = Object::from_ptr_opt(v)
                && !o.is_none()
            {
                return Some(o.to_ref().cast_into());
            }
            info = (*info).previous_item;
        }
    }
    None
}

/// `raise x [from y]`.
pub fn raise(x: Slot, cause: Option<Slot>) -> Raised {
    match do_raise(x.obj(), cause.map(|c| c.obj())) {
        Ok(r) | Err(r) => r,
    }
}

fn exception_instance(x: &Object) -> PyResult<Option<Ref<BaseException>>> {
    if let Some(t) = x.downcast::<Type>()
        && t.flags() & abi::Py_TPFLAGS_BASE_EXC_SUBCLASS != 0
    {
        let v = x.call0()?;
        return match v.downcast_into::<BaseException>() {
            Ok(e) => Ok(Some(e)),
            Err(v) => Err(raise!(
                TypeError,
                "calling {} should have returned an instance of BaseException, not {}",
                x.repr()?.to_string_lossy(),
                v.ty().repr()?.to_string_lossy()
            )),
        };
    }
    Ok(x.downcast::<BaseException>().map(Ref::new_ref))
}

fn do_raise(x: &Object, cause: Option<&Object>) -> PyResult<Raised> {
    let Some(e) = exception_instance(x)? else {
        return Err(raise!(TypeError, "exceptions must derive from BaseException"));
    };
    if let Some(c) = cause {
        if c.is_none() {
            e.setattr(intern!("__cause__"), none())?;
        } else {
            match exception_instance(c)? {
                Some(c) => e.setattr(intern!("__cause__"), &c)?,
                None => return Err(raise!(TypeError, "exception causes must derive from BaseException")),
            }
        }
    }
    Ok(crate::error::raise_exception(e))
}

/// SET_ADD. The set need not be one: `__conditional_annotations__` is a name that programs can bind.
#[inline]
pub fn set_add(set: &Object, item: &Object) -> PyResult<()> {
    match set.downcast::<crate::objects::set::Set>() {
        Some(s) => s.add(item).map(drop),
        None => Err(raise!(TypeError, "expected set, got {}", set.ty().tp_name())),
    }
}

#[inline(never)]
pub unsafe fn check_exc_match(e: Slot, t: Slot) -> PyResult<bool> {
    let t = t.obj();
    check_except_type(t)?;
    Ok(crate::error::exception_matches(e.obj(), t))
}

fn is_exception_class(t: &Object) -> bool {
    t.downcast::<Type>().is_some_and(|t| t.flags() & abi::Py_TPFLAGS_BASE_EXC_SUBCLASS != 0)
}

fn check_except_type(t: &Object) -> PyResult<()> {
    let ok = match t.downcast::<Tuple>() {
        Some(items) => items.iter().all(is_exception_class),
        None => is_exception_class(t),
    };
    if ok {
        return Ok(());
    }
    Err(raise!(TypeError, "catching classes that do not inherit from BaseException is not allowed"))
}

/// The rest and the match of `except*`; the match becomes the exception being handled.
#[inline(never)]
pub unsafe fn check_eg_match(e: Slot, t: Slot) -> PyResult<(Slot, Slot)> {
    // SAFETY: the caller's promise.
    let (rest, matched) = unsafe { split_eg(e, t)? };
    if !matched.is_obj(none()) {
        let handled = matched.to_ref()?;
        // SAFETY: the stack of handled exceptions belongs to this thread; its items own what they hold.
        let old = unsafe {
            let info = ThreadState::current().abi().exc_info;
            PyRef::from_ptr_opt(core::mem::replace(&mut (*info).exc_value, handled.into_ptr()))
        };
        drop(old);
    }
    Ok((rest, matched))
}

unsafe fn split_eg(e: Slot, t: Slot) -> PyResult<(Slot, Slot)> {
    let (e, t) = (e.obj(), t.obj());
    check_except_type(t)?;
    let group_base: &Object = exc::BaseExceptionGroup();
    let is_group = |x: &Object| x.issubclass(group_base);
    let bad = match t.downcast::<Tuple>() {
        Some(items) => {
            let mut bad = false;
            for x in items.iter() {
                bad |= is_group(x)?;
            }
            bad
        }
        None => is_group(t)?,
    };
    if bad {
        return Err(raise!(TypeError, "catching ExceptionGroup with except* is not allowed. Use except instead."));
    }
    if e.is_none() {
        return Ok((Slot::none(), Slot::none()));
    }
    if crate::error::exception_matches(e, t) {
        if e.isinstance(group_base)? {
            return Ok((Slot::none(), Slot::new(e)));
        }
        // A naked exception is wrapped
        let excs = Tuple::from_slice(&[e])?;
        let g = exc::ExceptionGroup();
        let g: &Object = if e.isinstance(exc::Exception())? { g } else { group_base };
        let wrapped = g.call(&[Str::empty(), &excs])?;
        super::attach_traceback_here(&wrapped);
        return Ok((Slot::none(), Slot::owned(wrapped)));
    }
    if e.isinstance(group_base)? {
        let pair = e.call_method(intern!("split"), &[t])?;
        let Some(p) = pair.downcast::<Tuple>() else {
            return Err(raise!(
                TypeError,
                "{}.split must return a tuple, not {}",
                e.ty().name_str(),
                pair.ty().name_str()
            ));
        };
        if p.len() < 2 {
            return Err(raise!(
                TypeError,
                "{}.split must return a 2-tuple, got tuple of size {}",
                e.ty().name_str(),
                p.len()
            ));
        }
        return Ok((Slot::new(p.get(1)), Slot::new(p.get(0))));
    }
    Ok((Slot::new(e), Slot::none()))
}

#[inline(never)]
pub unsafe fn with_except_start(sp: *mut Slot) -> PyResult<Slot> {
    // SAFETY: [exit_func, exit_self, lasti, prev_exc, exc]
    unsafe {
        let exc = (*sp.sub(1)).obj();
        let exit_self = *sp.sub(4);
        let exit = (*sp.sub(5)).obj();
        let tb = exc.getattr(intern!("__traceback__"))?;
        let ty: &Object = exc.ty();
        let r = if exit_self.is_null() {
            exit.call(&[ty, exc, &tb])?
        } else {
            let me = exit_self.to_ref()?;
            exit.call(&[&me, ty, exc, &tb])?
        };
        Ok(Slot::owned(r))
    }
}

/// Gives the value of a StopIteration, `None` for any other exception.
pub unsafe fn cleanup_throw(e: Slot) -> Option<Slot> {
    let o = e.obj();
    if !crate::error::exception_matches(o, exc::StopIteration()) {
        return None;
    }
    // SAFETY: a StopIteration instance.
    let v = unsafe { o.cast::<crate::objects::exceptions::StopIteration>() }.0.value;
    // SAFETY: null or a live object.
    Some(unsafe { Object::from_ptr_opt(v) }.map_or(Slot::none(), Slot::new))
}

pub unsafe fn is_stop_async_iteration(e: Slot) -> bool {
    crate::error::exception_matches(e.obj(), exc::StopAsyncIteration())
}

// ------------------------------------------------------------------------------------------ imports

#[inline(never)]
pub unsafe fn import_name(frame: *mut InterpFrame, name: &Str, level: Slot, fromlist: Slot) -> PyResult<Slot> {
    // SAFETY: the frame is live.
    unsafe {
        let f = &*frame;
        let Some(import) = mapping_get(f.builtins(), intern!("__import__"))? else {
            return Err(raise!(ImportError, "__import__ not found"));
        };
        let locals = Object::from_ptr_opt(f.locals).unwrap_or(none());
        Ok(Slot::owned(import.call(&[name, f.globals(), locals, fromlist.obj(), level.obj()])?))
    }
}

#[inline(never)]
pub unsafe fn import_from(m: Slot, name: &Str) -> PyResult<Slot> {
    let m = m.obj();
    if let Some(v) = m.getattr_opt(name)? {
        return Ok(Slot::owned(v));
    }
    // A submodule that is being imported circularly is in sys.modules already
    let modname = m.getattr_opt(intern!("__name__"))?;
    let pkg = match &modname {
        Some(n) => n.downcast::<Str>(),
        None => None,
    };
    if let Some(p) = pkg {
        let full = Str::format(format_args!("{}.{}", p.to_string_lossy(), name.to_string_lossy()))?;
        if let Some(v) = super::sys_modules_get(&full)? {
            return Ok(Slot::owned(v));
        }
    }
    super::import_from_error(m, pkg, name)
}

#[allow(dead_code)]
fn _unused(_: &Function) {}
