"""OrderedDict: order, ends, iterators, views, copies, subclasses."""

import copy
import pickle
import weakref
from collections import OrderedDict, Counter

d = OrderedDict([("a", 1), ("b", 2), ("c", 3)])
d.move_to_end("a")
assert list(d.items()) == [("b", 2), ("c", 3), ("a", 1)]
d.move_to_end("a", last=False)
assert list(d) == ["a", "b", "c"] and list(reversed(d)) == ["c", "b", "a"]
for i in range(1000):
    d.move_to_end("abc"[i % 3], last=i % 7 > 0)
    assert sorted(d) == ["a", "b", "c"] and len(list(d)) == 3
d.clear()
for i in range(100):
    d[i] = -i
for i in range(0, 100, 2):
    d.move_to_end(i)
assert list(d) == [*range(1, 100, 2), *range(0, 100, 2)]
assert d.popitem(last=False) == (1, -1) and d.popitem() == (98, -98) and d.pop(3) == -3
assert d.pop(3, "x") == "x" and 3 not in d and len(d) == 97
for bad in (lambda: d.move_to_end(3), lambda: d.pop(3), lambda: OrderedDict().popitem()):
    try:
        bad()
    except KeyError:
        pass
    else:
        raise AssertionError(bad)

e = OrderedDict(x=1, y=2)
assert e == OrderedDict(x=1, y=2) != OrderedDict(y=2, x=1) and e == {"y": 2, "x": 1}
assert repr(e) == "OrderedDict({'x': 1, 'y': 2})" and repr(OrderedDict()) == "OrderedDict()"
e["me"] = e
assert repr(e) == "OrderedDict({'x': 1, 'y': 2, 'me': ...})"
del e["me"]
for change in (lambda: e.update(z=3), lambda: e.move_to_end("x"), lambda: e.pop("y")):
    it = iter(e)
    next(it)
    change()
    try:
        next(it)
    except RuntimeError as error:
        assert "OrderedDict mutated during iteration" in str(error)
    else:
        raise AssertionError("no error")
it = iter(e.items())
e["x"] = 10
assert next(it) and [type(v()).__name__ for v in (e.keys, e.values, e.items)] == [
    "odict_keys", "odict_values", "odict_items"]
assert e.keys() & {"x"} == {"x"} and list(reversed(e.items()))[0] == next(reversed(e.items()))
assert list(pickle.loads(pickle.dumps(it))) == list(copy.copy(it)) == list(it)


class Sub(OrderedDict):
    def __setitem__(self, key, value):
        super().__setitem__(key, value * 2)


s = Sub(a=1)
s.update([("b", 2)], c=3)
s.tag = "t"
assert dict(s) == {"a": 2, "b": 4, "c": 6}
t = pickle.loads(pickle.dumps(d))
assert t == d and list(t) == list(d)
assert s.copy() == {"a": 4, "b": 8, "c": 12} and type(s.copy()) is Sub and copy.copy(d) == d
assert list((d | {"q": 1}))[-1] == "q" and list({"q": 1} | OrderedDict(a=1)) == ["q", "a"]
assert type({} | s) is Sub and type(Sub.fromkeys("ab", 1)) is Sub and weakref.ref(d)() is d
s |= {"z": 1}
assert s["z"] == 2 and s.setdefault("n", 5) == 5 and s["n"] == 10 and list(s)[-1] == "n"
assert vars(s) == {"tag": "t"} and s.__reduce__()[2] == {"tag": "t"}
for bad in ([1], [(1,)], [(1, 2, 3)]):
    try:
        OrderedDict(bad)
    except (TypeError, ValueError):
        pass
    else:
        raise AssertionError(bad)
c = OrderedDict(sorted(Counter("abracadabra").items()))
while c:
    c.popitem(last=False)
assert c == {} and not c
print("ok")
