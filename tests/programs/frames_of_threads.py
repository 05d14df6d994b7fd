"""Frames that another thread runs: looked at, changed and outlived, without a crash."""
import sys, threading

N = 300
shared, go, stop = [None], threading.Event(), threading.Event()


def leaf(depth, x):
    y = [x]
    if depth:
        return leaf(depth - 1, x + 1)
    shared[0] = sys._getframe()
    return sum(y)


def generator():
    for i in range(20):
        shared[0] = sys._getframe()
        yield i


def runner():
    go.wait()
    while not stop.is_set():
        leaf(5, 1)
        for _ in generator():
            pass


def watcher():
    go.wait()
    for _ in range(N):
        f = shared[0]
        while f is not None:
            f.f_lineno, f.f_lasti, f.f_code.co_name, f.f_globals, f.f_builtins, repr(f)
            names = dict(f.f_locals)
            assert names.get("depth", 0) in range(6), names
            f = f.f_back
        f = shared[0]
        if f is not None and "y" in f.f_locals:
            f.f_locals["y"] = [1, 2]
        try:
            if f is not None:
                f.clear()
        except RuntimeError:
            pass
        for f in sys._current_frames().values():
            assert f.f_code.co_name
            while f is not None:
                f = f.f_back


threads = [threading.Thread(target=runner) for _ in range(2)] + [threading.Thread(target=watcher) for _ in range(2)]
for t in threads:
    t.start()
go.set()
for t in threads[2:]:
    t.join()
stop.set()
for t in threads[:2]:
    t.join()
assert len(sys._current_frames()) == 1


# The frames of threads that wait show where they wait.
def waiting():
    here.set()
    hold.wait()


here, hold = threading.Event(), threading.Event()
t = threading.Thread(target=waiting)
t.start()
here.wait()
f, names = sys._current_frames()[t.ident], []
while f is not None:
    names.append(f.f_code.co_name)
    f = f.f_back
assert "waiting" in names and "run" in names, names
hold.set()
t.join()
print("ok")
