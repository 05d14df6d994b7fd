# Handlers of the fast engine end in tail calls: one that does not eats native stack each time it runs. A small stack shows it
# soon. Everything is read on another thread than the one that made it.
import threading

N = 100_000
names = ["a%d" % i for i in range(1000)]
pair = tuple(names[:2])
many = tuple(names)
table = {"k": ["x"]}
text = "text of " + names[1]


class C:
    kind = "kind of " + names[2]

    def __init__(self):
        self.x = "x of " + names[3]

    def method(self):
        return self.x

    @classmethod
    def make(cls):
        return cls

    @property
    def p(self):
        return self.x


class D(C):
    def method(self):
        return super().method()


c = C()
d = D()
bound = c.method


def list_iter():
    for _ in range(N // 1000):
        for x in names:
            pass


def tuple_iter():
    for _ in range(N // 1000):
        for x in many:
            pass


def subscripts():
    for i in range(N):
        names[5]
        many[5]
        table["k"]
        text[3]


def methods():
    for i in range(N):
        table.get("k")
        table.get("absent", i)
        c.method()
        C.make()
        bound()


def supers():
    for i in range(N):
        d.method()


def attributes():
    for i in range(N):
        c.x
        C.kind
        c.kind
        c.p
        c.__class__


def unpack():
    for i, x in enumerate(range(N)):
        pass
    for i, x in zip(range(N), range(N)):
        pass
    for k, v in dict.fromkeys(range(N)).items():
        pass
    for i in range(N):
        a, b = pair
        len(names)
        isinstance(c, C)


def closure():
    cell = "cell of " + names[4]

    def run():
        for i in range(N):
            cell
            text

    return run


def contexts():
    lock = threading.Lock()
    for i in range(N):
        with lock:
            pass


threading.stack_size(512 << 10)
for f in (list_iter, tuple_iter, subscripts, methods, supers, attributes, unpack, closure(), contexts):
    t = threading.Thread(target=f)
    t.start()
    t.join()
print("ok")
