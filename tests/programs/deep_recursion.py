"""Recursion through native code ends in RecursionError, on every kind of thread and through every kind of slot."""
import ast
import copy
import functools
import itertools
import json
import operator
import pickle
import sys
import threading
import types

DEEP = 100_000


def nest(f, x, n=DEEP):
    for _ in range(n):
        x = f(x)
    return x


def survives(f, *args):
    """The call gives a result or RecursionError (or what the parser says of too deep sources)."""
    try:
        f(*args)
    except (RecursionError, MemoryError, SyntaxError, AttributeError, TypeError, ValueError, LookupError, StopIteration):
        pass


def overflows(f, *args):
    try:
        f(*args)
    except RecursionError:
        return
    raise AssertionError("no RecursionError")


tuples, more = nest(lambda x: (x,), ()), nest(lambda x: (x,), ())
lists = nest(lambda x: [x], [])
alias = nest(lambda x: list[x], int)
origin = nest(lambda x: types.GenericAlias(x, (int,)), int)


class Everything:
    def __repr__(self): return repr(self)
    def __str__(self): return str(self)
    def __hash__(self): return hash(self)
    def __eq__(self, other): return self == other
    def __lt__(self, other): return self < other
    def __len__(self): return len(self)
    def __iter__(self): return iter(self)
    def __next__(self): return next(self)
    def __call__(self): return self()
    def __bool__(self): return bool(self)
    def __add__(self, other): return self + other
    def __neg__(self): return -self
    def __getitem__(self, key): return self[key]
    def __contains__(self, key): return key in self
    def __index__(self): return operator.index(self)
    def __format__(self, spec): return format(self)
    def __getattr__(self, name): return getattr(self, name + "x")
    def __reversed__(self): return reversed(self)
    def __bytes__(self): return bytes(self)


class CallsItself:
    pass


CallsItself.__call__ = CallsItself()


def partials():
    p = functools.partial(int)
    for _ in range(DEEP):
        q = functools.partial(int)
        q.__setstate__((p, (), {}, {}))
        p = q
    return p


def matching():
    classes = nest(lambda x: (x,), OSError)
    try:
        1 / 0
    except classes:
        pass


ITERATORS = [
    itertools.chain, lambda x: map(int, x), lambda x: filter(None, x), zip, enumerate, itertools.cycle, itertools.accumulate,
    itertools.pairwise, itertools.groupby, lambda x: itertools.islice(x, 1), lambda x: itertools.takewhile(bool, x),
    lambda x: itertools.starmap(int, x), lambda x: itertools.compress(x, [1]), itertools.zip_longest,
    lambda x: itertools.batched(x, 1), lambda x: itertools.tee(x)[0], lambda x: (i for i in x),
]


def slots():
    overflows(hash, tuples)
    overflows(repr, tuples)
    overflows(repr, lists)
    overflows(operator.eq, tuples, more)
    overflows(operator.lt, tuples, more)
    overflows(sorted, [tuples, more])
    overflows(hash, alias)
    overflows(repr, alias)
    for f in (hash, repr, dir, lambda a: a.x, lambda a: a(), lambda a: isinstance(1, a)):
        survives(f, origin)
    e = Everything()
    for f in (repr, str, hash, len, iter, next, bool, operator.neg, operator.index, format, reversed, bytes, lambda e: e == e,
              lambda e: e < e, lambda e: e(), lambda e: e + 1, lambda e: e[1], lambda e: 1 in e, lambda e: e.foo):
        overflows(f, e)
    overflows(CallsItself())
    survives(partials())
    overflows(isinstance, "", nest(lambda x: (x,), int))
    survives(matching)
    overflows(json.dumps, lists)
    overflows(json.loads, "[" * DEEP)
    overflows(pickle.dumps, lists)
    overflows(copy.deepcopy, lists)
    for f in ITERATORS:
        survives(lambda: next(nest(f, iter([1]), 30_000)))
    node = ast.Constant(1)
    for _ in range(DEEP):
        node = ast.UnaryOp(ast.USub(), node, lineno=1, col_offset=0)
    overflows(compile, ast.Expression(node), "f", "eval")
    survives(repr, node)
    for text in ("-" * DEEP + "1", "not " * DEEP + "1", "a." * DEEP + "b", "a" + "()" * DEEP, "lambda:" * DEEP + "1", "(" * DEEP,
                 "a if b else " * DEEP + "c", "a**" * DEEP + "b", "f'" + "{" * DEEP, "[" * 300, "1+" * DEEP + "1"):
        survives(compile, text, "f", "exec")
    proxy = nest(types.MappingProxyType, {})
    for f in (len, repr, hash, lambda p: p[1], lambda p: p | {}, lambda p: 1 in p, iter):
        survives(f, proxy)
    method = nest(lambda x: types.MethodType(x, 1), print)
    survives(method)
    survives(lambda: method.foo)
    group = nest(lambda x: ExceptionGroup("g", [x]), ValueError(), 20_000)
    survives(group.split, ValueError)
    survives(str, group)

    def python():
        return python()

    overflows(python)


def on_thread(size):
    threading.stack_size(size)
    failed = []

    def run():
        try:
            slots()
        except BaseException as e:
            failed.append(e)

    t = threading.Thread(target=run)
    t.start()
    t.join()
    threading.stack_size(0)
    if failed:
        raise failed[0]


slots()
on_thread(256 << 10)
sys.setrecursionlimit(1_000_000)


def through_native():
    return list(map(lambda _: through_native(), [1]))


overflows(through_native)
sys.setrecursionlimit(1000)
print("ok")
