# Every hot instruction many times in one loop: handlers of the fast engine that were not jumps but calls would exhaust the
# native stack.
import types

N = 150_000
snippets = r"""
x = i + 1
x = i - f
x = f * 2.0 / 3.0
x = big + i
x = h.a + h.b
x = h.a * h.f
h.a = i
h.f = 2.5
s.a = i; x = s.a
x = s.f + 1.0
x = -i; x = ~i; x = not i
x = l[2]; l[1] = i
x = l[2] + l[0]
x = t[1]; x = t[-1]
x = d["k"]; d["k"] = i
x = text[1]
x = text + "y"
x = f"{i}-{text}!"
x = i < 5; x = f < 2.0; x = text == "abc"
if i > 3 and f: x = 1
x = i in l; x = "k" in d
x = text is None; x = h is not None
a, b = t2; b, a = a, b
a, b, *c = l
x = [i, i]; x = (i, f); x = {1: i}; x = {i}
x = l[1:2]; l[1:2] = [4]
for x in (1, 2): pass
for x in l: pass
for x in range(2): pass
for x in gen(): pass
x = [y for y in l]; x = {y: y for y in l}; x = {y for y in l}
x = sum(y for y in l)
x = fun(i)
x = fun(1, b=i)
x = fun(i, 2)
x = fun(*t2)
x = fun(**kw)
x = clo(i)
x = Class(i)
x = h.method(i); x = h.prop; x = h.k; x = Holder.k
x = sub.method(i)
x = h.__class__; x = math.pi; x = len(l); x = isinstance(i, int); x = type(i)
l.append(i); l.pop()
x = max(1, i); x = text.upper(); x = abs(i)
x = getitem[3]
x = lambda: i
with ctx: x = 1
glob = i; x = glob
try: raise KeyError
try: x = 1
match i:\n   case 1: x = 1\n   case [a, b]: x = 2
match l:\n   case [a, b, *c]: x = 1
del x; x = 1
x = i if f else text
x = (y := i)
""".strip().splitlines()


class Holder:
    k = 7

    def __init__(self):
        self.a, self.b, self.f = 1, 2000, 1.5

    def method(self, x):
        return x

    @property
    def prop(self):
        return self.a


class Sub(Holder):
    def method(self, x):
        return super().method(x)


class Slotted:
    __slots__ = ("a", "f")


class Class:
    def __init__(self, x):
        self.x = x


class GetItem:
    def __getitem__(self, i):
        return i


class Ctx:
    def __enter__(self):
        return self

    def __exit__(self, *e):
        return None


def fun(a, b=2):
    return a


def gen():
    yield 1
    yield 2


def closure():
    n = 0

    def inner(x):
        nonlocal n
        n = x
        return n

    return inner


def chain():
    i = 0
    while True:
        i = (yield i) or i + 1


glob = 0
for lines in snippets:
    body = lines.replace("\\n", "\n")
    n = N if "try" not in body and "with" not in body else N // 3
    if lines.startswith("except") or lines.startswith("finally"):
        continue
    if lines.startswith("try: raise"):
        body += "\nexcept KeyError: pass"
    elif lines.startswith("try:"):
        body += "\nfinally: x = 2"
    source = "def loop():\n import math\n global glob\n h = Holder(); s = Slotted(); s.a = 1; s.f = 2.5; sub = Sub()\n"
    source += " f = 1.5; big = 2000; l = [1, 2, 3000]; t = (1, 2); t2 = (3, 4); d = {'k': 1}; text = 'abc'; x = 1; kw = {'a': 1}\n"
    source += " clo = closure(); getitem = GetItem(); ctx = Ctx()\n for i in range(%d):\n" % n
    source += "".join("  " + line + "\n" for line in body.split("\n"))
    exec(source)
    loop()


def delegate():
    yield from range(N)


assert sum(1 for _ in delegate()) == N
c = chain()
next(c)
for i in range(N):
    c.send(None)


async def co():
    return 1


@types.coroutine
def switch():
    yield


async def many():
    n = 0
    for _ in range(N // 3):
        n += await co()
        await switch()
    return n


m = many()
try:
    while True:
        m.send(None)
except StopIteration as e:
    assert e.value == N // 3
print("ok")
