"""Runs modules of CPython's test suite on an interpreter and checks the results against the ratchet.

    run.py PYTHON [--update] [--modules FILE] [--timeout S] [--jobs N] [MODULE ...]

`ratchet.json` holds for each module how many tests pass and the names of those that do not. A run is worse when fewer pass or when a test
fails that is not named; a module that looks worse is run a second time, alone, before it counts.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
SHARED = HERE.parent.parent / "shared"
RATCHET = HERE / "ratchet.json"


def run(python, reference, modules, timeout, jobs):
    """One row per module, as the driver writes them."""
    with tempfile.TemporaryDirectory() as tmp:
        (Path(tmp) / "test").symlink_to(reference / "lib/python3.14t/test")
        out = Path(tmp) / "out.jsonl"
        subprocess.run(
            [sys.executable, SHARED / "conformance/run_module.py", "--python", python, "--out", out, "--jobs", jobs, "--timeout", timeout,
             "--env", f"PYTHONPATH={tmp}", "--env", f"PYTHONHOME={reference}", *modules],
            stdout=subprocess.DEVNULL, check=False,
        )
        return [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []


def bad_tests(row):
    return sorted(set(row.get("failing_ids") or []))


def complaints(row, known):
    """What is worse than the ratchet says."""
    found = []
    if row.get("passed", 0) < known.get("passed", 0):
        found.append(f"{row['passed']} passed, {known['passed']} before ({row['status']})")
    if "bad" in known:
        found += [f"{name} fails" for name in bad_tests(row) if name not in known["bad"]]
    return found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("python")
    parser.add_argument("--update", action="store_true", help="write what was measured where it is not worse; new modules are added")
    parser.add_argument("--reset", action="store_true", help="write what was measured, better or worse")
    parser.add_argument("--modules", default=HERE / "modules.txt")
    parser.add_argument("--timeout", default="120")
    parser.add_argument("--jobs", default="2")
    parser.add_argument("module", nargs="*")
    args = parser.parse_args()
    python = Path(args.python).resolve()
    reference = Path(os.environ.get("REFERENCE", Path.home() / ".cache/python-reference"))
    if not (reference / "lib/python3.14t/test").is_dir():
        subprocess.run([SHARED / "tools/reference", reference], check=True)
    listed = [m.split()[0] for m in Path(args.modules).read_text().splitlines() if m.strip() and not m.startswith("#")]
    modules = args.module or listed
    ratchet = json.loads(RATCHET.read_text()) if RATCHET.exists() else {}
    rows = {r["module"]: r for r in run(python, reference, modules, args.timeout, args.jobs)}
    worse = []
    passed = others = 0
    for name in modules:
        row = rows.get(name)
        known = ratchet.get(name, {})
        trouble = complaints(row, known) if row else ["no result"]
        if trouble and known and not args.reset:
            again = run(python, reference, [name], args.timeout, "1")
            if again and not complaints(again[0], known):
                row, trouble = again[0], []
        if not row:
            worse.append(f"{name}: no result")
            continue
        bad = row.get("failed", 0) + row.get("errors", 0) + row.get("not_run", 0)
        passed += row.get("passed", 0)
        others += bad
        crash = f", crash {row['crash']}" if row.get("crash") else ""
        print(f"{name:32} {row['status']:14} passed {row.get('passed', 0):5} of {row.get('tests', 0):5}, ratchet {known.get('passed', 0)}{crash}")
        if args.reset or args.update and not trouble:
            ratchet[name] = {"passed": row.get("passed", 0), "bad": bad_tests(row)}
        else:
            worse += [f"{name}: {t}" for t in trouble]
    if args.update or args.reset:
        RATCHET.write_text(json.dumps(dict(sorted(ratchet.items())), indent=1) + "\n")
    print(f"conformance: {passed} passing tests, {others} others")
    if worse:
        print("worse than the ratchet:", *worse, sep="\n  ")
        return 1
    return 0


sys.exit(main())
