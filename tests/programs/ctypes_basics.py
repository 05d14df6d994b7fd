"""ctypes: scalars, structures, unions, bit fields, arrays, pointers, calls, callbacks, byte order, buffers."""
import ctypes
import pickle
import threading
from ctypes import *

libc = CDLL(None)
assert libc.strlen(b"hello") == 5
libc.strchr.restype = c_char_p
libc.strchr.argtypes = [c_char_p, c_char]
assert libc.strchr(b"abcdef", b"c") == b"cdef"
try:
    libc.strchr("text", b"c")
except ArgumentError as e:
    assert str(e).startswith("argument 1: TypeError:"), e
else:
    raise AssertionError


class Point(Structure):
    _fields_ = [("x", c_int), ("y", c_int)]


class Rect(Structure):
    _fields_ = [("a", Point), ("b", Point), ("name", c_char * 8)]


r = Rect((1, 2), Point(3, y=4), b"rect")
r.a.x = 77
assert (r.a.x, r.b.y, r.name, sizeof(r), Rect.b.offset) == (77, 4, b"rect", 24, 8)
assert pickle.loads(pickle.dumps(r)).a.x == 77
libc.div.restype = Point
q = libc.div(17, 5)
assert (q.x, q.y) == (3, 2)


class Number(Union):
    _fields_ = [("i", c_uint32), ("f", c_float)]


class Bits(Structure):
    _fields_ = [("a", c_int, 3), ("b", c_int, 5), ("c", c_uint, 10)]


assert Number(f=1.0).i == 0x3F800000
b = Bits(a=-1, b=7, c=1023)
assert (b.a, b.b, b.c, sizeof(Bits)) == (-1, 7, 1023, 4)


class Big(BigEndianStructure):
    _fields_ = [("x", c_uint16), ("y", c_uint32)]


assert bytes(Big(1, 2)) == b"\0\1\0\0\0\0\0\2"

numbers = (c_int * 6)(5, 1, 7, 33, 99, -4)
compare = CFUNCTYPE(c_int, POINTER(c_int), POINTER(c_int))(lambda a, b: a[0] - b[0])
libc.qsort(numbers, len(numbers), sizeof(c_int), compare)
assert numbers[:] == [-4, 1, 5, 7, 33, 99] and numbers[::-2] == [99, 7, 1]
view = memoryview(numbers)
assert (view.shape, view.itemsize) == ((6,), 4)

p = pointer(c_int(42))
p[0] = 7
assert p.contents.value == 7 and bool(p) and not POINTER(c_int)()
try:
    POINTER(c_int)().contents
except ValueError as e:
    assert str(e) == "NULL pointer access"
text = create_string_buffer(b"abc", 10)
assert libc.snprintf(text, 10, b"%d-%s", 5, b"k") == 3 and text.value == b"5-k"
assert create_unicode_buffer("h\xe9").value == "h\xe9"
data = bytearray(8)
(c_int * 2).from_buffer(data)[1] = 258
assert data == b"\0\0\0\0\2\1\0\0"
errors = CDLL(None, use_errno=True)
assert errors.open(b"/does/not/exist", 0) == -1 and get_errno() == 2
pythonapi.PyLong_FromLong.restype = py_object
assert pythonapi.PyLong_FromLong(33) == 33
pythonapi.PyErr_SetString.argtypes = [py_object, c_char_p]
pythonapi.PyErr_SetString.restype = None
try:
    pythonapi.PyErr_SetString(KeyError, b"from C")
except KeyError as e:
    assert e.args == ("from C",)
else:
    raise AssertionError

# Calls leave the interpreter, callbacks come back on the calling thread.
libc.usleep.argtypes = [c_uint]
seen = []


def work():
    a = (c_int * 50)(*range(50, 0, -1))
    libc.qsort(a, 50, sizeof(c_int), compare)
    libc.usleep(1000)
    seen.append(a[:] == list(range(1, 51)))


threads = [threading.Thread(target=work) for _ in range(4)]
for t in threads:
    t.start()
for t in threads:
    t.join()
assert seen == [True] * 4
print("ok")
