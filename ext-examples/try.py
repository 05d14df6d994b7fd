#!/usr/bin/env python3
"""Builds the examples for an interpreter and runs them in it.

    python3 ext-examples/try.py --python PYTHON [--include DIR] [--lib DIR] [--library NAME]

Compiler, flags, headers and suffix are what PYTHON's `sysconfig` says, the hosts' flags what its `python-3.14t-embed.pc` says. The options
override it, so that the same modules can be tried in CPython 3.14t with our headers: they describe one binary interface.
"""
import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
MODULES = ["declared.c", "undeclared.c", "single_phase.c", "grid.c", "kernel.c", "counter.cpp"]
STRICT = ["-g", "-Wall", "-Wextra", "-Werror", "-pthread"]
ASKED = ["CC", "CXX", "LDSHARED", "LDCXXSHARED", "CFLAGS", "CCSHARED", "INCLUDEPY", "EXT_SUFFIX", "LIBPC", "LIBDIR"]

CHECK = r'''
import sys, threading, warnings
assert not sys._is_gil_enabled()
import declared
assert not sys._is_gil_enabled()
def work():
    for _ in range(1000):
        declared.add()
threads = [threading.Thread(target=work) for _ in range(4)]
for t in threads: t.start()
for t in threads: t.join()
assert declared.add(0) == 4000, declared.add(0)
for bad, error, text in [((-1,), declared.Error, "the counter only goes up"), ((1, 2), TypeError, "add() takes at most 1 argument (2 given)")]:
    try: declared.add(*bad)
    except error as e: assert str(e) == text, e
    else: raise AssertionError(bad)
assert declared.Error.__module__ == "declared" and issubclass(declared.Error, ValueError)
assert declared.add.__doc__.startswith("Add to"), declared.add.__doc__
assert declared.add.__text_signature__ == "(amount=1, /)"

import single_phase
assert (single_phase.ANSWER, single_phase.KIND) == (42, "single-phase")
assert single_phase.repeat("ab", 3, separator="-") == "ab-ab-ab"
assert single_phase.repeat(text="x") == "x"
assert single_phase.describe("weight\0", 1.5) == {"name": "weight\0", "weight": 1.5, "more": (3, None)}
for call, text in [
    (lambda: single_phase.repeat(), "repeat() missing required argument 'text' (pos 1)"),
    (lambda: single_phase.repeat(b""), "repeat() argument 1 must be str, not bytes"),
    (lambda: single_phase.repeat("", 1, ""), "repeat() takes at most 2 positional arguments (3 given)"),
    (lambda: single_phase.repeat("", bogus=1), "repeat() got an unexpected keyword argument 'bogus'"),
    (lambda: single_phase.describe("x"), "describe() takes exactly 2 arguments (1 given)"),
]:
    try: call()
    except TypeError as e: assert str(e) == text, str(e)
    else: raise AssertionError(text)
assert not sys._is_gil_enabled()

import grid
g = grid.Grid(2, 3, fill=1.5)
assert repr(g) == "grid.Grid(2, 3)", repr(g)
assert (g.rows, g.columns, len(g), g.sum()) == (2, 3, 2, 9.0)
g[1, -1] = 7
assert g[1, 2] == 7.0
with memoryview(g) as m:
    assert (m.shape, m.strides, m.format, m.ndim, g.views) == ((2, 3), (24, 8), "d", 2, 1)
    assert m.tolist() == [[1.5, 1.5, 1.5], [1.5, 1.5, 7.0]]
    m[0, 0] = 2.0
assert g.views == 0 and g[0, 0] == 2.0
class Sub(grid.Grid):
    pass
assert Sub(1, 1).sum() == 0.0
for bad, error in [((lambda: g[5, 5]), IndexError), ((lambda: g[0]), TypeError), ((lambda: grid.Grid(0, 1)), ValueError)]:
    try: bad()
    except error: pass
    else: raise AssertionError
try: grid.Grid.x = 1
except TypeError as e: assert str(e) == "cannot set 'x' attribute of immutable type 'grid.Grid'", e
else: raise AssertionError

import kernel
rows = [memoryview(bytearray(4 * 64 * 16)).cast("i") for _ in range(4)]
threads = [threading.Thread(target=kernel.mandelbrot, args=(rows[i], 64, i * 16, 16, 64)) for i in range(4)]
for t in threads: t.start()
for t in threads: t.join()
assert max(map(max, rows)) == 256 and min(map(min, rows)) >= 1
def doubles(*values):
    view = memoryview(bytearray(8 * len(values))).cast("d")
    for i, v in enumerate(values):
        view[i] = v
    return view
assert kernel.dot(bytes(doubles(1, 2, 3)), doubles(4, 5, 6)) == 32.0
try: kernel.mandelbrot(b"", 1, 1, 1, 1)
except TypeError as e: assert str(e) == "mandelbrot() argument 1 must be read-write bytes-like object, not bytes", e
else: raise AssertionError

import counter
c = counter.Counter()
for w in "a b a c a b".split(): c.add(w)
assert c.most_common() == ("a", 3)
assert not sys._is_gil_enabled()

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    import undeclared
assert sys._is_gil_enabled()
assert len(caught) == 1 and caught[0].category is RuntimeWarning, caught
assert str(caught[0].message) == (
    "The global interpreter lock (GIL) has been enabled to load module 'undeclared', which has not declared that it can "
    "run safely without the GIL. To override this behavior and keep the GIL disabled (at your own risk), run with "
    "PYTHON_GIL=0 or -Xgil=0."), str(caught[0].message)
assert undeclared.count_call() == 1
print("modules ok")
'''
HOST_OUTPUT = """version 3.14, initialised: 1
hello from C host ['one', 'two']
square(12) = 144
square('text') raises TypeError
sum of squares from four threads: 30
finalised: 0
"""
CXX_OUTPUT = """answer = 42
sum = 16, root = 4
caught ZeroDivisionError: division by zero
finalised: 1
"""


def run(command, **more):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, **more)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}(exit {done.returncode})")
    return done.stdout


def ask(python):
    """What an interpreter's sysconfig says (None where it does not know)."""
    script = f"import json, sysconfig; print(json.dumps([sysconfig.get_config_var(n) for n in {ASKED!r}]))"
    return dict(zip(ASKED, json.loads(run([python, "-c", script]))))


def build_module(source, folder, known):
    """Compiles one example module into a folder."""
    name, _, kind = source.partition(".")
    cxx = kind == "cpp"
    driver = shlex.split((known["LDCXXSHARED"] or known["CXX"] + " -shared") if cxx else known["LDSHARED"])
    flags = [f for f in shlex.split(known["CFLAGS"]) if not (cxx and f.startswith("-Wstrict"))]
    target = Path(folder) / (name + known["EXT_SUFFIX"])
    run([*driver, "-std=c++17" if cxx else "-std=c11", *flags, known["CCSHARED"], *STRICT, f"-I{known['INCLUDEPY']}", HERE / source, "-o", target])
    return target


def build_host(source, folder, known, flags=None):
    """Compiles one embedding program into a folder, with what pkg-config says unless flags are given."""
    if flags is None:
        env = {**os.environ, "PKG_CONFIG_PATH": known["LIBPC"]}
        flags = shlex.split(run(["pkg-config", "--cflags", "--libs", "python-3.14t-embed"], env=env)) + [f"-Wl,-rpath,{known['LIBDIR']}"]
    cxx = source.endswith("cpp")
    program = Path(folder) / source.replace(".", "_")
    run([known["CXX" if cxx else "CC"], "-std=c++17" if cxx else "-std=c11", "-O2", *STRICT, HERE / source, "-o", program, *flags])
    return program


HOSTS = (("host.c", ["one", "two"], HOST_OUTPUT), ("host.cpp", [], CXX_OUTPUT))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--python", default=sys.executable, help="interpreter to run the modules in")
    parser.add_argument("--include", help="headers to use instead of the interpreter's")
    parser.add_argument("--lib", help="folder of the shared library, for the hosts, instead of pkg-config")
    parser.add_argument("--library", default="python3.14t")
    parser.add_argument("--no-hosts", action="store_true")
    asked = parser.parse_args()
    known = ask(asked.python)
    if asked.include:
        known["INCLUDEPY"] = asked.include
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        for source in MODULES:
            build_module(source, folder, known)
        (folder / "check.py").write_text(CHECK)
        print(run([asked.python, folder / "check.py"]), end="")
        if asked.no_hosts:
            return
        flags = asked.lib and [f"-I{known['INCLUDEPY']}", f"-L{asked.lib}", f"-l{asked.library}", f"-Wl,-rpath,{asked.lib}"]
        for source, arguments, expected in HOSTS:
            got = run([build_host(source, folder, known, flags), *arguments])
            if got != expected:
                sys.exit(f"{source} printed\n{got}instead of\n{expected}")
            print(f"{source} ok")


if __name__ == "__main__":
    main()
