"""What an exception's traceback and frames held is freed with the exception, not by the collector (as reference counts promise)."""
import gc
import weakref

gc.disable()


class Probe:
    pass


def instance():
    raise OSError(1)


def cause(p):
    try:
        instance()
    except OSError as e:
        raise ValueError(2) from e


def generator(p):
    yield 1
    raise OSError(p)


def keyword(*args, **kwargs):
    raise OSError(args, kwargs)


def caught(f, *args):
    try:
        return f(*args)
    except (OSError, ValueError):
        return None


def attribute(p):
    class Missing:
        def __getattr__(self, name):
            raise AttributeError(name)

    getattr(Missing(), "x", None)


CASES = {
    "instance": lambda p: caught(lambda q: instance(), p),
    "cause": lambda p: caught(cause, p),
    "generator": lambda p: caught(lambda q: list(generator(q)), p),
    "keywords": lambda p: caught(lambda q: keyword(q, x=q), p),
    "attribute": attribute,
}
for name, case in CASES.items():
    probe = Probe()
    ref = weakref.ref(probe)
    case(probe)
    del probe
    assert ref() is None, name
print("ok")
