#!/usr/bin/env python3
"""Runs numpy's own `numpy/_core/tests` under pytest and says how much of what the reference passes passes here.

    python3 capi-tests/numpy_tests.py --python PYTHON [--reference PYTHON] [--quick] [--jobs N] [FILE...]

Every file runs in a process of its own with a time limit. The reference's results are kept beside the wheels. It takes a quarter
of an hour or more, so CI does not run it. Exit status 1: less than 90 % of what the reference passes, a crash or a hang.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fetch

WHEELS = ["numpy", "pytest", "iniconfig", "packaging", "pluggy", "pygments", "hypothesis", "sortedcontainers"]


def run_file(python, site, test, limit):
    """What became of each test of a file: `passed`, `failed`, `skipped`; and how the process ended."""
    with tempfile.NamedTemporaryFile(suffix=".xml") as report:
        env = {k: v for k, v in os.environ.items() if k not in ("PYTHONHOME", "PYTHON_GIL")}
        env |= {"PYTHONPATH": str(site), "OPENBLAS_NUM_THREADS": "1"}
        command = [python, "-X", "faulthandler", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=line", f"--junitxml={report.name}", test]
        try:
            done = subprocess.run(command, env=env, cwd=site, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", timeout=limit)
            ended = "" if done.returncode in (0, 1, 5) else f"exit status {done.returncode}\n{done.stdout[-2000:]}"
            text = done.stdout
        except subprocess.TimeoutExpired as e:
            ended, text = "timeout", str(e.stdout)
        results = {}
        try:
            for case in ElementTree.parse(report.name).getroot().iter("testcase"):
                what = {child.tag for child in case}
                name = f"{case.get('classname')}::{case.get('name')}"
                results[name] = "failed" if what & {"failure", "error"} else "skipped" if "skipped" in what else "passed"
        except (ElementTree.ParseError, OSError):
            ended = ended or f"no report\n{text[-2000:]}"
        return results, ended


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--python", required=True)
    parser.add_argument("--reference", default=str(fetch.REFERENCE / "bin/python3.14t"))
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="ask the reference only about files with failures")
    parser.add_argument("--limit", type=int, default=900, help="seconds for a file")
    parser.add_argument("only", nargs="*", help="names of files, like test_ufunc.py")
    asked = parser.parse_intermixed_args()
    wheels = fetch.fetch(WHEELS)
    if len(wheels) < len(WHEELS):
        print(f"skipped: no wheel of {', '.join(sorted(set(WHEELS) - set(wheels)))} could be had")
        return 0
    kept = fetch.CACHE / f"numpy-{fetch.PINS['numpy']}-reference.json"
    known = json.loads(kept.read_text()) if kept.exists() else {}
    total = passed = bad = 0
    with tempfile.TemporaryDirectory() as tmp:
        site = fetch.unpack(wheels.values(), Path(tmp))
        files = [f for f in sorted((site / "numpy/_core/tests").glob("test_*.py")) if not asked.only or f.name in asked.only]

        def one(file):
            start = time.monotonic()
            mine, ended = run_file(asked.python, site, file, asked.limit)
            seconds = time.monotonic() - start
            clean = asked.quick and not ended and "failed" not in mine.values()
            if file.name not in known and not clean and os.access(asked.reference, os.X_OK):
                known[file.name] = sorted(n for n, what in run_file(asked.reference, site, file, asked.limit)[0].items() if what == "passed")
            return file.name, mine, ended, seconds

        with ThreadPoolExecutor(asked.jobs) as pool:
            for name, mine, ended, seconds in pool.map(one, files):
                theirs = known.get(name)
                if theirs is None:
                    theirs = [n for n, what in mine.items() if what != "skipped"]
                good = [n for n in theirs if mine.get(n) == "passed"]
                total, passed, bad = total + len(theirs), passed + len(good), bad + bool(ended)
                print(f"{name}: {len(good)} of {len(theirs)} ({seconds:.0f} s) {ended}", flush=True)
                for test in theirs:
                    if mine and mine.get(test) != "passed":
                        print(f"    {mine.get(test, 'absent')} {test}")
        if not asked.only and not asked.quick and known:
            kept.write_text(json.dumps(known))
    against = "what the reference passes" if known else "what ran (there is no reference)"
    print(f"{passed} of {total}, {100 * passed / max(total, 1):.2f} % of {against}; {bad} files crashed, hung or gave no report")
    return bool(bad or passed < 0.9 * total)


if __name__ == "__main__":
    sys.exit(main())
