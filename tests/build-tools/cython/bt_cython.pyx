# cython: freethreading_compatible=True
"""A module of many kinds: functions, extension types, generators, coroutines, memory views, closures."""
cimport cython
from libc.math cimport sqrt


cpdef int words(str text) except -1:
    if text is None:
        raise ValueError("no text")
    return len(text.split())


def norm(double[:] values not None):
    cdef double total = 0
    cdef Py_ssize_t i
    with nogil:
        for i in range(values.shape[0]):
            total += values[i] * values[i]
    return sqrt(total)


cdef class Base:
    cdef public int n
    cdef object extra
    cdef dict __dict__
    cdef object __weakref__

    def __cinit__(self, int n=0, *args):
        self.n = n
        self.extra = [args]

    def __eq__(self, other):
        return isinstance(other, Base) and self.n == (<Base>other).n

    def __hash__(self):
        return hash(self.n)

    def __add__(self, other):
        return type(self)(self.n + other.n)

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        if not 0 <= i < self.n:
            raise IndexError(i)
        return i * 10

    @property
    def more(self):
        return self.extra

    cdef int hidden(self):
        return self.n * 2

    def call_hidden(self):
        return self.hidden()


@cython.final
cdef class Derived(Base):
    cdef int hidden(self):
        return self.n * 3


def generate(int n):
    for i in range(n):
        try:
            got = yield i
            if got:
                yield -got
        except KeyError as e:
            yield str(e)


async def wait(thing):
    async with thing as t:
        return [await x async for x in t]


def closure(a, *args, b=2, **kwargs):
    def inner(c):
        nonlocal a
        a += c
        return a, args, b, sorted(kwargs)
    return inner


class Plain:
    kind: str = "plain"

    def __init__(self, x):
        self.x = x

    def me(self):
        return super().__repr__().split()[0]


def fails(depth):
    if depth:
        return fails(depth - 1)
    raise RuntimeError("deep in C")


def kinds(x):
    return f"{x!r:>6}|{x}", {k: v for k, v in [(x, 1)]}, {*[x, x]}, [*range(2), x], x in (1, 2), x is not None


def count(dict d, list keys):
    for key in keys:
        with cython.critical_section(d):
            d[key] = d.get(key, 0) + 1


def sum_up(*values, **named):
    cdef long total = sum(values)
    for v in named.values():
        total += v
    return total


def cleanup(log):
    try:
        try:
            raise ValueError(1)
        finally:
            log.append("finally")
    except (ValueError, TypeError) as e:
        log.append(repr(e))
    else:
        log.append("else")
    return log
