import gc
import pickle
import threading
import weakref

import bt_pybind11 as b

assert b.total([1, 2, 3]) == 6 and b.total(values=(4,)) == 4 and b.invert({"a": 1, "b": 2}) == {1: "a", 2: "b"}
assert b.apply(lambda i: i * i, 4) == [0, 1, 4, 9] and b.detached() == 5
for call, error, text in [(lambda: b.total(["x"]), TypeError, "incompatible function arguments"), (lambda: b.fail(0), b.OwnError, "own error"), (lambda: b.fail(1), IndexError, "range"),
                          (lambda: b.fail(2), ValueError, "value"), (lambda: b.apply(lambda i: 1 // 0, 1), ZeroDivisionError, "division")]:
    try:
        call()
    except error as e:
        assert text in str(e), e
    else:
        raise AssertionError(error)


class Dog(b.Animal):
    def sound(self, times):
        return "wow" * times + super().sound(times)


dog = Dog("rex")
dog.age = 3
assert b.listen(dog) == "wowwowwowrex3" and b.listen(b.Animal("cat")) == "cat3" and repr(dog) == "<Animal rex>" and dog.age == 3
assert pickle.loads(pickle.dumps(b.Animal("cow"))).name == "cow" and b.Colour(2) is b.Colour.green and b.Colour.red.value == 1
ref = weakref.ref(dog)
dog.me = dog
del dog
gc.collect()
assert ref() is None
grid = b.Grid()
with memoryview(grid) as view:
    view[1, 2] = 7.5
    assert view.shape == (2, 3) and view.tolist()[1][2] == 7.5
results = []
threads = [threading.Thread(target=lambda: results.extend(b.apply(lambda i: b.total([i, 1]), 200) for _ in range(5))) for _ in range(4)]
for t in threads:
    t.start()
for t in threads:
    t.join()
assert results == [list(range(1, 201))] * 20
