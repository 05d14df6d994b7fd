"""Runs modules of CPython's test suite on an interpreter and checks the results against the ratchet.

    run.py PYTHON [--update] [--modules FILE] [MODULE ...]
"""
import argparse, json, os, subprocess, sys, tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
SHARED = HERE.parent.parent / "shared"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("python")
    parser.add_argument("--update", action="store_true")
    parser.add_argument("--modules", default=HERE / "modules.txt")
    parser.add_argument("--timeout", default="120")
    parser.add_argument("--jobs", default="2")
    parser.add_argument("module", nargs="*")
    args = parser.parse_args()
    reference = Path(os.environ.get("REFERENCE", Path.home() / ".cache/python-reference"))
    if not (reference / "lib/python3.14t/test").is_dir():
        subprocess.run([SHARED / "tools/reference", reference], check=True)
    modules = args.module or [m.split()[0] for m in Path(args.modules).read_text().splitlines() if m.strip()]
    with tempfile.TemporaryDirectory() as tmp:
        (Path(tmp) / "test").symlink_to(reference / "lib/python3.14t/test")
        out = Path(tmp) / "out.jsonl"
        subprocess.run(
            [sys.executable, SHARED / "conformance/run_module.py", "--python", Path(args.python).resolve(), "--out", out, "--jobs", args.jobs,
             "--timeout", args.timeout, "--env", f"PYTHONPATH={tmp}", "--env", f"PYTHONHOME={reference}", *modules],
            stdout=subprocess.DEVNULL, check=False,
        )
        rows = [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []
    ratchet_file = HERE / "ratchet.json"
    ratchet = json.loads(ratchet_file.read_text()) if ratchet_file.exists() else {}
    worse = []
    passed = failed = 0
    for row in sorted(rows, key=lambda r: r["module"]):
        name, ok = row["module"], row.get("passed", 0)
        bad = row.get("failed", 0) + row.get("errors", 0) + row.get("not_run", 0)
        passed += ok
        failed += bad
        least = ratchet.get(name, 0)
        print(f"{name:32} {row['status']:14} passed {ok:5} of {row.get('tests', 0):5}, ratchet {least}" + (f", crash {row['crash']}" if row.get("crash") else ""))
        if ok < least:
            worse.append(f"{name}: {ok} passed, {least} before")
        elif args.update:
            ratchet[name] = ok
    missing = set(modules) - {r["module"] for r in rows}
    worse += [f"{m}: no result" for m in sorted(missing) if ratchet.get(m)]
    if args.update:
        ratchet_file.write_text(json.dumps(dict(sorted(ratchet.items())), indent=1) + "\n")
    print(f"conformance: {passed} passing tests, {failed} others")
    if worse:
        print("worse than the ratchet:", *worse, sep="\n  ")
        return 1
    return 0


sys.exit(main())
