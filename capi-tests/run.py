#!/usr/bin/env python3
"""Runs every test of the C API on a built interpreter; `tests/run` calls it.

    python3 capi-tests/run.py --python target/release/freewheel --library target/release/libfreewheel.so

What needs a compiler or a wheel that is not there is skipped with a message (a wheel that is missing is an error with
WHEELS_REQUIRED set).
"""
import argparse
import concurrent.futures
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--python", required=True, type=Path)
    parser.add_argument("--library", required=True, type=Path)
    parser.add_argument("only", nargs="*", help="names of the tests to run")
    asked = parser.parse_args()
    python, library = asked.python.resolve(), asked.library.resolve()
    compiler = shutil.which("cc") and shutil.which("c++")
    with tempfile.TemporaryDirectory() as tmp:
        # Hosts link and load the library under its real name.
        for name in ("libpython3.14t.so", "libpython3.14t.so.1.0"):
            (Path(tmp) / name).symlink_to(library)
        tests = {
            "exports": ["check_exports.py", library],
            "wheels": ["wheels.py", "--python", python],
        }
        if compiler:
            tests |= {
                "headers": ["check_headers.py"],
                "variadic": ["test_variadic.py", "--python", python],
                "gil": ["gil.py", "--python", python],
                "lifecycle": ["test_lifecycle.py", library, "--home", library.parent],
                "hosts": ["hosts.py", library, "--home", library.parent],
                "build-tools": ["build_tools.py", "--target", library.parent.parent],
                "examples": [ROOT / "ext-examples/try.py", "--python", python, "--include", ROOT / "include", "--lib", tmp],
            }
        else:
            print("skipped headers, variadic, gil, lifecycle, hosts, build-tools, examples: there is no C and C++ compiler")

        def run(test):
            start = time.monotonic()
            command = [sys.executable, *map(str, [HERE / tests[test][0], *tests[test][1:]])]
            env = {k: v for k, v in os.environ.items() if k not in ("PYTHONHOME", "PYTHONPATH", "PYTHON_GIL")}
            try:
                done = subprocess.run(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                      errors="replace", timeout=600)
                code, text = done.returncode, done.stdout
            except subprocess.TimeoutExpired as e:
                code, text = 1, f"{e.stdout}\ntimeout"
            return test, code, text, time.monotonic() - start

        failed = 0
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            for test, code, text, seconds in pool.map(run, asked.only or tests):
                print(f"{'FAILED' if code else 'ok'} {test} ({seconds:.1f} s)")
                failed += bool(code)
                if code or "skipped" in text:
                    print(text)
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
