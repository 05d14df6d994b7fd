"""Classes, closures and modules made and dropped by several threads; what they leave is collected."""

import gc
import threading
import types
import weakref


class Base:
    CONST = (1, 2)

    @staticmethod
    def static(x):
        return x + 1

    @property
    def p(self):
        return self


SHARED = Base()
LIVE = []


def work(n, out):
    refs = []
    for i in range(n):
        cls = type("C%d" % i, (Base,), {"__slots__": ("a", "b"), "f": lambda self: i})
        objs = [cls() for _ in range(20)]
        for o in objs:
            o.a = objs
            assert o.static(i) == i + 1 and o.p is o and o.f() == i
        module = types.ModuleType("m%d" % i)
        exec("def g(x): return h(x) + 1\ndef h(x): return x * 2", module.__dict__)
        assert module.g(3) == 7
        refs.append((weakref.ref(cls), weakref.ref(module), weakref.ref(module.g)))
        module.keep = module.g
        assert SHARED.CONST == (1, 2) and SHARED.static(1) == 2
        if i % 10 == 0:
            LIVE.append((cls, objs[0], module.g))
    out.extend(refs)


results = [[] for _ in range(4)]
threads = [threading.Thread(target=work, args=(60, r)) for r in results]
for t in threads:
    t.start()
for t in threads:
    t.join()
gc.collect()
alive = [sum(w() is not None for w in ws) for r in results for ws in r]
assert sum(alive) < 4 * 60, sum(alive)
for cls, obj, g in LIVE:
    assert type(obj) is cls and cls() is not obj and g(1) == 3
assert type(SHARED) is Base and Base().p
LIVE.clear()
del cls, obj, g, t
gc.collect()
gc.collect()
assert all(w() is None for r in results for ws in r for w in ws)


# A long list of young objects: marking does not need a stack as long as the list.
class Node:
    def __init__(self, next):
        self.next = next


wide = [[i] for i in range(100_000)]
chain = None
for i in range(100_000):
    chain = Node(chain)
ring = [Node(None) for _ in range(50_000)]
for i, node in enumerate(ring):
    node.next = ring[i - 1]
ref = weakref.ref(ring[7])
del ring, node
assert gc.collect() >= 50_000 and ref() is None
assert sum(map(len, wide)) == 100_000
n = 0
while chain is not None:
    chain, n = chain.next, n + 1
assert n == 100_000


class Number(float):
    pass


x = Number(1.5)
x.me = x
ref = weakref.ref(x)
assert gc.is_tracked(x)
del x
gc.collect()
assert ref() is None
print("ok")
