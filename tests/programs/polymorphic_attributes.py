# Attributes and methods of objects of many types at one place; __class__; types that change meanwhile.
class Base:
    def __init__(self, v):
        self.v = v
    def name(self):
        return type(self).__name__ + str(self.v)
    def twice(self):
        return self.v + self.v


kinds = []
for i in range(7):
    ns = {"k": i}
    if i % 2:
        ns["name"] = lambda self, i=i: "odd%d" % i
    if i == 5:
        ns["v"] = property(lambda self: -1, lambda self, x: None)
    if i == 6:
        ns["__slots__"] = ()
    kinds.append(type("K%d" % i, (Base,), ns))


def run(objects):
    out = []
    for o in objects:
        out.append((o.name(), o.v, o.twice(), o.__class__ is type(o), o.k))
    return out


for n in (1, 2, 3, 4, 5, 7):
    objects = [kinds[i % n](i) for i in range(300)]
    got = run(objects)
    for o, g in zip(objects, got):
        i = kinds.index(type(o))
        assert g == ("odd%d" % i if i % 2 else "K%d%s" % (i, o.v), o.v, 2 * o.v, True, i), g

objects = [k(3) for k in kinds[:3]] * 50
run(objects)
kinds[1].name = lambda self: "changed"
assert run(objects)[1][0] == "changed"
objects[0].name = lambda: "own"
assert run(objects)[0][0] == "own"
objects[2].__dict__ = {"v": 9}
assert run(objects)[2][1:3] == (9, 18)


class Liar:
    @property
    def __class__(self):
        return int


def classes(xs):
    return [x.__class__ for x in xs]


for _ in range(100):
    assert classes([1, "a", Liar(), objects[0], 2.5]) == [int, str, int, kinds[0], float]
o = kinds[0](1)
for i in range(200):
    if i == 100:
        o.__class__ = kinds[2]
    assert classes([o]) == [kinds[0] if i < 100 else kinds[2]]
print("ok")
