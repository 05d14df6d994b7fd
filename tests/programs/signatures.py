"""Signatures of built-in classes and functions, and the words for arguments of the wrong type."""
import inspect
import itertools
import typing


def text(f):
    return str(inspect.signature(f))


assert text(print) == "(*args, sep=' ', end='\\n', file=None, flush=False)", text(print)
assert text(list) == "(iterable=(), /)" and text(map).startswith("(function, iterable, /"), text(map)
assert text(itertools.combinations) == "(iterable, r)"
assert text(object.__init_subclass__) == "()"


def message(f, *args, **kwargs):
    try:
        f(*args, **kwargs)
    except TypeError as e:
        return str(e)


assert message("a".encode, "ascii", 1) == "encode() argument 'errors' must be str, not int"
assert message(b"a".decode, 1) == "decode() argument 'encoding' must be str, not int"

# Unions with strings; the module of type parameters made without a name; bounds of parameter specifications.
assert repr((int | str) | "float") == "int | str | ForwardRef('float')"
exec("T = TypeVar('T')", names := {"TypeVar": typing.TypeVar})
assert names["T"].__module__ is None or names["T"].__module__ == "builtins"
assert typing.ParamSpec("P", bound=(int, str)).__bound__ == (int, str)


# An asynchronous generator that ends inside athrow().
async def generator(seen):
    try:
        yield 42
    except ZeroDivisionError as e:
        seen.append(e)


def step(awaitable):
    try:
        awaitable.send(None)
    except StopIteration as e:
        return e.value


g = generator(seen := [])
assert step(g.__anext__()) == 42
try:
    step(g.athrow(ZeroDivisionError()))
    raise SystemExit("athrow() returned")
except StopAsyncIteration:
    assert seen
print("ok")
