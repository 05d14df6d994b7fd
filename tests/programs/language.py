"""A walk through the language: each block asserts what it shows."""
import sys


def gen(n):
    for i in range(n):
        x = yield i
        if x:
            yield x * 10


g = gen(3)
assert next(g) == 0 and g.send(5) == 50 and list(g) == [1, 2]


class A:
    def __init__(self, x):
        self.x = x

    def __eq__(self, other):
        return self.x == other.x

    @property
    def double(self):
        return self.x * 2


class B(A):
    __slots__ = ("y",)

    def __init__(self, x, y):
        super().__init__(x)
        self.y = y


assert B(1, 2).double == 2 and A(3) == A(3)

try:
    try:
        1 / 0
    except ZeroDivisionError as e:
        raise ValueError("again") from e
except ValueError as e:
    assert isinstance(e.__cause__, ZeroDivisionError)

try:
    raise ExceptionGroup("eg", [TypeError(1), ValueError(2)])
except* TypeError as eg:
    assert len(eg.exceptions) == 1
except* ValueError as eg:
    assert len(eg.exceptions) == 1

match {"kind": "point", "at": (1, 2)}:
    case {"kind": "point", "at": (x, y)}:
        assert (x, y) == (1, 2)
    case _:
        assert False

f = 3.14159
assert f"{f:.2f} {'x':>3} {10:#x} {f!r}" == "3.14   x 0xa 3.14159"
assert [x * y for x in range(3) for y in range(3) if x != y] == [0, 0, 0, 2, 0, 2]
assert {k: v for k, v in zip("abc", range(3))} == {"a": 0, "b": 1, "c": 2}
assert sorted([3, 1, 2], key=lambda v: -v) == [3, 2, 1]
a, *b, c = range(5)
assert (a, b, c) == (0, [1, 2, 3], 4)
assert 2**100 == 1267650600228229401496703205376
assert "%s-%05d" % ("a", 42) == "a-00042"


def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


assert fib(15) == 610


def deep(n):
    return deep(n + 1)


try:
    deep(0)
except RecursionError:
    pass
else:
    assert False

t = t"hello {f:.1f}"
assert t.strings == ("hello ", "") and t.interpolations[0].value == f
type Pair[T] = tuple[T, T]
assert Pair.__name__ == "Pair"


async def co():
    return 7


c = co()
try:
    c.send(None)
except StopIteration as e:
    assert e.value == 7
assert sys.implementation.name == "cpython"
print("ok")
