"""The tour: run by the installed interpreter, it builds the examples for itself, imports them and embeds itself in two hosts."""
import importlib
import runpy
import sys
import sysconfig
import tempfile
import threading
import time
import warnings
from pathlib import Path

HERE = Path(__file__).resolve().parent
tools = runpy.run_path(str(HERE / "try.py"))


def gil():
    return "on" if sys._is_gil_enabled() else "off"


def count(n):
    total = 0
    for i in range(n):
        total += i & 3
    return total


def seconds(work, threads):
    """Runs `work` in so many threads at once."""
    many = [threading.Thread(target=work) for _ in range(threads)]
    start = time.perf_counter()
    for t in many:
        t.start()
    for t in many:
        t.join()
    return time.perf_counter() - start


def race(what, work):
    work()
    one, two = seconds(work, 1), seconds(work, 2)
    print(f"  {what}: one thread {one:.2f} s; two threads, twice the work, {two:.2f} s ({2 * one / two:.2f} times as fast)")


def main():
    print(sys.version)
    known = tools["ask"](sys.executable)
    print(f"\nThe examples are compiled as sysconfig says: {known['CC']} {known['CFLAGS']} -I{known['INCLUDEPY']}")
    with tempfile.TemporaryDirectory() as folder:
        for source in tools["MODULES"]:
            print(f"  {source} -> {tools['build_module'](source, folder, known).name}")
        sys.path.insert(0, folder)
        print(f"\nThe GIL is {gil()} at the start.")
        for name in ("declared", "single_phase", "grid", "kernel", "counter"):
            importlib.import_module(name)
            print(f"  import {name}: the GIL is {gil()}")
        kernel = sys.modules["kernel"]
        print("\nOne thread against two:")
        race("Python code", lambda: count(2_000_000))
        race("C code that lets go of its thread state", lambda: kernel.mandelbrot(memoryview(bytearray(4 * 512 * 512)).cast("i"), 512, 0, 512, 512))
        print("\nA module that does not say that it can do without the GIL:")
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            importlib.import_module("undeclared")
        for w in caught:
            print(f"  {w.category.__name__}: {w.message}")
        print(f"  import undeclared: the GIL is {gil()}")
        print("\nThe checks of every module, in a process of their own:")
        (Path(folder) / "check.py").write_text(tools["CHECK"])
        print("  " + tools["run"]([sys.executable, Path(folder) / "check.py"]), end="")
        print(f"\nHosts, compiled as pkg-config says with PKG_CONFIG_PATH={known['LIBPC']}:")
        for source, arguments, expected in tools["HOSTS"]:
            got = tools["run"]([tools["build_host"](source, folder, known), *arguments])
            print(f"  {source}:", *got.splitlines(), sep="\n    ")
            if got != expected:
                sys.exit(f"{source} printed something else than expected")
    print(f"\nAll of it works. The interpreter: {sysconfig.get_path('scripts')}/python3.14t")


main()
