import gc
import threading
import weakref

import bt_nanobind as b

assert b.total([1, 2, 3]) == 6 and b.total(values=(4,)) == 4 and b.total.__doc__.endswith("Adds up.")
assert b.call(lambda *a, **k: (a, k), 1, 2, x=3) == ((1, 2), {"x": 3})
for call, error, text in [(lambda: b.total("x"), TypeError, "incompatible function arguments"), (lambda: b.fail("v"), ValueError, "v"), (lambda: b.call(lambda: 1 / 0), ZeroDivisionError, "division")]:
    try:
        call()
    except error as e:
        assert text in str(e), e
    else:
        raise AssertionError(error)
cells = memoryview(bytearray(48)).cast("d", (2, 3))
cells[1, 2] = 2.5
assert b.sum2d(cells) == 2.5


class Sub(b.Counter):
    def add(self, k=1):
        return super().add(k * 2)


s = Sub()
s.label = "x"
s.other = s
assert s.add(2) == 4 and s.n == 4 and s.label == "x"
ref = weakref.ref(s)
del s
gc.collect()
assert ref() is None
counter = b.Counter()
threads = [threading.Thread(target=lambda: [counter.add() for _ in range(2000)]) for _ in range(4)]
for t in threads:
    t.start()
for t in threads:
    t.join()
assert counter.n == 8000
