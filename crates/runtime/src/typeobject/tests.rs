//! The core brought up without an interpreter: types get ready, classes are made, attributes and slots agree.

use crate::prelude::*;
use crate::thread::InterpreterState;
use std::sync::Once;

fn with_core(f: impl FnOnce()) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        crate::pyhash::init(Some(0));
        let interp = InterpreterState::new();
        let _ = crate::thread::attach_new(interp).expect("thread state");
        check(super::bootstrap(&crate::objects::all_specs()));
        check(crate::objects::init_statics());
    });
    f();
}

#[track_caller]
fn check<T>(r: PyResult<T>) -> T {
    match r {
        Ok(v) => v,
        Err(e) => {
            let e = e.take();
            panic!("{}: {}", e.ty().name_str(), e.str().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default());
        }
    }
}

// One test: the core is per process, the thread state per thread.
#[test]
fn core_comes_up() {
    with_core(|| {
        let five = check(Int::from_i64(5));
        let seven = check(Int::from_i64(7));
        assert_eq!(check(check(five.add(&seven)).as_isize()), 12);
        let s = check(check(five.repr()).getattr(intern!("upper")));
        assert_eq!(check(check(s.call0()).str()).to_string_lossy(), "5");
        let r = check(Int::type_object().getattr(intern!("__add__")));
        assert!(check(check(r.repr()).contains(&*check(Str::new("slot wrapper")))));
        // A class.
        let ns = check(Dict::new());
        check(ns.set(intern!("__len__"), &*check(Int::type_object().getattr(intern!("bit_length")))));
        check(ns.set(intern!("x"), &five));
        check(ns.set(intern!("__module__"), &*check(Str::new("m"))));
        let c = check(super::new::new_class("C", &[Int::type_object()], &ns));
        assert_eq!(check(c.repr()).to_string_lossy(), "<class 'm.C'>");
        let o = check(c.call1(&*check(Int::from_i64(300))));
        assert_eq!(check(o.len()), 9);
        check(o.setattr(intern!("y"), &seven));
        assert!(check(check(o.getattr(intern!("y"))).eq(&seven)));
        assert!(check(check(o.getattr(intern!("x"))).eq(&five)));
        let ns = check(Dict::new());
        let d = check(super::new::new_class("D", &[&c], &ns));
        let od = check(d.call0());
        check(c.setattr(intern!("__len__"), &*check(Int::type_object().getattr(intern!("__int__")))));
        assert_eq!(check(od.len()), 0);
        check(c.delattr(intern!("__len__")));
        assert!(od.len().map_err(|e| e.clear()).is_err());
        let p = check(super::new::new_class("P", &[], &*check(Dict::new())));
        let op = check(p.call0());
        check(op.setattr(intern!("a"), &five));
        check(op.setattr(intern!("b"), &seven));
        assert!(check(check(op.getattr(intern!("a"))).eq(&five)));
        check(op.delattr(intern!("a")));
        assert!(check(op.getattr_opt(intern!("a"))).is_none());
        let dict = check(op.getattr(intern!("__dict__")));
        assert_eq!(check(dict.repr()).to_string_lossy(), "{'b': 7}");
        assert!(check(op.isinstance(&p)));
        let e = op.add(&five).unwrap_err().take();
        assert_eq!(check(e.str()).to_string_lossy(), "unsupported operand type(s) for +: 'P' and 'int'");
        let e = op.call0().unwrap_err().take();
        assert_eq!(check(e.str()).to_string_lossy(), "'P' object is not callable");
        let e = op.getattr(intern!("nope")).unwrap_err().take();
        assert_eq!(check(e.str()).to_string_lossy(), "'P' object has no attribute 'nope'");
        drop(op);
    });
}
