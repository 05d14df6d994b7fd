"""Long linked structures of every kind are freed without exhausting the native stack."""
import collections
import functools
import gc
import itertools
import types

N = 300_000


def chain(make, x=None, n=N):
    for _ in range(n):
        x = make(x)
    del x


class Instance:
    def __init__(self, o): self.o = o


class Slots:
    __slots__ = "o"

    def __init__(self, o): self.o = o


class MyList(list): pass


class MyTuple(tuple): pass


def closure(x):
    return lambda: x


def suspended(x):
    def g():
        yield
        yield x
    it = g()
    next(it)
    return it


def with_context(x):
    e = ValueError()
    e.__context__ = x
    return e


for make in (
    lambda x: (x,), lambda x: [x], lambda x: {1: x}, Instance, Slots, lambda x: MyList([x]), lambda x: MyTuple([x]), closure,
    suspended, with_context, ValueError, lambda x: functools.partial(int, x), types.CellType, lambda x: types.SimpleNamespace(a=x),
    lambda x: types.MethodType(print, x or 1), slice, property, staticmethod, classmethod, lambda x: [x].__len__,
    lambda x: types.GenericAlias(list, (x,)), lambda x: types.MappingProxyType({1: x}), lambda x: iter([x]), lambda x: iter((x,)),
    lambda x: reversed([x]), lambda x: {1: x}.values(), lambda x: collections.deque([x]),
):
    chain(make)
for make in (itertools.chain, lambda x: map(int, x), zip, enumerate, itertools.cycle, itertools.pairwise, itertools.groupby,
             lambda x: itertools.islice(x, 1), itertools.accumulate):
    chain(make, iter(()))


class Node:
    pass


first = node = Node()
for _ in range(N):
    new = Node()
    new.previous, node.next, node = node, new, new
del first, node, new
gc.collect()


class WithDel:
    alive = 0

    def __init__(self, o):
        self.o = o
        WithDel.alive += 1

    def __del__(self):
        WithDel.alive -= 1


chain(WithDel, n=50_000)
gc.collect()
assert WithDel.alive == 0
print("ok")
