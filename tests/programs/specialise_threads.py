# Threads that specialise, miss and share everything at once.
import threading, sys
class A:
    __slots__ = ("x", "y")
    def __init__(self, x, y): self.x = x; self.y = y
    def m(self): return self.x + self.y
    @property
    def p(self): return self.x
class B:
    k = 3
    def __init__(self, x, y): self.x = x; self.y = y
    def m(self): return self.x * self.y + self.k
    @property
    def p(self): return self.y
class C(B):
    def m(self): return super().m() - 1
def poly(o, i):
    t = o.m() + o.p
    o.x = i % 7; o.y = (i * 3) % 11
    return t
def gen(n):
    for i in range(n):
        yield i
def loops(kinds):
    s = 0
    for k in kinds:
        for v in k:
            s += v
    return s
shared = [A(1, 2), B(3, 4), C(5, 6)]
lists = [[1, 2, 3] * 10, [4.5, 6, 2.25]]
d = {i: i for i in range(50)}
cell = 0
def closure():
    c = 0
    def inc(n):
        nonlocal c
        for _ in range(n): c = c + 1.5
        return c
    return inc
inc = closure()
errors = []
def work(k):
    try:
        tot = 0
        for i in range(3000):
            for o in shared:
                tot += poly(o, i)
            own = (A, B, C)[i % 3](i, k)
            tot += poly(own, i)
            s = loops([range(5), [1, 2, 3], (4, 5, 6), gen(4), {7: 1}])
            if s != 10 + 6 + 15 + 6 + 7: raise AssertionError(s)
            inc(2)
            try:
                d[i % 60]
            except KeyError as e:
                if e.args[0] < 50: raise
            lists[0][i % 30] = i
            x = lists[0][(i * 7) % 30] + lists[1][i % 3]
            t = (i, k); a, b = t
            if (a, b) != (i, k): raise AssertionError
            if f"{i}-{k}" != "%d-%d" % (i, k): raise AssertionError
            if i % 500 == 0: B.k = i
            l = []
            for j in range(5): l.append(j * 1.5)
            if l != [0.0, 1.5, 3.0, 4.5, 6.0]: raise AssertionError(l)
            if not isinstance(own, (A, B)) or len(l) != 5: raise AssertionError
    except BaseException as e:
        errors.append(e); raise
ts = [threading.Thread(target=work, args=(k,)) for k in range(4)]
for t in ts: t.start()
for t in ts: t.join()
if errors: raise errors[0]
print("ok")
