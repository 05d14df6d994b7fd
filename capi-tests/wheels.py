#!/usr/bin/env python3
"""Runs what people install: each program of `packages/` imports unmodified wheels, uses their main features and compares
with known answers, with the GIL off from the first import to the last.

    python3 capi-tests/wheels.py --python PYTHON [NAME...]

The first line of a program names its wheels, which `fetch.py` gets. A program whose wheels cannot be had is skipped with a
message, unless WHEELS_REQUIRED is set.
"""
import argparse
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fetch

PACKAGES = Path(__file__).resolve().parent / "packages"
FRAME = r'''
import runpy, sys
program = sys.argv.pop(1)
assert not sys._is_gil_enabled()
runpy.run_path(program, run_name="__main__")
assert not sys._is_gil_enabled(), "the GIL was turned on"
print("ok")
'''


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--python", required=True)
    parser.add_argument("only", nargs="*", help="names of programs, without use_ and .py")
    asked = parser.parse_args()
    programs = {}
    for program in sorted(PACKAGES.glob("use_*.py")):
        if not asked.only or program.stem.removeprefix("use_") in asked.only:
            first = program.read_text().split("\n", 1)[0]
            programs[program] = first.removeprefix("# wheels:").split()
    wheels = fetch.fetch(sorted({w for names in programs.values() for w in names}))

    def run(program):
        missing = [n for n in programs[program] if n not in wheels]
        if missing:
            return program, bool(os.environ.get("WHEELS_REQUIRED")), f"skipped: no wheel of {', '.join(missing)} could be had"
        start = time.monotonic()
        with tempfile.TemporaryDirectory() as site:
            fetch.unpack([wheels[n] for n in programs[program]], site)
            env = {k: v for k, v in os.environ.items() if k not in ("PYTHONHOME", "PYTHON_GIL")}
            env |= {"PYTHONPATH": site, "PYTHONDONTWRITEBYTECODE": "1"}
            command = [asked.python, "-W", "error::RuntimeWarning", "-c", FRAME, program]
            try:
                done = subprocess.run(command, env=env, capture_output=True, text=True, errors="replace", timeout=180, cwd=site)
            except subprocess.TimeoutExpired as e:
                return program, True, f"timeout\n{e.stdout}\n{e.stderr}"
        good = done.returncode == 0 and done.stdout.splitlines()[-1:] == ["ok"]
        names = " ".join(f"{wheels[n].name.split('-')[0]}-{fetch.PINS[n]}" for n in programs[program])
        text = f"{names} ({time.monotonic() - start:.1f} s)"
        return program, not good, text if good else f"{text}\nexit status {done.returncode}\n{done.stdout}{done.stderr}"

    failed = 0
    with ThreadPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
        for program, bad, text in pool.map(run, programs):
            failed += bad
            print("FAILED" if bad else "ok" if not text.startswith("skipped") else "--", program.stem.removeprefix("use_"), text)
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
