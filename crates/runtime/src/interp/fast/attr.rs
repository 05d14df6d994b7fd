//! Handlers: attributes.

use super::*;
use crate::interp::slot::materialize;
use crate::interp::{ops, specialize};
use crate::objects::dict::instance::try_store_inline_value_at;

table! {
    sop::LOAD_ATTR_INSTANCE => load_instance,
    sop::LOAD_ATTR_SLOT => load_slot,
    sop::LOAD_ATTR_INSTANCE_NUM => load_instance_num,
    sop::LOAD_ATTR_SLOT_NUM => load_slot_num,
    sop::LOAD_ATTR_INSTANCE_POLY => load_instance_poly,
    sop::LOAD_ATTR_DUNDER_CLASS => load_dunder_class,
    sop::LOAD_ATTR_MODULE => load_module,
    sop::LOAD_ATTR_CLASS => load_class,
    sop::LOAD_ATTR_CLASSVAR => load_classvar,
    sop::LOAD_ATTR_METHOD => load_method,
    sop::LOAD_ATTR_PROPERTY => load_property,
    sop::LOAD_ATTR_GENERIC => load_generic,
    sop::STORE_ATTR_INSTANCE => store_instance,
    sop::STORE_ATTR_SLOT => store_slot,
    sop::STORE_ATTR_GENERIC => store_generic,
    op::LOAD_SUPER_ATTR => load_super_attr,
}

impl State {
    /// An attribute takes its object's place.
    #[inline(always)]
    unsafe fn next_attr(mut self, v: Slot) -> Exit {
        // SAFETY: the object is on the stack.
        unsafe {
            let o = self.peek(1);
            self.skip_cache();
            self.set_top(v);
            if self.word & 0x100 != 0 {
                self.push(Slot::NULL);
            }
            self.next_dropping(o)
        }
    }
}

#[inline(never)]
unsafe fn store_slot_hit(p: *mut Slot, c: u64) -> bool {
    // SAFETY: two live entries.
    unsafe { specialize::hit_store_slot(p, c) }
}

macro_rules! hits {
    ($($name:ident: $entry:literal, $order:ident, $hit:ident;)*) => {
        handlers! {$(
            fn $name(s) {
                match specialize::$hit(s.peek(1), s.cache($entry).load($order)) {
                    Some(v) => s.next_attr(v),
                    None => s.bail(),
                }
            }
        )*}
    };
}

hits! {
    load_instance: 0, Relaxed, hit_attr_instance;
    load_slot: 0, Relaxed, hit_attr_slot;
    load_module: 0, Relaxed, hit_attr_module;
    load_class: 1, Acquire, hit_attr_class;
    load_classvar: 1, Acquire, hit_attr_classvar;
    load_instance_poly: 1, Acquire, hit_attr_instance_poly;
    load_dunder_class: 0, Relaxed, hit_attr_dunder_class;
}

handlers! {
    fn load_instance_num(s) {
        match specialize::hit_attr_instance_num(s.peek(1), s.cache(0).load(Relaxed)) {
            Some(v) => s.next_attr(v),
            None => load_instance(s.pc, s.sp, s.frame, s.ts, s.code, s.word),
        }
    }
    fn load_slot_num(s) {
        match specialize::hit_attr_slot_num(s.peek(1), s.cache(0).load(Relaxed)) {
            Some(v) => s.next_attr(v),
            None => load_slot(s.pc, s.sp, s.frame, s.ts, s.code, s.word),
        }
    }
    fn load_method(s) {
        let o = s.peek(1);
        let Some(v) = specialize::hit_attr_method(o, s.cache(1).load(Acquire)) else { return s.bail() };
        s.skip_cache();
        s.set_top(v);
        s.push(o);
        s.next()
    }
    fn load_property(s) {
        if let Some((fs, f, fcode)) = specialize::hit_attr_property(s.peek(1), s.cache(1).load(Acquire)) {
            if fs.is_borrowed() {
                let args = s.sp.sub(1);
                return s.call_exact(f, fs, fcode, args, 1, args);
            }
            fs.drop();
        }
        s.bail()
    }
    fn load_generic(s) {
        s.skip_cache();
        s.save();
        let o = s.peek(1);
        let method = s.word & 0x100 != 0;
        let (v, is_method) = tri!(ops::load_attr(o, (*s.code).name_at(s.arg() >> 1), method));
        s.set_top(v);
        if is_method {
            s.push(o);
            return s.next();
        }
        if method {
            s.push(Slot::NULL);
        }
        s.next_dropping(o)
    }
    fn store_instance(s) {
        s.save();
        tri!(materialize(s.sp.sub(2)));
        // counted before other threads can see it
        let v = s.peek(2).counted();
        *s.sp.sub(2) = v;
        let o = s.peek(1);
        if let Some((obj, i)) = specialize::guard_store_instance(o, s.cache(0).load(Relaxed))
            && let Some(old) = try_store_inline_value_at(obj, i, v.ptr())
        {
            s.skip_cache();
            s.sp = s.sp.sub(2);
            return s.next_dropping2(o, Slot::steal(old));
        }
        s.bail()
    }
    fn store_slot(s) {
        s.save();
        if store_slot_hit(s.sp.sub(2), s.cache(0).load(Relaxed)) {
            s.skip_cache();
            s.sp = s.sp.sub(2);
            let o = *s.sp.add(1);
            return s.next_dropping(o);
        }
        s.bail()
    }
    fn store_generic(s) {
        s.skip_cache();
        s.save();
        tri!(ops::store_attr(s.sp.sub(2), (*s.code).name_at(s.arg())));
        let (v, o) = (s.peek(2), s.peek(1));
        s.sp = s.sp.sub(2);
        s.next_dropping2(v, o)
    }
    fn load_super_attr(s) {
        s.skip_cache();
        s.save();
        let (v, is_method) = tri!(ops::load_super_attr(s.sp.sub(3), (*s.code).name_at(s.arg() >> 2), s.arg() as u32));
        // [super, class, self]
        let (a, b, c) = (s.peek(3), s.peek(2), s.peek(1));
        s.sp = s.sp.sub(3);
        s.push(v);
        if s.word & 0x100 != 0 {
            s.push(if is_method { c } else { Slot::NULL });
        }
        if !is_method && c.is_counted() && !drop_quickly(c) {
            s.save();
            c.drop_nonnull();
        }
        s.next_dropping2(a, b)
    }
}
