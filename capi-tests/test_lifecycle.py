#!/usr/bin/env python3
"""Builds `lifecycle.c` against the headers here and runs it with a library.

    python3 capi-tests/test_lifecycle.py LIBRARY [--home PREFIX]
"""
import argparse, os, subprocess, sys, tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("library", type=Path)
    parser.add_argument("--home", help="prefix of the standard library, if the library does not find it")
    args = parser.parse_args()
    library = args.library.resolve()
    with tempfile.TemporaryDirectory() as tmp:
        program = Path(tmp) / "lifecycle"
        subprocess.run(
            ["cc", "-g", "-O1", "-Wall", "-Wextra", "-Werror", f"-I{HERE.parent / 'include'}", HERE / "lifecycle.c", "-o", program,
             library, f"-Wl,-rpath,{library.parent}", "-pthread"], check=True)
        # The loader looks for the real name.
        (Path(tmp) / "libpython3.14t.so.1.0").symlink_to(library)
        env = dict(os.environ, LD_LIBRARY_PATH=tmp)
        if args.home:
            env["PYTHONHOME"] = args.home
        done = subprocess.run([program], capture_output=True, text=True, timeout=300, env=env)
    print(done.stdout, done.stderr, sep="", end="")
    if done.returncode or not done.stdout.endswith("ok\n"):
        print("exit status", done.returncode)
        return 1
    return 0


sys.exit(main())
