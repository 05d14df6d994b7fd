"""Allocations that cannot succeed raise MemoryError or OverflowError; a program out of memory goes on."""
import io
import itertools
import resource


def fails(f):
    try:
        f()
    except (MemoryError, OverflowError, ValueError):
        return
    raise AssertionError("no error")


BIG, BIGGER = 2**62, 2**63
for f in (
    lambda: [0] * BIG, lambda: [0] * BIGGER, lambda: (0,) * BIG, lambda: "x" * BIG, lambda: "xy" * BIGGER, lambda: b"x" * BIG,
    lambda: bytearray(BIG), lambda: bytes(BIG), lambda: bytearray(b"x") * BIG, lambda: list(range(BIG)), lambda: 1 << BIG,
    lambda: 1 << 2**65, lambda: "a".ljust(BIG), lambda: "a".center(BIGGER), lambda: "%*d" % (BIG, 1), lambda: format(1, "9" * 30),
    lambda: [1].__imul__(BIG), lambda: (1).to_bytes(BIG, "big"), lambda: io.BytesIO().seek(BIGGER), lambda: itertools.repeat(1, BIGGER),
    lambda: len(range(BIGGER)), lambda: [].insert(2**64, 1), lambda: "\t".expandtabs(BIG), lambda: int("1" * 5000),
):
    fails(f)


def small(limit):
    """Fills the address space with small things."""
    with open("/proc/self/statm") as f:
        used = int(f.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + limit, resource.RLIM_INFINITY))


def lists():
    a = []
    while True:
        a.append([a])


def strings():
    a = []
    while True:
        a.append("x" * 100_000 + str(len(a)))


def doubling():
    a = b"x"
    while True:
        a += a


def files():
    b = io.BytesIO()
    while True:
        b.write(b"x" * 1_000_000)


small(120 << 20)
for f in (strings, doubling, files, lists):
    fails(f)
resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
assert sum(range(1000)) == 499500
print("ok")
