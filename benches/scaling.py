"""Small benchmarks of what threads share: how the time changes when N threads do the same work at once.

usage: scaling.py [-t THREADS] [-r REPEATS] [-m SECONDS] [-x] [NAME ...]

Every benchmark runs its loop on one thread, then on N threads at once, each doing the whole of it; scaling is
N * T(1) / T(N), so N means that the threads do not hinder each other at all. The best of the repeats counts, and
the loop is made long enough to take about SECONDS on one thread. A name chooses the benchmarks that contain it. Lines
marked with * share by their nature (a lock, a list that all append to): they cannot scale, what counts is that they do not
get much slower. With -x the exit status is 1 when another one scales below 1.6 (of 2; 0.8 * N).
"""

import argparse
import collections
import dataclasses
import gc
import queue
import sys
import threading
import time
import types
import weakref

BENCHMARKS = []


def bench(function=None, *, contended=False):
    """Registers `function(n)`, or `function(n, shared)` with what `function.setup` makes."""
    if function is None:
        return lambda f: bench(f, contended=contended)
    function.contended = contended
    BENCHMARKS.append(function)
    return function


# --- functions, closures, constants, globals ------------------------------------------------------------------------------

LIMIT = 7
TABLE = {"one": 1, "two": 2}
NAME = "a name that is no constant of the code".upper()


def add(a, b=1, *, c=2):
    return a + b + c


@bench
def function_call(n):
    for i in range(n):
        add(i)


@bench
def function_keywords(n):
    for i in range(n):
        add(i, b=i, c=3)


def adder(k):
    def inner(x):
        return x + k

    return inner


CLOSURE = adder(5)


@bench
def closure(n):
    f = CLOSURE
    for i in range(n):
        f(i)


def holder(text):
    return lambda: text


CELL = holder(NAME + " in a cell")


@bench
def closure_object(n):
    f = CELL
    for _ in range(n):
        f()


@bench
def constants(n):
    for _ in range(n):
        x = "a string"
        y = (1, 2, "three")
        z = 1e100
        w = 123456789012345678901234567890
    return x, y, z, w


@bench
def load_global(n):
    for _ in range(n):
        NAME
        LIMIT
        TABLE
        len


@bench
def module_attribute(n):
    for _ in range(n):
        time.perf_counter
        threading.Thread
        sys.maxsize


@bench
def builtin_call(n):
    for i in range(n):
        abs(i)
        isinstance(i, int)


@bench
def generator(n):
    for _ in range(n // 10):
        for _ in counter_up(10):
            pass


def counter_up(n):
    for i in range(n):
        yield i


@bench
def comprehension(n):
    for _ in range(n // 10):
        [x for x in range(10) if x != LIMIT]


@bench
def exceptions(n):
    for _ in range(n):
        try:
            raise ValueError
        except ValueError:
            pass


# --- classes --------------------------------------------------------------------------------------------------------------


class Point:
    kind = "point of many"

    def __init__(self, x, y):
        self.x = x
        self.y = y

    def sum(self):
        return self.x + self.y

    @classmethod
    def make(cls):
        return cls

    @staticmethod
    def static(a):
        return a

    @property
    def double(self):
        return self.x


class Child(Point):
    def __init__(self, x, y):
        super().__init__(x, y)

    def sum(self):
        return super().sum()


class Slotted:
    __slots__ = ("a", "b")

    def __init__(self):
        self.a = "text " + NAME
        self.b = 2


@dataclasses.dataclass
class Data:
    a: int
    b: str = "b"


Pair = collections.namedtuple("Pair", "first second")


@bench
def instances(n):
    for i in range(n):
        Point(i, i)


@bench
def method_call(n):
    p = Point(1, 2)
    for _ in range(n):
        p.sum()


@bench
def bound_method(n):
    m = Point(1, 2).sum
    for _ in range(n):
        m()


@bench
def shared_bound_method(n, m):
    for _ in range(n):
        m()


shared_bound_method.setup = lambda: Point(1, 2).sum


@bench
def class_and_static_method(n):
    for i in range(n):
        Point.make()
        Point.static(i)


@bench
def class_attribute(n):
    for _ in range(n):
        Point.kind


@bench
def super_call(n):
    c = Child(1, 2)
    for _ in range(n):
        c.sum()


@bench
def super_init(n):
    for i in range(n):
        Child(i, i)


@bench
def polymorphic(n):
    things = [Point(1, 2), Child(1, 2), Point(3, 4)]
    for _ in range(n // 3):
        for t in things:
            t.sum()


@bench
def type_check(n):
    c = Child(1, 2)
    for _ in range(n):
        isinstance(c, Point)
        type(c) is Child


@bench
def namedtuples(n):
    for i in range(n):
        p = Pair(i, "x")
        p.first, p.second


@bench
def dataclasses_(n):
    for i in range(n):
        Data(i) == Data(i)


@bench
def shared_instance_attributes(n, p):
    for _ in range(n):
        p.x
        p.y
        p.sum()


shared_instance_attributes.setup = lambda: Point("text " + NAME, "other " + NAME)


@bench
def shared_slots(n, s):
    for _ in range(n):
        s.a
        s.b


shared_slots.setup = Slotted


@bench
def property_(n):
    p = Point(1, 2)
    for _ in range(n):
        p.double


# --- shared containers ----------------------------------------------------------------------------------------------------


@bench
def dict_get(n, d):
    for _ in range(n):
        d.get("key")


dict_get.setup = lambda: {"key": ["a shared", "value"], "other": 1}


@bench
def dict_get_text(n, d):
    for _ in range(n):
        d.get("key")


dict_get_text.setup = lambda: {"key": "a shared value " + NAME}


@bench
def dict_subscript(n, d):
    for _ in range(n):
        d["key"]


dict_subscript.setup = lambda: {"key": ["a shared", "value"]}


@bench
def dict_many_keys(n, shared):
    d, keys = shared
    for _ in range(n // 500):
        for k in keys:
            d[k]


def many():
    d = {"key %d" % i: "value %d" % i for i in range(500)}
    return d, list(d)


dict_many_keys.setup = many


@bench
def dict_contains(n, d):
    for _ in range(n):
        "key" in d
        "absent" in d


dict_contains.setup = lambda: {"key": 1}


@bench
def list_read(n, items):
    size = len(items)
    for i in range(n):
        items[i % size]


list_read.setup = lambda: ["item %d" % i for i in range(100)]


@bench
def list_iterate(n, items):
    for _ in range(n // 100):
        for _ in items:
            pass


list_iterate.setup = lambda: [Point(i, i) for i in range(100)]


@bench
def tuple_unpack(n, t):
    for _ in range(n):
        a, b, c = t
    return a, b, c


tuple_unpack.setup = lambda: tuple("part %d" % i for i in range(3))


@bench
def set_contains(n, s):
    for _ in range(n):
        "key 5" in s


set_contains.setup = lambda: {"key %d" % i for i in range(10)}


@bench(contended=True)
def list_append(n, items):
    for i in range(n):
        items.append(i)


list_append.setup = list


@bench(contended=True)
def dict_write(n, d):
    for i in range(n):
        d[i & 63] = i


dict_write.setup = dict


# --- strings --------------------------------------------------------------------------------------------------------------


@bench
def interned_strings(n):
    intern = sys.intern
    for _ in range(n):
        intern("an interned string")


@bench
def getattr_by_name(n):
    p = Point(1, 2)
    name = "".join(("su", "m"))
    for _ in range(n):
        getattr(p, name)


@bench
def string_building(n):
    for i in range(n):
        "%s:%d" % (NAME, i)
        f"{NAME}={i}"


# --- memory ---------------------------------------------------------------------------------------------------------------


@bench
def allocate_free(n):
    for i in range(n):
        [i]
        {}
        (i, i)


@bench
def allocate_keep(n):
    for _ in range(n // 1000):
        kept = []
        for i in range(1000):
            kept.append([i])


@bench
def cycles(n):
    for _ in range(n):
        a = []
        a.append(a)


@bench
def weakrefs(n):
    p = Point(1, 2)
    for _ in range(n):
        weakref.ref(p)()


@bench
def free_elsewhere(n, channel):
    """What one thread makes, another one frees: batches go round through a queue."""
    for _ in range(n // 100):
        channel.put([[i] for i in range(100)])
        try:
            channel.get_nowait()
        except queue.Empty:
            pass


free_elsewhere.setup = queue.SimpleQueue


# --- modules --------------------------------------------------------------------------------------------------------------


def module_with_getattr():
    m = types.ModuleType("dynamic")
    m.__getattr__ = lambda name: name
    m.here = 1
    return m


@bench
def module_getattr(n, m):
    for _ in range(n):
        m.absent


module_getattr.setup = module_with_getattr


@bench
def import_statement(n):
    for _ in range(n):
        import os.path  # noqa: F401


@bench
def import_from(n):
    for _ in range(n):
        from os.path import join  # noqa: F401


# --- locks and queues -----------------------------------------------------------------------------------------------------


@bench
def own_lock(n):
    lock = threading.Lock()
    for _ in range(n):
        with lock:
            pass


@bench
def own_rlock(n):
    lock = threading.RLock()
    for _ in range(n):
        with lock:
            with lock:
                pass


@bench
def own_condition(n):
    condition = threading.Condition()
    for _ in range(n):
        with condition:
            condition.notify()


@bench
def own_queue(n):
    q = queue.Queue()
    for i in range(n):
        q.put(i)
        q.get()


@bench
def own_simple_queue(n):
    q = queue.SimpleQueue()
    for i in range(n):
        q.put(i)
        q.get()


@bench
def event_is_set(n, e):
    for _ in range(n):
        e.is_set()


event_is_set.setup = threading.Event


@bench
def thread_local(n, local):
    local.x = 1
    for _ in range(n):
        local.x


thread_local.setup = threading.local


@bench(contended=True)
def shared_lock(n, lock):
    for _ in range(n):
        with lock:
            pass


shared_lock.setup = threading.Lock


@bench(contended=True)
def shared_queue(n, q):
    for i in range(n):
        q.put(i)
        q.get()


shared_queue.setup = queue.Queue


@bench(contended=True)
def shared_simple_queue(n, q):
    for i in range(n):
        q.put(i)
        q.get()


shared_simple_queue.setup = queue.SimpleQueue


# --- what stops the world -------------------------------------------------------------------------------------------------


@bench(contended=True)
def dunder_assignment(n):
    class Local:
        pass

    a, b = (lambda self: 1), (lambda self: 2)
    for i in range(n):
        Local.__len__ = a if i & 1 else b


@bench(contended=True)
def class_assignment(n):
    class One:
        pass

    class Two:
        pass

    x = One()
    for i in range(n):
        x.__class__ = Two if i & 1 else One


@bench(contended=True)
def class_creation(n):
    for _ in range(n):
        type("C", (), {})


# --- the runner -----------------------------------------------------------------------------------------------------------


def measure(function, n, threads):
    """Seconds that `threads` threads take, from the moment that all are running."""
    setup = getattr(function, "setup", None)
    arguments = (n,) if setup is None else (n, setup())
    # A single thread is not the main one either: what is shared belongs to the main thread.
    started, begins, ends = [], [], []

    def run():
        started.append(1)
        while len(started) < threads:
            pass
        begins.append(time.perf_counter())
        function(*arguments)
        ends.append(time.perf_counter())

    workers = [threading.Thread(target=run) for _ in range(threads)]
    for w in workers:
        w.start()
    for w in workers:
        w.join()
    return max(ends) - min(begins)


def calibrate(function, seconds):
    n = 1000
    while True:
        t = measure(function, n, 1)
        if t >= seconds / 4:
            return max(1000, int(n * seconds / t))
        n = int(n * min(10, max(2, seconds / 3 / max(t, 1e-6))))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("-t", "--threads", type=int, default=2)
    parser.add_argument("-r", "--repeats", type=int, default=3)
    parser.add_argument("-m", "--seconds", type=float, default=0.1)
    parser.add_argument("-x", "--check", action="store_true")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    chosen = [b for b in BENCHMARKS if not options.names or any(x in b.__name__ for x in options.names)]
    below = []
    print("%-28s %12s %12s %8s" % ("benchmark", "1 (ns/step)", "%d (ns/step)" % options.threads, "scaling"))
    for function in chosen:
        n = calibrate(function, options.seconds)
        one = many_ = float("inf")
        for _ in range(options.repeats):
            gc.collect()
            one = min(one, measure(function, n, 1))
            gc.collect()
            many_ = min(many_, measure(function, n, options.threads))
        scaling = options.threads * one / many_
        name = function.__name__.rstrip("_") + ("*" if function.contended else "")
        print("%-28s %12.1f %12.1f %8.2f" % (name, one / n * 1e9, many_ / n * 1e9, scaling), flush=True)
        if not function.contended and scaling < 0.8 * options.threads:
            below.append(name)
    if below:
        print("below %.1f: %s" % (0.8 * options.threads, ", ".join(below)))
    return 1 if below and options.check else 0


if __name__ == "__main__":
    sys.exit(main())
