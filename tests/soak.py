"""Runs programs again and again on an interpreter, to find what happens rarely.

    soak.py PYTHON N [PROGRAM ...] [--timeout S]

A PROGRAM is a Python file, or a folder of them; the output must be what `NAME.expected` beside it says, or end in a line
`ok`. Without programs: `tests/programs`. A run that crashes, hangs or prints something else is reported with its number; the
exit status tells whether there was one.
"""
import argparse, subprocess, sys, time
from pathlib import Path


def wanted(program):
    expected = program.with_suffix(".expected")
    return expected.read_text() if expected.exists() else None


def run(python, program, timeout):
    """What went wrong, or None."""
    try:
        done = subprocess.run([python, program], capture_output=True, text=True, timeout=timeout, cwd=program.parent)
    except subprocess.TimeoutExpired as e:
        return f"still running after {timeout} s; printed {(e.stdout or b'')[-200:]!r}"
    if done.returncode:
        return f"exit status {done.returncode}: {done.stderr[-600:]}"
    want = wanted(program)
    if want is None:
        if not done.stdout.rstrip().endswith("ok"):
            return f"printed {done.stdout[-300:]!r}"
    elif done.stdout != want:
        return f"printed {done.stdout[-300:]!r}, not what is expected"
    if "Exception ignored" in done.stderr or "panicked" in done.stderr:
        return f"standard error: {done.stderr[-600:]}"
    return None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("python")
    parser.add_argument("n", type=int)
    parser.add_argument("program", nargs="*", type=Path)
    parser.add_argument("--timeout", type=float, default=60)
    args = parser.parse_args()
    python = Path(args.python).resolve()
    programs = []
    for p in args.program or [Path(__file__).resolve().parent / "programs"]:
        p = p.resolve()
        programs += sorted(p.glob("*.py")) if p.is_dir() else [p]
    bad = 0
    for program in programs:
        begun = time.monotonic()
        failures = [(i, why) for i in range(1, args.n + 1) if (why := run(python, program, args.timeout))]
        bad += len(failures)
        print(f"{program.name}: {args.n - len(failures)} of {args.n} good, {time.monotonic() - begun:.1f} s", flush=True)
        for i, why in failures[:5]:
            print(f"  run {i}: {why}", flush=True)
    return 1 if bad else 0


sys.exit(main())
