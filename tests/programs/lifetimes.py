"""Objects end when the last reference goes, without the collector."""
import gc, io, threading, weakref

gc.disable()


class Bag(list):
    def __init__(self, *args):
        super().__init__(*args)


class Plain:
    def __init__(self):
        super().__init__()
        self.f = self.method
        del self.f

    def method(self):
        return 1


class File(io.BytesIO):
    def __init__(self):
        super().__init__()


for cls in (Bag, Plain, File):
    a = cls()
    w = weakref.ref(a)
    del a
    assert w() is None, cls

# A bound method of a built-in, a wrapper of a slot: gone with their last user.
b = Bag([1])
w = weakref.ref(b)
wrapper, bound = b.__len__, b.append
assert wrapper() == 1
del b
assert w() is not None
del wrapper, bound
assert w() is None

# Arguments of a thread end with it.
a = Plain()
w = weakref.ref(a)
t = threading.Thread(target=lambda x: None, args=(a,))
t.start()
t.join()
del a, t
assert w() is None

# Resurrection: weak references are cleared before finalizers run, and stay so.
gc.enable()
kept = []


class Phoenix:
    def __init__(self):
        self.me = self

    def __del__(self):
        kept.append(self)


p = Phoenix()
w = weakref.ref(p)
del p
gc.collect()
assert len(kept) == 1 and w() is None and kept[0].me is kept[0]
print("ok")
