#!/usr/bin/env python3
"""Builds the programs of `hosts/` and runs them with a library, also under valgrind where it is there.

    python3 capi-tests/hosts.py LIBRARY [--home PREFIX] [--no-valgrind] [NAME...]

`plain` is built as a fixed program and as a position-independent one. Under valgrind an invalid read, write or free fails the test.
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
STRICT = ["-g", "-O1", "-Wall", "-Wextra", "-Werror", "-pthread"]
HOSTS = {
    "plain-fixed": ("plain.c", ["-std=c11", "-no-pie", "-fno-pie"], "ok\n"),
    "plain-pie": ("plain.c", ["-std=c11", "-pie", "-fPIE"], "ok\n"),
    "objects": ("objects.cpp", ["-std=c++17"], "ok\n"),
    "rounds": ("rounds.c", ["-std=c11"], "".join(f"atexit {i}\n" for i in range(1, 6)) + "505 5\nok\n"),
    "threads": ("threads.c", ["-std=gnu11"], "ok\n"),
}
VALGRIND = ["valgrind", "--quiet", "--error-exitcode=99", "--leak-check=no", "--undef-value-errors=no", "--fair-sched=yes", "--vex-guest-max-insns=25"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("library", type=Path)
    parser.add_argument("--home", help="prefix of the standard library, if the library does not find it")
    parser.add_argument("--no-valgrind", action="store_true")
    parser.add_argument("only", nargs="*")
    args = parser.parse_intermixed_args()
    library = args.library.resolve()
    failed = 0
    with tempfile.TemporaryDirectory() as tmp:
        for name in ("libpython3.14t.so", "libpython3.14t.so.1.0"):
            (Path(tmp) / name).symlink_to(library)
        env = dict(os.environ, LD_LIBRARY_PATH=tmp)
        if args.home:
            env["PYTHONHOME"] = args.home

        def run(title, command, expected, limit):
            start = time.monotonic()
            try:
                done = subprocess.run(command, capture_output=True, text=True, timeout=limit, env=env)
                good = done.returncode == 0 and done.stdout == expected
                text = f"exit status {done.returncode}\n{done.stdout}{done.stderr}"
            except subprocess.TimeoutExpired as e:
                good, text = False, f"timeout\n{e.stdout}\n{e.stderr}"
            print(f"{'ok' if good else 'FAILED'} {title} ({time.monotonic() - start:.1f} s){'' if good else chr(10) + text}", flush=True)
            return not good

        valgrind = not args.no_valgrind and shutil.which("valgrind")
        for host, (source, flags, expected) in HOSTS.items():
            if args.only and host not in args.only:
                continue
            program = Path(tmp) / host
            compiler = "c++" if source.endswith("cpp") else "cc"
            subprocess.run([compiler, *flags, *STRICT, f"-I{HERE.parent / 'include'}", HERE / "hosts" / source, "-o", program,
                            f"-L{tmp}", "-lpython3.14t", f"-Wl,-rpath,{tmp}"], check=True)
            kind = subprocess.run(["readelf", "-h", program], capture_output=True, text=True).stdout if shutil.which("readelf") else ""
            if "plain" in host and kind and ("EXEC" in re.search("Type:.*", kind)[0]) != (host == "plain-fixed"):
                print(f"FAILED {host}: not the kind of program that was asked for")
                failed += 1
            failed += run(host, [program], expected, 120)
            if valgrind:
                failed += run(f"{host} under valgrind", [*VALGRIND, program], expected, 300)
    if not valgrind:
        print("skipped valgrind: it is not there, or was not wanted")
    return bool(failed)


sys.exit(main())
