//! Containers on a bare engine: types are readied, nothing is imported.
use runtime::objects::*;
use runtime::prelude::*;

fn start() {
    runtime::pyhash::init(Some(0));
    let interp = runtime::thread::InterpreterState::new();
    assert!(runtime::thread::attach_new(interp).is_some(), "no thread state");
    ok(runtime::typeobject::bootstrap(&runtime::objects::all_specs()));
    ok(runtime::objects::init_statics());
}

#[track_caller]
fn ok<T>(r: PyResult<T>) -> T {
    match r {
        Ok(v) => v,
        Err(e) => {
            let e = e.take();
            let text = e.str().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
            panic!("{}: {}", e.ty().tp_name(), text)
        }
    }
}

#[track_caller]
fn okr(r: PyResult<PyRef>) -> PyRef {
    ok(r)
}
fn int(v: i64) -> PyRef {
    ok(Int::from_i64(v)).upcast()
}
fn text(s: &str) -> PyRef {
    ok(Str::new(s)).upcast()
}
#[track_caller]
fn shows(o: &Object, s: &str) {
    assert_eq!(ok(o.repr()).to_string_lossy(), s);
}

#[test]
fn containers() {
    start();
    dicts();
    lists();
    tuples_and_sets();
    ranges();
}

fn dicts() {
    let d = ok(Dict::new());
    for i in 0..1000 {
        ok(d.insert(text(&format!("k{i}")), int(i)));
    }
    assert_eq!(d.len(), 1000);
    for i in 0..1000 {
        let v = ok(d.get(&text(&format!("k{i}")))).unwrap();
        assert_eq!(ok(v.as_i64()), i);
    }
    for i in (0..1000).step_by(3) {
        assert!(ok(d.del(&text(&format!("k{i}")))));
    }
    assert_eq!(d.len(), 666);
    assert!(ok(d.get(&text("k0"))).is_none());
    ok(d.insert(int(5), text("five")));
    ok(d.insert(int(5), text("FIVE")));
    assert_eq!(d.len(), 667);
    shows(&okr(d.get_item(&int(5))), "'FIVE'");
    let first = d.keys_snapshot();
    shows(&first[0], "'k1'");
    let (k, v) = ok(d.popitem()).unwrap();
    shows(&k, "5");
    shows(&v, "'FIVE'");
    let c = ok(d.copy());
    assert!(ok(c.eq(&d)));
    d.clear();
    assert_eq!(d.len(), 0);
    shows(&d, "{}");
    let e = ok(Dict::new());
    ok(e.insert(text("a"), int(1)));
    ok(e.insert(text("self"), e.to_ref()));
    shows(&e, "{'a': 1, 'self': {...}}");
    e.clear();
    let v1 = {
        ok(e.insert(text("x"), int(1)));
        e.keys_version()
    };
    assert!(v1 != 0 && e.keys_version() == v1);
    let ix = e.index_of(Str::intern("x")).unwrap();
    shows(&e.value_at_version(v1, ix).unwrap(), "1");
    ok(e.insert(text("x"), int(2)));
    shows(&e.value_at_version(v1, ix).unwrap(), "2");
    ok(e.insert(text("y"), int(2)));
    assert!(e.value_at_version(v1, ix).is_none());
    let l = ok(List::new());
    let err = e.get(&l).err().unwrap().take();
    assert_eq!(ok(err.str()).to_string_lossy(), "cannot use 'list' as a dict key (unhashable type: 'list')");
    let items = ok(e.call_method(Str::intern("items"), &[]));
    shows(&items, "dict_items([('x', 2), ('y', 2)])");
    let s: PyRef = ok(Set::new()).upcast();
    let k = ok(e.call_method(Str::intern("keys"), &[]));
    shows(&okr(k.and(&s)), "set()");
    // Popped and pushed at the end for long: entries are reused, the table does not grow without bound.
    for i in 0..100000 {
        ok(e.insert(int(i), int(i)));
        ok(e.popitem());
    }
    assert_eq!(e.len(), 2);
}

fn lists() {
    let l = ok(List::new());
    for i in 0..100 {
        ok(l.push(int((i * 37) % 100)));
    }
    ok(l.sort(None, false));
    for i in 0..100 {
        assert_eq!(ok(l.get(i).unwrap().as_i64()), i as i64);
    }
    l.reverse();
    assert_eq!(ok(l.get(0).unwrap().as_i64()), 99);
    ok(l.set_slice(2, 98, None));
    shows(&l, "[99, 98, 1, 0]");
    ok(l.insert(1, &text("x")));
    shows(&okr(l.pop(1)), "'x'");
    let m = ok(List::from_slice(&[&text("b"), &int(1)]));
    assert!(m.sort(None, false).map_err(|e| e.clear()).is_err());
    shows(&m, "['b', 1]");
    let t = |a: i64, s: &str| ok(Tuple::from_refs(vec![int(a), text(s)])).upcast();
    let pairs = ok(List::from_vec((0..200).map(|i| t(i % 7, if i % 2 == 0 { "b" } else { "a" })).collect()));
    ok(pairs.sort(None, true));
    shows(&pairs.get(0).unwrap(), "(6, 'b')");
    shows(&pairs.get(199).unwrap(), "(0, 'a')");
    ok(l.append(&l));
    shows(&l, "[99, 98, 1, 0, [...]]");
    l.clear();
    let sl = ok(List::from_vec((0..10).map(int).collect()));
    let s = ok(Slice::new(None, None, Some(&int(-3))));
    shows(&okr(sl.get_item(&s)), "[9, 6, 3, 0]");
    ok(sl.del_item(&s));
    shows(&sl, "[1, 2, 4, 5, 7, 8]");
    ok(sl.set_item(&*ok(Slice::new(Some(&int(1)), Some(&int(3)), None)), &*ok(List::from_vec(vec![int(9); 4]))));
    shows(&sl, "[1, 9, 9, 9, 9, 5, 7, 8]");
}

fn tuples_and_sets() {
    let t = ok(Tuple::from_refs(vec![int(1), text("a")]));
    shows(&t, "(1, 'a')");
    assert_eq!(ok(t.hash()), ok(ok(Tuple::from_refs(vec![int(1), text("a")])).hash()));
    shows(&Tuple::empty(), "()");
    let s = ok(Set::new());
    for i in 0..1000 {
        ok(s.add(&int(i % 500)));
    }
    assert_eq!(s.len(), 500);
    for i in 0..500 {
        assert!(ok(s.contains(&int(i))));
    }
    for i in 3..500 {
        assert!(ok(s.discard(&int(i))));
    }
    shows(&s, "{0, 1, 2}");
    let f = ok(FrozenSet::new(&[&int(1), &int(2)]));
    shows(&f, "frozenset({1, 2})");
    shows(&okr(s.and(&f)), "{1, 2}");
    shows(&okr(s.sub(&f)), "{0}");
    shows(&okr(f.or(&s)), "frozenset({0, 1, 2})");
    assert!(ok(s.contains(&f)) == false);
    ok(s.add(&f));
    assert!(ok(s.contains(&*ok(Set::new()))) == false);
}

fn ranges() {
    let r = ok(Range::new(&int(0), &int(10), Some(&int(3))));
    shows(&r, "range(0, 10, 3)");
    let l = ok(r.to_list());
    shows(&l, "[0, 3, 6, 9]");
    assert!(ok(r.contains(&int(6))) && !ok(r.contains(&int(7))));
    shows(&okr(r.get_item(&int(-1))), "9");
    let z = ok((**Str::type_object()).to_ref().call0());
    shows(&z, "''");
}
