# wheels: cffi pycparser
import gc
import threading

import _cffi_backend
from cffi import FFI

ffi = FFI()
ffi.cdef("""
    typedef struct { int id; double weight; char name[8]; struct { short a, b; } in; } item;
    typedef union { int i; float f; } either;
    enum colour { RED, GREEN = 5, BLUE };
    size_t strlen(const char *);
    int snprintf(char *, size_t, const char *, ...);
    void qsort(void *, size_t, size_t, int (*)(const void *, const void *));
    double pow(double, double);
    extern char **environ;
""")
c = ffi.dlopen(None)
assert c.strlen(b"hello") == 5 and c.GREEN == 5 and c.BLUE == 6
buffer = ffi.new("char[]", 50)
assert c.snprintf(buffer, 50, b"%d-%s", ffi.cast("int", 42), ffi.new("char[]", b"x")) == 4 and ffi.string(buffer) == b"42-x"
it = ffi.new("item *", {"id": 3, "weight": 1.5, "name": b"abc", "in": {"a": 1, "b": 2}})
assert (it.id, it.weight, ffi.string(it.name), getattr(it, "in").b) == (3, 1.5, b"abc", 2)
assert ffi.sizeof("item") == 32 and ffi.offsetof("item", "weight") == 8 and ffi.typeof("int*[3]").length == 3
assert [f for f, _ in ffi.typeof("item").fields] == ["id", "weight", "name", "in"]
either = ffi.new("either *")
either.f = 1.0
assert either.i == 0x3F800000
numbers = ffi.new("int[]", [5, 3, 9, 1])
@ffi.callback("int(const void *, const void *)")
def compare(p, q):
    p, q = ffi.cast("int *", p)[0], ffi.cast("int *", q)[0]
    return (p > q) - (p < q)
c.qsort(numbers, 4, 4, compare)
assert list(numbers) == [1, 3, 5, 9] and ffi.unpack(numbers, 2) == [1, 3]
with memoryview(ffi.buffer(numbers)) as view:
    assert view.nbytes == 16 and bytes(view[:4]) == b"\1\0\0\0"
data = bytearray(b"abcd")
assert ffi.from_buffer("unsigned char[]", data)[1] == 98
p = numbers + 2
assert p[0] == 5 and p - numbers == 2 and p > numbers and numbers[3] == 9
handle = ffi.new_handle(data)
assert ffi.from_handle(handle) is data
freed = []
kept = ffi.gc(ffi.new("int *", 7), lambda pointer: freed.append(pointer[0]))
assert kept[0] == 7
del kept
gc.collect()
assert freed == [7]
for call, error in [(lambda: ffi.new("int[2]", [1, 2, 3]), IndexError), (lambda: ffi.new("char *", 5), TypeError), (lambda: ffi.cdef("int"), Exception),
                    (lambda: ffi.new("unsigned char *", 300), OverflowError), (lambda: numbers[4], IndexError), (lambda: c.none, AttributeError)]:
    try:
        call()
    except error:
        pass
    else:
        raise AssertionError(error)
assert repr(ffi.NULL) == "<cdata 'void *' NULL>" and c.environ != ffi.NULL and abs(c.pow(2, 0.5) - 2**0.5) < 1e-15
def work():
    for i in range(300):
        array = ffi.new("int[]", [i, 3, i + 1, 0])
        c.qsort(array, 4, 4, compare)
        assert list(array) == sorted([i, 3, i + 1, 0])
errors = []
threading.excepthook = errors.append
threads = [threading.Thread(target=work) for _ in range(4)]
for t in threads:
    t.start()
for t in threads:
    t.join()
assert not errors, errors
