# wheels: numpy
import array
import ctypes
import io
import pickle
import threading

import numpy as np
from numpy.testing import assert_array_equal

def close(got, expected, atol=1e-10):
    np.testing.assert_allclose(got, expected, rtol=1e-7, atol=atol)

# Arrays: making, shapes, views, indexing, broadcasting.
a = np.arange(24).reshape(2, 3, 4)
assert a.shape == (2, 3, 4) and a.strides == (96, 32, 8) and a.dtype == np.int64 and a.sum() == 276
assert a[1, 2, 3] == 23 and a[..., ::-2].tolist()[0] == [[3, 1], [7, 5], [11, 9]]
assert a.T.base is a.base and np.shares_memory(a, a[0]) and not np.shares_memory(a, a.copy())
assert a[a % 5 == 0].tolist() == [0, 5, 10, 15, 20] and a[[0, 1], [1, 2]].tolist() == [[4, 5, 6, 7], [20, 21, 22, 23]]
assert np.take_along_axis(a[0], np.array([[3], [0], [1]]), 1).ravel().tolist() == [3, 4, 9]
assert (a[:, :, 0] + np.array([100, 200, 300])).tolist() == [[100, 204, 308], [112, 216, 320]]
assert np.concatenate([a[0], a[1]]).shape == (6, 4) and np.stack([a, a]).shape == (2, 2, 3, 4)
assert np.unique(np.array([3, 1, 3, 2]), return_counts=True)[1].tolist() == [1, 1, 2]
assert repr(np.eye(2)) == "array([[1., 0.],\n       [0., 1.]])"
assert str(np.array([1.5, np.nan, np.inf])) == "[1.5 nan inf]"
assert np.sort(np.array([3, 1, 2])[::-1]).tolist() == [1, 2, 3] and np.argsort([3, 1, 2]).tolist() == [1, 2, 0]
assert_array_equal(np.pad([1, 2], 1, mode="edge"), [1, 1, 2, 2])
for call, error in [(lambda: a[5], IndexError), (lambda: a + np.ones(7), ValueError), (lambda: np.array([1]).reshape(2), ValueError),
                    (lambda: np.array(["a"]) + 1, TypeError)]:
    try:
        call()
    except error as e:
        assert str(e)
    else:
        raise AssertionError(error)

# Universal functions.
x = np.linspace(0, 2 * np.pi, 101)
close(np.sin(x) ** 2 + np.cos(x) ** 2, 1)
close(np.exp(np.log(np.arange(1, 50.0))), np.arange(1, 50.0))
assert np.add.reduce([1, 2, 3]) == 6 and np.multiply.accumulate([1, 2, 3, 4]).tolist() == [1, 2, 6, 24]
assert np.add.outer([1, 2], [10, 20]).tolist() == [[11, 21], [12, 22]] and np.maximum.reduceat([1, 5, 2, 9], [0, 2]).tolist() == [5, 9]
target = np.zeros(3)
np.add.at(target, [0, 0, 2], 1)
assert target.tolist() == [2, 0, 1]
assert np.vectorize(lambda p, q: p * 10 + q)([1, 2], 3).tolist() == [13, 23]
assert np.frompyfunc(lambda p: p + "!", 1, 1)(np.array(["a", "b"], object)).tolist() == ["a!", "b!"]
with np.errstate(divide="raise"):
    try:
        np.array([1.0]) / 0
    except FloatingPointError:
        pass
    else:
        raise AssertionError("no FloatingPointError")
class Tracked(np.ndarray):
    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        return ufunc.__name__, method, len(inputs)
assert np.add(np.ones(2).view(Tracked), 1) == ("add", "__call__", 2)
assert np.einsum("ij,jk->ik", a[0], a[0].T).tolist() == (a[0] @ a[0].T).tolist()
assert np.float32(1) + 1 == 2 and (np.int8(100) + np.int8(27)).dtype == np.int8 and float(np.half(0.1)) == 0.0999755859375

# Linear algebra, polynomials, Fourier transforms.
m = np.array([[4.0, 1, 2], [1, 3, 0], [2, 0, 5]])
close(np.linalg.det(m), 43)
close(m @ np.linalg.solve(m, [1, 2, 3]), [1, 2, 3])
close(np.linalg.inv(m) @ m, np.eye(3))
w, v = np.linalg.eigh(m)
close(v @ np.diag(w) @ v.T, m)
u, s, vt = np.linalg.svd(m)
close((u * s) @ vt, m)
q, r = np.linalg.qr(m)
close(q @ r, m)
close(np.linalg.cholesky(m) @ np.linalg.cholesky(m).T, m)
close(np.linalg.lstsq([[1, 0], [1, 1], [1, 2]], [1, 3, 5])[0], [1, 2])
try:
    np.linalg.inv(np.zeros((2, 2)))
except np.linalg.LinAlgError as e:
    assert str(e) == "Singular matrix"
close(np.polynomial.Polynomial.fit([0, 1, 2], [1, 2, 5], 2).convert().coef, [1, 0, 1])
close(np.fft.ifft(np.fft.fft(np.arange(16.0))).real, np.arange(16.0))
close(np.fft.rfft([1, 0, 0, 0]), [1, 1, 1])
close(np.roots([1, -3, 2]), [2, 1])

# Random numbers: the streams are part of the interface.
rng = np.random.default_rng(12345)
close(rng.random(3), [0.22733602246716966, 0.31675833970975287, 0.7973654573327341])
assert np.random.RandomState(42).randint(0, 100, 5).tolist() == [51, 92, 14, 71, 60]
close(np.random.RandomState(0).standard_normal(3), [1.764052345967664, 0.4001572083672233, 0.9787379841057392])
n = np.random.default_rng(7).normal(3, 2, 200_000)
assert abs(n.mean() - 3) < 0.02 and abs(n.std() - 2) < 0.02
assert sorted(np.random.default_rng(1).permutation(10).tolist()) == list(range(10))
again = pickle.loads(pickle.dumps(rng))
assert again.integers(1 << 40, size=4).tolist() == rng.integers(1 << 40, size=4).tolist()
for bits in (np.random.MT19937, np.random.PCG64, np.random.Philox, np.random.SFC64):
    assert np.random.Generator(bits(3)).random(4).tolist() == np.random.Generator(bits(3)).random(4).tolist()

# Strings.
words = np.array(["alpha", "Beta", "\u0393amma", ""])
assert words.dtype == "<U5" and np.strings.upper(words).tolist() == ["ALPHA", "BETA", "\u0393AMMA", ""]
assert np.strings.str_len(words).tolist() == [5, 4, 5, 0] and np.char.add(words, "!").tolist()[1] == "Beta!"
assert np.strings.find(words, "a").tolist() == [0, 3, 1, -1] and np.strings.replace(words, "a", "o")[0] == "olpho"
assert (np.array(["b", "a"]) > "a").tolist() == [True, False] and np.sort(words).tolist()[0] == ""
variable = np.array(["short", "a much longer text than sixteen bytes", None], dtype=np.dtypes.StringDType(na_object=None))
assert variable[1].endswith("bytes") and variable[2] is None and np.strings.str_len(variable[:2]).tolist() == [5, 37]
assert (variable[:2] + "!").tolist() == ["short!", "a much longer text than sixteen bytes!"]
assert np.array([b"ab", b"c"]).dtype == "S2" and np.array(["1.5", "2"]).astype(float).tolist() == [1.5, 2.0]

# Structured arrays, records.
point = np.dtype([("name", "U8"), ("at", [("x", "<f4"), ("y", "<f4")]), ("n", ">i2", (2,))])
p = np.array([("one", (1, 2), (3, 4)), ("two", (5, 6), (7, 8))], dtype=point)
assert p["at"]["y"].tolist() == [2.0, 6.0] and p[1]["n"].tolist() == [7, 8] and p.dtype.itemsize == 44
p["at"]["x"] += 10
assert p[["name", "at"]][0].item() == ("one", (11.0, 2.0)) and p.dtype.fields["n"][1] == 40
assert np.sort(np.array([(2, "b"), (1, "a")], dtype="i4,U1"), order="f0")["f1"].tolist() == ["a", "b"]
assert np.rec.fromarrays([[1, 2], ["x", "y"]], names="k,v").v.tolist() == ["x", "y"]

# Object arrays, dates.
o = np.array([1, "two", None, [3]], dtype=object)
assert o[3] == [3] and (o == None).tolist() == [False, False, True, False]  # noqa: E711
assert (np.array([2**70, 1], object) * 2).tolist() == [2**71, 2] and np.array([10**30, 3], object).sum() == 10**30 + 3
class Node:
    alive = 0
    def __init__(self):
        Node.alive += 1
    def __del__(self):
        Node.alive -= 1
nodes = np.array([Node() for _ in range(100)], dtype=object)
nodes[:50] = None
assert Node.alive == 50
del nodes
assert Node.alive == 0
days = np.arange("2024-02-27", "2024-03-02", dtype="datetime64[D]")
assert days.astype(str).tolist() == ["2024-02-27", "2024-02-28", "2024-02-29", "2024-03-01"]
assert (days[-1] - days[0]) == np.timedelta64(3, "D") and np.is_busday(days).tolist() == [True] * 4

# Buffers both ways, memory maps of bytes, foreign memory, DLPack, files.
with memoryview(a) as view:
    assert (view.shape, view.format, view.readonly, view.c_contiguous) == ((2, 3, 4), "l", False, True)
    assert view.tolist() == a.tolist()
source = bytearray(b"\x01\x00\x02\x00")
shorts = np.frombuffer(source, "<i2")
shorts[0] = 7
assert source == b"\x07\x00\x02\x00"
try:
    source.append(1)
except BufferError:
    pass
else:
    raise AssertionError("a bytearray that is exported was resized")
assert np.asarray(array.array("d", [1, 2])).tolist() == [1, 2] and np.asarray(memoryview(b"ab")).tolist() == [97, 98]
assert np.ctypeslib.as_array((ctypes.c_int * 3)(1, 2, 3)).sum() == 6
assert np.from_dlpack(a).base is not None and np.from_dlpack(a).tolist() == a.tolist()
class Interface:
    def __init__(self, of):
        self.of, self.__array_interface__ = of, of.__array_interface__
kept = np.asarray(Interface(np.array([5, 6])))
assert kept.tolist() == [5, 6]
assert bytes(np.array([1, 2], ">u2")) == b"\0\1\0\2" and a.tobytes("F")[:16] == (0).to_bytes(8, "little") + (12).to_bytes(8, "little")
file = io.BytesIO()
np.savez_compressed(file, a=a, p=p)
file.seek(0)
with np.load(file) as loaded:
    assert_array_equal(loaded["a"], a)
    assert loaded["p"].tobytes() == p.tobytes()
assert np.loadtxt(io.StringIO("1,2\n3,4"), delimiter=",").tolist() == [[1, 2], [3, 4]]
assert pickle.loads(pickle.dumps(o, protocol=5)).tolist() == o.tolist()
for part, ma in [(np.ma.array([1, 2, 3], mask=[0, 1, 0]), "[1 -- 3]")]:
    assert str(part) == ma and part.mean() == 2

# Threads work on one array at a time and on shared ones.
results = [None] * 4
shared = np.arange(100_000.0)
def work(i):
    mine = np.random.default_rng(i).random((60, 60))
    for _ in range(5):
        close(np.linalg.inv(mine) @ mine, np.eye(60), atol=1e-6)
        shared[i::4] += 1
        [str(k) for k in np.array(list(map(str, range(50))))]
    results[i] = float(np.sqrt(shared[i::4] ** 2).sum())
threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
for t in threads:
    t.start()
for t in threads:
    t.join()
assert shared.sum() == 99_999 * 50_000 + 500_000 and sum(results) == shared.sum(), results
