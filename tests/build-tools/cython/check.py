import array
import asyncio
import gc
import inspect
import threading
import traceback
import weakref

import bt_cython
from bt_cython import Base, Derived, Plain, cleanup, closure, count, fails, generate, kinds, norm, sum_up, wait, words

assert bt_cython.__file__.endswith(".so") and words("a bc  d ") == 3 and norm(array.array("d", [3, 4])) == 5.0
for call, error, text in [(lambda: words(None), ValueError, "no text"), (lambda: words(5), TypeError, "str"), (lambda: norm(b"x"), BufferError, "Object is not writable"),
                          (lambda: Base("x"), TypeError, "int"), (lambda: Base(2)[5], IndexError, "5"), (lambda: sum_up("x"), TypeError, "unsupported")]:
    try:
        call()
    except error as e:
        assert text in str(e), e
    else:
        raise AssertionError(error)


class Sub(Base):
    def __len__(self):
        return super().__len__() + 1


b = Base(3, "x")
b.free = 1
assert b == Base(3) and hash(b) == hash(3) and (b + Base(4)).n == 7 and list(b) == [0, 10, 20] and b.more == [("x",)] and b.__dict__ == {"free": 1}
assert len(Sub(3)) == 4 and Derived(3).call_hidden() == 9 and b.call_hidden() == 6
try:
    class Further(Derived):
        pass
except TypeError as e:
    assert "not an acceptable base type" in str(e)
ref = weakref.ref(b)
b.loop = b
del b
gc.collect()
assert ref() is None

g = generate(3)
assert [next(g), g.send(5), next(g), g.throw(KeyError("k")), next(g), next(g, "end")] == [0, -5, 1, "'k'", 2, "end"]
g = generate(5)
next(g)
g.close()


class Thing:
    async def __aenter__(self):
        return self

    async def __aexit__(self, *error):
        pass

    async def __aiter__(self):
        for i in range(3):
            yield asyncio.sleep(0, i)


assert asyncio.run(wait(Thing())) == [0, 1, 2]
inner = closure(1, 7, b=3, z=0, y=0)
assert inner(2) == (3, (7,), 3, ["y", "z"]) and inner(2)[0] == 5
assert Plain(1).me() == "<bt_cython.Plain" and Plain.__annotations__ == {"kind": "str"} and Plain.__module__ == "bt_cython"
try:
    fails(3)
except RuntimeError as e:
    frames = traceback.extract_tb(e.__traceback__)
    names = [f.name for f in frames]
    assert [f.lineno for f in frames[1:]] == [101, 101, 101, 102] and frames[1].filename == "bt_cython.pyx"
    assert names == ["<module>"] + ["bt_cython.fails"] * 4
assert kinds("a") == ("   'a'|a", {"a": 1}, {"a"}, [0, 1, "a"], False, True)
assert sum_up(1, 2, x=3) == 6 and cleanup([]) == ["finally", "ValueError(1)"]
assert str(inspect.signature(closure)) == "(a, *args, b=2, **kwargs)"
shared = {}
threads = [threading.Thread(target=count, args=(shared, list("abcde") * 400)) for _ in range(4)]
for t in threads:
    t.start()
for t in threads:
    t.join()
assert shared == dict.fromkeys("abcde", 1600)
