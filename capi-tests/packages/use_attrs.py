# wheels: attrs
import pickle
import threading
import weakref

import attr
from attrs import Factory, asdict, astuple, converters, define, evolve, exceptions, field, fields, frozen, has, make_class, resolve_types, validators


def refused(error, call, text=""):
    try:
        call()
    except error as e:
        assert text in str(e), e
    else:
        raise AssertionError(error)


@define
class Point:
    x: int = field(validator=validators.instance_of(int))
    y: int = field(default=0, converter=int)
    tags: list[str] = Factory(list)
    total: int = field(init=False, repr=False)

    def __attrs_post_init__(self):
        self.total = self.x + self.y

    @x.validator
    def _small(self, attribute, value):
        if value > 100:
            raise ValueError(f"{attribute.name} is too large")


p = Point(1, "2")
assert repr(p) == "Point(x=1, y=2, tags=[])" and p.total == 3 and p == Point(1, 2) and p != Point(2, 2)
assert Point.__slots__ == ("x", "y", "tags", "total", "__weakref__") and weakref.ref(p)() is p and not hasattr(p, "__dict__")
refused(TypeError, lambda: Point("1"), "'x' must be <class 'int'>")
refused(ValueError, lambda: Point(101), "x is too large")
refused(TypeError, lambda: Point(), "missing 1 required positional argument: 'x'")
refused(AttributeError, lambda: setattr(p, "z", 1))
refused(TypeError, lambda: hash(p), "unhashable")
p.y = "7"
assert p.y == 7
refused(TypeError, lambda: setattr(p, "x", "no"))
assert asdict(p) == {"x": 1, "y": 7, "tags": [], "total": 3} and astuple(p)[:2] == (1, 7) and [a.name for a in fields(Point)] == ["x", "y", "tags", "total"]


@frozen(order=True)
class Version:
    major: int
    minor: int = 0
    label: str | None = field(default=None, eq=False, kw_only=True)


v = Version(1, 2, label="x")
assert v == Version(1, 2) and hash(v) == hash(Version(1, 2)) and v < Version(2) and sorted([Version(2), v])[0] is v
refused(exceptions.FrozenInstanceError, lambda: setattr(v, "major", 3))
assert evolve(v, minor=5) == Version(1, 5) and evolve(v, minor=5).label == "x" and pickle.loads(pickle.dumps(v)) == v
match v:
    case Version(1, minor):
        assert minor == 2
    case _:
        raise AssertionError


@define
class Base:
    a: int = 1

    def me(self):
        return __class__


@define(slots=True)
class Derived(Base):
    b: "Derived | None" = None

    def me(self):
        return super().me(), __class__


assert Derived().me() == (Base, Derived) and Derived(2, Derived()) == Derived(2, Derived(1)) and has(Derived)
resolve_types(Derived)
assert fields(Derived).b.type == Derived | None
Made = make_class("Made", {"n": field(type=int, converter=converters.optional(int)), "s": field(default="d")})
assert Made("5").n == 5 and Made(None).n is None and repr(Made(1)) == "Made(n=1, s='d')"


@attr.s(auto_attribs=True, cmp=False, slots=False)
class Old:
    n: int
    m: dict = attr.ib(factory=dict, metadata={"k": "v"}, validator=attr.validators.deep_mapping(attr.validators.instance_of(str), attr.validators.in_([1, 2])))


assert Old(1) != Old(1) and attr.fields(Old).m.metadata["k"] == "v" and Old(1, {"a": 2}).__dict__["m"] == {"a": 2}
refused(ValueError, lambda: Old(1, {"a": 3}))


@define
class Cached:
    n: int
    calls: int = 0

    from functools import cached_property

    @cached_property
    def big(self):
        self.calls += 1
        return self.n * 1000


c = Cached(3)
assert c.big == c.big == 3000 and c.calls == 1
import inspect

assert str(inspect.signature(Version)) == "(major: int, minor: int = 0, *, label: str | None = None) -> None"


def work(i):
    for k in range(20):
        made = make_class(f"C{i}_{k}", ["a", "b"])
        assert made(1, i) == made(1, i) and repr(made(1, i)) == f"C{i}_{k}(a=1, b={i})"


errors = []
threading.excepthook = errors.append
threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
for t in threads:
    t.start()
for t in threads:
    t.join()
assert not errors, errors
