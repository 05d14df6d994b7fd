#!/usr/bin/env python3
"""Compares the variadic shims (src/capi_variadic) with an interpreter's own variadic functions.

    python3 capi-tests/test_variadic.py --python python3.14t

Both are called with the same arguments in one process: results, exceptions and warnings must agree. In
the reference interpreter this shows that the shims say what CPython says; in Freewheel, that the
exported names reach them.
"""
import sys

SUFFIX = ".cpython-314t-x86_64-linux-gnu.so"


def build_and_run(python, include):
    import os
    import subprocess
    import tempfile
    from pathlib import Path
    here = Path(__file__).resolve().parent
    root = here.parent
    include = include or root / "include"
    with tempfile.TemporaryDirectory() as folder:
        flags = ["gcc", "-std=c11", "-shared", "-fPIC", "-O1", "-g", "-Wall", "-Werror", f"-I{include}"]
        shims = sorted(str(p) for p in (root / "src" / "capi_variadic").glob("*.c"))
        probe = str(here / "variadic_probe.c")
        subprocess.run([*flags, probe, "-o", f"{folder}/probe_api{SUFFIX}"], check=True)
        subprocess.run([*flags, "-DSHIMS", probe, *shims, f"-I{root}/src/capi_variadic", "-o",
                        f"{folder}/probe_shims{SUFFIX}"], check=True)
        return subprocess.run([python, __file__, "--inside"], env={**os.environ, "PYTHONPATH": folder}).returncode


def compare():
    import collections
    import io
    import warnings
    import probe_api as api
    import probe_shims as shims
    state = {"calls": 0, "failures": 0}

    def outcome(function, args):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                result = function(*args)
            except BaseException as e:  # noqa: BLE001
                result = (type(e), str(e), [str(e.__cause__), str(e.__context__)])
        return repr(result), [(w.category, str(w.message), w.filename, w.lineno, repr(w.source)) for w in caught]

    def both(name, *args, keep=None):
        state["calls"] += 1
        ours, theirs = (outcome(getattr(m, name), args) for m in (shims, api))
        if keep:
            ours, theirs = keep(ours), keep(theirs)
        if ours != theirs:
            state["failures"] += 1
            print(f"{name}{args!r}\n   api: {theirs}\n  shim: {ours}".encode("ascii", "backslashreplace").decode())

    class Index:
        def __index__(self):
            return 7

        def __repr__(self):
            return "Index"

    class Float:
        def __float__(self):
            return 2.5

        def __repr__(self):
            return "Float"

    class Broken:
        def __index__(self):
            raise ArithmeticError("broken")
        __bool__ = __float__ = __str__ = __repr__ = __len__ = __index__

        def __getitem__(self, i):
            raise IndexError

    ints = [0, 1, -1, 127, 128, 255, 256, -129, 2**15, 2**16, -2**15 - 1, 2**31 - 1, 2**31, -2**31 - 1, 2**32, 2**63 - 1,
            2**63, -2**63, -2**63 - 1, 2**64 - 1, 2**64, 2**70, -2**70, True]
    others = [1.5, "abc", "", "a\0c", "x", "é€😀", "\ud800", b"abc", b"", b"a\0c", b"x", bytearray(b"abc"), bytearray(b"x"),
              bytearray(), None, memoryview(b"abcdef")[::2], memoryview(bytearray(b"abc")), [1], (1, 2), (1,), [1, 2],
              [1, 2, 3], {1: 1}, range(2), Index(), Float(), 1j, float("inf"), int, Broken()]
    units = "b B h H i I l k L K n f d D c C p s s# s* z z# z* y y# y* w* w w# S Y U O q u Z t# (i) (ii) (is) (O) (OO) ()" \
            " (s*) (y#) (c) (i(i)) ((ii)) (U) (i(O))".split()
    for unit in units:
        for value in ints + others:
            both("parse", (value,), unit.encode() + b":f")
            both("parse_one", value, unit.encode())
    for value in others:
        both("parse", (value,), b"O!", (dict, None))
        both("parse", (value,), b"O!:g", (list, None))
    for args, fmt in [((), "O"), ((1,), ""), ((1, 2), "O"), ((1,), "OO"), ((1, 2, 3), "O|O"), ((), "O|O:f"), ((1,), ":f"),
                      ((1, 2), "O:f"), ((1, 2), "O;custom msg"), ((1,), "s;custom msg"), ((), "|OO"), (((1, "x"),), "(Os):f"),
                      (((1, (2, "x")),), "(O(Oi)):f"), ((([1], 2),), "((O)s)"), (((1, (2, (3, 4))),), "(O(O(Os))):f"),
                      ((1, 2), "OO$"), ((1,), "O|"), ((1,), "O %"), ((1, 2), "|i(ss):f"), ((iter([1]),), "(O)"),
                      ((1, bytearray(b"x"), "x"), "iw*i:f"), (("x", 1, 2), "sin|k:f"), ((1, 2), "e"), (("a",), "x")]:
        both("parse", args, fmt.encode())
        both("parse_one", args, fmt.encode())
    for encoding, fmt in [(b"utf-8\0", "es"), (b"latin-1\0", "es"), (b"ascii\0", "et"), (b"nonsense\0", "es"), (b"utf-8\0", "es#"),
                          (b"utf-8\0", "et#"), (b"utf-8\0", "ex"), (b"utf-16\0", "es")]:
        for value in ["abc", "é", "a\0b", b"abc", bytearray(b"abc"), b"a\0", None, 1, "\ud800"]:
            # The result is a fresh pointer: only success and errors compare.
            def shape(o):
                return o if "Error" in o[0] else o[1]
            both("parse", (value,), fmt.encode(), (encoding, None, None), keep=shape)
            both("parse", (value, 1), (fmt + "s").encode(), (encoding, None, None, None), keep=shape)
    for args in [((), b"f", 0, 0), ((1,), b"f", 0, 0), ((1,), b"f", 2, 3), ((1, 2, 3, 4), b"f", 2, 3), ((1,), b"f", 2, 2),
                 ((1,), None, 2, 2), ((1, 2), b"f", 0, 1), ((1, 2), None, 1, 1), ((1, 2), b"f", 1, 3), ([1], b"f", 1, 1)]:
        both("unpack", *args)

    cases = [((1, 2), {}, "OO:f", "a b"), ((1,), {}, "OO:f", "a b"), ((), {}, "OO:f", "a b"), ((), {"b": 1}, "OO:f", "a b"),
             ((1,), {"a": 1}, "OO:f", "a b"), ((1, 2), {"a": 1}, "OO:f", "a b"), ((1, 2, 3), {}, "OO:f", "a b"),
             ((1,), {"c": 1}, "OO:f", "a b"), ((1, 2), {"c": 1}, "OO|O:f", "a b d"), ((1,), {"b": 1, "c": 1}, "OO:f", "a b"),
             ((), {"a": 1, "b": 2, "c": 3}, "OO:f", "a b"), ((1, 2), {}, "O|O", "a b"), ((1, 2, 3), {}, "O|O", "a b"),
             ((), {}, "O|O", "a b"), ((), {"x": 1}, "|O", "b"), ((), {1: 1}, "|O:f", "b"), ((1, 2), {}, "O|$O:f", "a b"),
             ((1,), {"b": 1}, "O|$O:f", "a b"), ((1,), {}, "O$O:f", "a b"), ((1,), {}, "$O:f", "a"), ((), {}, "|$O:f", "a"),
             ((1, 2, 3), {}, "O|$OO:f", "a b c"), ((), {}, "O$O:f", "a b"), ((1,), {}, "OO:f", "- b"), ((), {}, "OO:f", "- b"),
             ((), {"b": 1}, "OO:f", "- b"), ((), {"": 1, "b": 1}, "OO:f", "- b"), ((1, 2, 3), {}, "OO:f", "- b"),
             ((), {}, "O|O:f", "- b"), ((), {}, "OO|O:f", "- - b"), ((1,), {}, "OO|O:f", "- - b"), ((1,), {}, "O|O:f", "- -"),
             ((1, 2, 3), {}, "O|O:f", "- -"), ((1,), {"b": 2}, "O|O:f", "- -"), ((1,), {}, "s:f", "a"),
             ((), {"a": 1}, "s:f", "a"), ((), {"a": 1}, "s;msg", "a"), ((1, 2), {}, "O;msg", "a"), ((), {}, "O;msg", "a"),
             ((), {"q": 1}, "|O;msg", "a"), ((1,), {}, "O:f", "a b"), ((1, 2), {}, "OO:f", "a"), ((1,), {}, "OO:f", "a"),
             ((1,), {}, "O||O", "a b"), ((1,), {}, "O$$O", "a b"), ((1,), {}, "O$|O", "a b"), ((1,), {}, "O|O)", "a b"),
             ((), {}, "", "a"), ((1,), {}, "", ""), ((), {"a": 1}, "", ""), ((), {"a": 1}, ":f", ""), ((1,), {}, ":f", ""),
             ((), {}, "|(OO)O", "a b"), ((), {"b": 1}, "|(OO)O", "a b"), ((), {"b": 1}, "|(OOO", "a b"), ((), {"b": 1}, "|qO", "a b"),
             ((), {"b": 1}, "|s#s*w*es#et#O!O&z#y*(i(i))O:f", "a0 a1 a2 a3 a4 a5 a6 a7 a8 a9 b"), ((), {"a": 1, "a2": 1}, "O|O:f", "a bb"),
             ((), {"bbb": 1}, "|O:f", "bbbb"), ((), {"\ud800": 1}, "|O:f", "b"), ((1,), {}, "$OO:f", "a b"),
             ((), {"b": 1}, "$OO:f", "a b"), ((), {}, "O$O:f", "- b"), ((1,), {"c": 1}, "|O$O", "a b"), ((), {}, "O|$O:f", "- b"),
             ((), {"NAME": 1}, "|O:f", "name"), ((), {"nmae": 1}, "|OO:f", "name game"), ((), {"x" * 50: 1}, "|O:f", "x" * 49),
             ((1, 2), {}, "$OO:f", "a b"), ((), {}, "|O|O:f", "a b"), ((), {"b": 1}, "|O|O:f", "a b"), ((), {"b": 1}, "$O$O:f", "a b"),
             ((), {"c": 1}, "|O$O|O:f", "a b c"), ((), {}, "OO", "- b"), ((1, 2), {"d": 5}, "OO|OO:f", "a b c d"),
             ((1, 2), {"b": 5}, "OO|OO:f", "a b c d"), ((1, 2), {"b": 5, "a": 6}, "|OOOO:f", "a b c d"), ((1,), None, "O:f", "a"),
             ((), {"a": 1}, "O:f", "a b -"), ((), {}, "O$O:f", "- -"), ((1, 2), {}, "|$OO:f", "a b")]
    for args, kwargs, fmt, names in cases:
        names = tuple(b"" if n == "-" else n.encode() for n in names.split())
        both("parse_keywords", args, kwargs, fmt.encode(), names)
        both("parse_fast", args, kwargs, fmt.encode(), names)
        both("parse_stack", args + tuple((kwargs or {}).values()), len(args), tuple(kwargs) if kwargs else None, fmt.encode(), names)
    shapes = [("a b c", 1, 3, 0, 0), ("a b c", 2, 2, 1, 0), ("a b c", 0, 1, 0, 0), ("a b c", 0, 0, 2, 0), ("- a b", 1, 2, 0, 0), ("- - a", 2, 2, 1, 0),
              ("a b", 1, 1, 0, 1), ("- b c", 1, 1, 1, 1), ("a", 1, 1, 0, 0), ("- a", 2, 2, 0, 0)]
    for names, minpos, maxpos, minkw, varpos in shapes:
        names = tuple(b"" if n == "-" else n.encode() for n in names.split())
        for args in [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)]:
            for kwargs in [None, {}, {"a": 10}, {"b": 20}, {"c": 30}, {"a": 10, "b": 20}, {"a": 1, "b": 2, "c": 3}, {"z": 1}, {"b": 1, "z": 1}]:
                for fname in (b"f", None):
                    both("unpack_keywords", args, kwargs, fname, names, minpos, maxpos, minkw, varpos)
                    if kwargs:
                        both("unpack_keywords", args + tuple(kwargs.values()), tuple(kwargs), fname, names, minpos, maxpos, minkw, varpos)

    for fmt in [b"%5d|%-5d|%05d|%.3d|%5.3d|%05.3d|", b"%5c|%c", b"%p|%20p", b"%x %X %o %u %i", b"%lx %llx %zx %jd %td", b"%#x", b"%hd", b"%-05d|",
                b"%8.3d|%-8.3d|", b"%08.3d", b"% d", b"%d%", b"%", b"%5%", b"%lc", b"%y", b"%5y", b"%ld%y", b"%zs", b"%0", b"%l", b"%.", b"%5",
                b"a%3$d", b"%+d", b"%*d|%-*d|%.*d", b"%0*d|", b"%-0d|%#d", b"%#X %#o", b"%2000d|", b"%.300d|", b"plain", b"", b"100%%",
                b"%99999999999999999999d", b"%.99999999999999999999d", b"%lp", b"%zc", b"%lS", b"%tx %tu %ju %jx %jo %zi %li %lli %llo",
                b"%c%c%c", b"\xc3\xa9", b"ab\xff", b"%d\xe9", b"%.d|%.0d|%0d", b"%5.d|", b"%li%lu", b"%zd%zu"]:
        for words in [(65, 66, 67, 68, 69, 70), (-1, -2, -3, -4, -5, -6), (0, 0, 0, 0, 0, 0), (2**63, 2**63, 2**31, 2**31, 2**64 - 1)]:
            both("text", fmt, *words)
            both("bytes", fmt, *words)
    for fmt, *words in [(b"%s|%5s|%-5s|%.2s|%5.1s|%.0s|", *[b"abc"] * 6), (b"%.1s|%.2s|%.3s|%.4s|%.5s|", *["é€".encode()] * 5), (b"%s|%.1s|%5s|", *[b"\xff\xfeabc"] * 3),
                        (b"%U|%5U|%-5U|%.2U|", *["aé€"] * 4), (b"%V|%V|%.1V|%.1V|%5V", None, b"abc", "xyz", b"q", None, "éa".encode(), None, b"aa", None, b"zz"),
                        (b"%S|%R|%A|%.3R|%10A|%-8S|", [1], "é", "é", "abcdef", "é", "x"), (b"%T|%#T|%N|%#N|%15T|%.2T", "a", {}, int, dict, [], []),
                        (b"%T|%#T|%N|%#N", collections.OrderedDict(), collections.Counter(), collections.Counter, collections.OrderedDict), (b"%N", []),
                        (b"%T|%#T", Index(), Float()), (b"%05s|%05S|", b"a", "b"), (b"%S", Broken()), (b"%R and %d", Broken(), 1), (b"%*s|%-*s|%.*s", 5, b"a", 5, b"b", 1, b"cd"),
                        (b"%ls|%.1ls|%lV|%5ls", *["abc".encode("utf-32-le") + bytes(4)] * 2, None, *["é€".encode("utf-32-le") + bytes(4)] * 2)]:
        both("text", fmt, *words)
        both("error", ValueError, fmt, *words)
    for fmt, *words in [(b"%s|%.2s|%5s|%.*s|%.0s|", *[b"abc"] * 5), (b"%c", 300), (b"%c", -1), (b"%y abc %d", 1), (b"%-5d|%zu|%ld|%lu", 1, 2, 3, 4),
                        (b"abc%",), (b"%l",), (b"%lld", 1), (b"%% %p", 66), (b"%5.3s|", b"abcdef"), (b"%.3d", 1)]:
        both("bytes", fmt, *words)
    both("error", KeyError, b"%d", 1)
    both("error", 5, b"%d", 1)

    for fmt, *words in [(b"",), (b"i", 5), (b"ii", 5, 6), (b"(i)", 5), (b"()",), (b"[]",), (b"{}",), (b"{i:i}", 1, 2), (b"{ii}", 1, 2), (b"{i}", 1), (b"[i,i , i]", 1, 2, 3),
                        (b"(i", 1), (b"i)", 1), (b"[i)", 1), (b"y", b"a\0b"), (b"s#", b"a\0b", 3), (b"y#", b"a\0b", 3), (b"z", None), (b"s", None), (b"y", None), (b"U", b"x"),
                        (b"U#", b"xyz", 2), (b"u", None), (b"u", "é€".encode("utf-32-le") + bytes(4)), (b"u#", "é€".encode("utf-32-le") + bytes(4), 1), (b"c", 65), (b"C", 233),
                        (b"C", 0x110000), (b"b", -1), (b"B", -1), (b"h", -1), (b"H", -1), (b"I", -1), (b"l", -1), (b"k", -1), (b"L", -1), (b"K", -1), (b"n", -1), (b"d", 1.5),
                        (b"f", 1.5), (b"fif", 1.5, 2, 2.5), (b"O", []), (b"S", []), (b"O", None), (b"N", None), (b"q", 1), (b"iq", 1), (b"p", 1), (b"p", 0), (b"w", 0), (b"z#", None, 3),
                        (b"i;i", 1, 2), (b"i:i", 1, 2), (b"((i)[i]{i:(i)})", 1, 2, 3, 4), (b"(OO)", None, []), (b"{O:i}", [], 1), (b"c", 300), (b"s#", b"abc", -1), (b"\xff", 1),
                        (b" i ", 1), (b"(ii", 1, 2), (b"{i:i", 1, 2), (b"{i:i)", 1, 2), (b"s", b"\xff"), (b"(sO)", b"\xff", []), (b"(iiiiiiiiiii)", *range(11)), (b"D", b"\0" * 8 + b"\0\0\0\0\0\0\xf0\x3f"),
                        (b"[(i)]", 1), (b"([)]",), (b"(((((i)))))", 1), (b"{i:i,i:O}", 1, 2, 3, None), (b",",), (b"i,", 3)]:
        both("build", fmt, *words)
        both("call", dict if fmt.startswith(b"[") else max, fmt, *words)
        both("call_method", "abc", b"join", fmt, *words)
    both("call", int, None)
    both("call", int, b"s", b"12")
    both("call", 5, b"s", b"12")
    both("call", None, b"s", b"12")
    both("call", divmod, b"(ii)", 7, 2)
    both("call", divmod, b"ii", 7, 2)
    both("call_method", "abc", b"upper", None)
    both("call_method", "abc", b"nothing", None)
    both("call_method", "abc", b"__doc__", None)
    both("call_method", [3, 1], b"count", b"i", 3)
    for count in range(0, 11):
        both("call_objects", lambda *a: a, *("abcdefghijkl"[:count]), None)
        both("call_method_objects", "%s", "__mod__", *["x"] * count, None)
        both("pack", count, *"abcdefghijkl"[:count])
    both("call_objects", 5, None)
    both("call_method_objects", [], "append", None)
    for category in (UserWarning, DeprecationWarning, RuntimeWarning):
        for level in (0, 1, 2):
            both("warn", category, level, b"about %d", 3)
    both("warn_resource", "src", 1, b"about %d", 3)
    both("warn_explicit", UserWarning, b"file.py", 3, b"mod", b"about %s", b"x")
    seen = []
    sys.addaudithook(lambda e, a: seen.append((e, a)) if e.startswith("probe") else None)
    for name, fmt, *words in [(b"probe.a", None), (b"probe.b", b"i", 1), (b"probe.c", b"(ii)", 1, 2), (b"probe.d", b"Os", [], b"x"), (b"probe.e", b"q")]:
        both("audit", name, fmt, *words)
    assert seen[::2] == seen[1::2] and len(seen) == 8, seen
    for size in (0, 1, 4, 16):
        both("print", size, b"%d-%s", 123, b"abc")
    stdout = sys.stdout
    for name, words in [("write_out", (b"%d %s\n", 5, b"text")), ("write_out", (b"%2000d", 5)), ("format_out", (b"%R %d", "é", 5)), ("write_out", (b"%s", b"\xff"))]:
        outputs = []
        for module in (shims, api):
            sys.stdout = io.StringIO()
            getattr(module, name)(*words)
            outputs.append(sys.stdout.getvalue())
            sys.stdout = stdout
        state["calls"] += 1
        if outputs[0] != outputs[1]:
            state["failures"] += 1
            print(name, words, outputs)
    print(f"{state['calls']} calls compared, {state['failures']} differ")
    return state["failures"]


if __name__ == "__main__":
    if "--inside" in sys.argv:
        sys.exit(bool(compare()))
    import argparse
    ask = argparse.ArgumentParser()
    ask.add_argument("--python", required=True)
    ask.add_argument("--include")
    asked = ask.parse_args()
    sys.exit(build_and_run(asked.python, asked.include))
