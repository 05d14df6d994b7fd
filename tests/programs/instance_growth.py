"""Instances whose classes did not announce their attributes: later instances get more room, earlier ones keep working."""

import copy
import pickle
import threading
from dataclasses import dataclass


@dataclass
class Wide:
    a: int
    b: int
    c: int
    d: int
    e: int
    f: int = 6
    g: int = 7


class Late:
    pass


def fill(o, n):
    for i in range(n):
        setattr(o, "x%d" % i, i)
    return o


def check(o, n):
    for i in range(n):
        assert getattr(o, "x%d" % i) == i
    assert not hasattr(o, "x%d" % n)
    assert list(vars(o)) == ["x%d" % i for i in range(n)]
    del o.x1
    assert not hasattr(o, "x1") and "x1" not in vars(o)
    o.x1 = 1
    assert list(vars(o))[-1] == "x1" and o.__dict__.pop("x0") == 0


items = [Wide(i, 2, 3, 4, 5) for i in range(100)]
assert all(w == Wide(i, 2, 3, 4, 5) and vars(w)["g"] == 7 for i, w in enumerate(items))
assert pickle.loads(pickle.dumps(items)) == items == copy.deepcopy(items)

early = [Late() for _ in range(5)]
dicts = [vars(o) for o in early[:2]]
grown = [fill(Late(), n) for n in range(2, 60)]
for o, n in zip(early, (3, 40, 5, 30, 31)):
    fill(o, n)
    check(o, n)
for o, n in zip(grown, range(2, 60)):
    check(o, n)
small = Late()
small.x7 = 1
assert vars(small) == {"x7": 1} and not hasattr(small, "x3") and small.x7 == 1


def work(cls, out):
    for n in range(200):
        o = fill(cls(), n % 35 + 2)
        p = cls()
        vars(p)["x%d" % (n % 33)] = n
        assert vars(p) == {"x%d" % (n % 33): n}
        check(o, n % 35 + 2)
    out.append(True)


done = []
for _ in range(20):
    cls = type("C", (), {})
    threads = [threading.Thread(target=work, args=(cls, done)) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
assert len(done) == 80
print("ok")
