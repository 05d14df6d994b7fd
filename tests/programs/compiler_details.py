# Things that the compiler and the byte types settle: errors in removed code, constants in conditions, re-entrant searches.
import tokenize


def fails(source, message, optimize=0):
    try:
        compile(source, "<s>", "exec", optimize=optimize)
    except SyntaxError as e:
        assert message in e.msg, (source, e.msg)
    else:
        raise AssertionError(source)


fails("assert not await x", "'await' outside function", 1)
fails("async with x: pass", "'async with' outside async function")
fails("f'{1:{2:{3:{4}}}}'", "expressions nested too deeply")
fails("def f(a,\n  b):\n    x\n  y\n", "unindent does not match")
fails("if 1:\n    def f(a,\n  b):\n        x\n    y z\n", "invalid syntax")
text = "barry_as_FLUFL"
assert 1 != 2


def conditions(a, b):
    return [True and a, False and b, 0 or a, 1 or b, not a is b, not a in (b,), a and None and b]


assert conditions(3, 4) == [3, False, 3, 1, True, True, None]
assert "%s-%r %%|%-5s|%5s|%.2s" % ("a", "b", "c", "d", "efg") == "a-'b' %|c    |    d|ef"

source = "if 1:\n    def k(e,\nf):\n     b\n    d\n"
names = [t.string for t in tokenize.generate_tokens(iter(source.splitlines(True)).__next__) if t.type == tokenize.NAME]
assert names == ["if", "def", "k", "e", "f", "b", "d"]


class Evil:
    def __buffer__(self, flags):
        b.clear()
        return memoryview(b"x")


for name in ("find", "count", "rfind"):
    b = bytearray(b"x")
    try:
        getattr(b, name)(Evil())
    except BufferError:
        pass
    else:
        raise AssertionError(name)
b = bytearray(b"abcdef")
b[1:-1:2] = b""
assert b == b"acef"
b = bytearray()
b.__init__(iter(range(5)))
assert b == bytes(range(5))
print("ok")
