"""Runs CPython's own tests on an interpreter, reports against what the reference passes, and keeps a ratchet.

    run.py PYTHON [--group NAME ...] [MODULE ...] [--jobs N] [--timeout S] [--memory GIB] [--report FILE] [--fails]
                  [--update | --reset] [--parallel-threads N]

Without modules and groups: what `modules.txt` lists. Every module runs in a process of its own (the driver in ../shared/conformance),
within limits of time and memory. What counts are the tests that the reference passes (`baseline_tests.tsv.gz` there).

`ratchet.txt` holds for each module the number of tests that pass and the names of those that do not. A run fails when a test that
passed stops passing, and when a module crashes or hangs; a module that looks worse gets a second run, alone, before it counts.
`--update` takes over what is not worse, `--reset` whatever was measured.

`--parallel-threads N` runs every test method in N threads at once, as regrtest's option of that name does. It has a list of its own,
`threads.txt`: modules, with the tests that the reference itself fails that way; `--survey` with the reference as PYTHON writes it.
Its ratchet is `ratchet-threads.txt`.
"""
import argparse
import collections
import gzip
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
SHARED = HERE.parent.parent / "shared"
DRIVER = SHARED / "conformance"
THREADS = HERE / "threads.txt"


def read_table(path):
    """{module: [names]}: a line per module, below it the names that belong to it, indented."""
    table = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        if line.startswith(" "):
            names.append(line.strip())
        elif line and not line.startswith("#"):
            names = table[line.split()[0]] = []
    return table


def write_table(path, head, table, totals=None):
    lines = [f"# {head}"]
    for module, names in sorted(table.items()):
        lines.append(f"{module} {totals[module] - len(names)}/{totals[module]}" if totals else module)
        lines += [f" {name}" for name in sorted(names)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def short(module, test):
    return test.removeprefix(module + ".")


def load_baseline():
    """What the reference passes, and how long it took: ({module: {names}}, {module: seconds})."""
    passes, seconds = collections.defaultdict(set), collections.Counter()
    with gzip.open(DRIVER / "baseline_tests.tsv.gz", "rt", encoding="utf-8") as file:
        next(file)
        for line in file:
            _, module, test, status, time = line.rstrip("\n").split("\t")[:5]
            if status == "pass":
                passes[module].add(short(module, test))
            seconds[module] += float(time or 0)
    return passes, seconds


class Runner:
    def __init__(self, args, reference):
        self.args, self.reference = args, reference
        self.lines = {line.split()[0]: line for line in (DRIVER / "modules.txt").read_text().splitlines() if line.strip()}

    def run(self, modules, jobs):
        """{module: (row of the driver, {name: (status, last line of the failure)})}"""
        with tempfile.TemporaryDirectory(prefix="cf") as folder:
            tmp = Path(folder)
            (tmp / "path").mkdir()
            (tmp / "path/test").symlink_to(self.reference / "lib/python3.14t/test")
            (tmp / "modules").write_text("".join(self.lines.get(name, name) + "\n" for name in modules))
            command = [
                sys.executable, DRIVER / "run_module.py", f"--python={self.args.python}", f"--modules={tmp / 'modules'}", f"--out={tmp / 'out'}",
                f"--tests-dir={tmp / 'tests'}", f"--jobs={jobs}", f"--timeout={self.args.timeout}", f"--mem-gib={self.args.memory}",
                f"--env=PYTHONPATH={tmp / 'path'}", f"--env=PYTHONHOME={self.reference}",
            ]
            if self.args.parallel_threads:
                # Our script runs the driver's child, given to it as its first argument.
                command += [f"--pyarg={HERE / 'threads.py'}", f"--env=CONFORMANCE_THREADS={self.args.parallel_threads}"]
            subprocess.run([*map(str, command)], stdout=subprocess.DEVNULL, stderr=None if self.args.verbose else subprocess.DEVNULL, check=False)
            found = {}
            for line in (tmp / "out").read_text().splitlines() if (tmp / "out").exists() else ():
                row = json.loads(line)
                tests, path, times = {}, tmp / "tests" / (row["module"] + ".tsv"), collections.Counter()
                for test in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
                    name, status, _, message = (test.split("\t") + ["", "", ""])[:4]
                    name = short(row["module"], name)
                    # The baseline numbers tests of one name: x, x#2, ...
                    times[name] += 1
                    tests[name if times[name] == 1 else f"{name}#{times[name]}"] = status, message
                found[row["module"]] = row, tests
            return found


DEATHS = {"crash": "CRASH", "exit_crash": "CRASH at exit", "timeout": "HANG", "exit_hang": "HANG at exit", "aborted": "ABORTED", "driver_error": "NO RESULT"}


def death(result):
    """The word for a run that did not end by itself, with the tests it happened in."""
    if result is None:
        return "NO RESULT"
    row = result[0]
    word = DEATHS.get(row["status"])
    if word is None:
        return None
    where = [f"{short(row['module'], test)} ({signal})" for test, signal in row.get("crashes", ())] or [str(row.get("in_progress") or row.get("crash") or "")]
    return f"{word} {', '.join(where)}".rstrip()


def failing(result, expected):
    tests = result[1] if result else {}
    return {name for name in expected if tests.get(name, ("",))[0] != "pass"}


def report(groups, results, expected, known, fails):
    """The readable account, as lines."""
    lines, total = [], collections.Counter()
    for group, modules in groups.items():
        rows = []
        count = collections.Counter()
        for module in modules:
            result, names = results.get(module), expected[module]
            bad = failing(result, names)
            word = death(result)
            count.update(passed=len(names) - len(bad), of=len(names), dead=word is not None)
            if bad or word:
                share = f"{len(names) - len(bad):5} of {len(names):5}"
                rows.append(f"  {module:44} {share}  {word or (result[0]['status'] if result[0]['status'] != 'failed' else '')}".rstrip())
                if fails:
                    rows += [f"      {'' if name in known.get(module, ()) else 'NEW '}{name}: {': '.join(result[1].get(name, ('absent', '')))[:160]}" for name in sorted(bad)] if result else []
        share = 100 * count["passed"] / max(count["of"], 1)
        lines.append(f"{group}: {count['passed']} of {count['of']} ({share:.1f} %) that the reference passes, {len(modules)} modules, {count['dead']} crash or hang")
        lines += rows
        total += count
    if len(groups) > 1:
        lines.append(f"all: {total['passed']} of {total['of']} ({100 * total['passed'] / max(total['of'], 1):.1f} %), {total['dead']} modules crash or hang")
    return lines


def survey(groups, results, passes, seconds, args):
    """Writes which modules the reference supports in the threads mode: it neither dies nor fails much."""
    table, left = {}, []
    for module in [name for modules in groups.values() for name in modules]:
        bad = failing(results.get(module), passes[module])
        if not passes[module] or death(results.get(module)) or len(bad) * 4 > len(passes[module]):
            left.append(module)
        else:
            table[module] = bad
    write_table(THREADS, f"Modules that the reference supports with --parallel-threads {args.parallel_threads}; indented: tests that it fails that way.", table)
    print("left out:", *left)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("python")
    parser.add_argument("--group", action="append", default=[], help="every module of this group of CPython's suite; may be repeated")
    parser.add_argument("--modules", default=HERE / "modules.txt", help="file of modules and lines `group NAME`")
    parser.add_argument("--jobs", default="2")
    parser.add_argument("--timeout", default="180", help="seconds per module")
    parser.add_argument("--memory", default="6", help="GiB of address space per module")
    parser.add_argument("--parallel-threads", type=int, default=0)
    parser.add_argument("--update", action="store_true", help="write what was measured where it is not worse; new modules are added")
    parser.add_argument("--reset", action="store_true", help="write what was measured, better or worse")
    parser.add_argument("--survey", action="store_true", help="write threads.txt from this run of the reference")
    parser.add_argument("--report", type=Path, help="write the report to this file too")
    parser.add_argument("--fails", action="store_true", help="name every test that does not pass")
    parser.add_argument("--verbose", action="store_true", help="a line per module while running")
    parser.add_argument("module", nargs="*")
    args = parser.parse_intermixed_args()
    args.python = Path(args.python).absolute()
    reference = Path(os.environ.get("REFERENCE", Path.home() / ".cache/python-reference"))
    if not (reference / "lib/python3.14t/test").is_dir():
        subprocess.run([SHARED / "tools/reference", reference], check=True)
    known_groups = json.loads((DRIVER / "groups.json").read_text())["groups"]
    group_of = {module: group for group, modules in known_groups.items() for module in modules}
    wanted, chosen = [("group " + name) for name in args.group] + args.module, {}
    if not wanted and args.parallel_threads:
        wanted = list(read_table(THREADS))
    for line in wanted or Path(args.modules).read_text().splitlines():
        if line.startswith("group "):
            chosen.update(dict.fromkeys(known_groups[line.split()[1]]))
        elif line.strip() and not line.startswith("#"):
            chosen[line.split()[0]] = None
    passes, seconds = load_baseline()
    expected = {module: passes[module] for module in chosen}
    ratchet_path = HERE / ("ratchet-threads.txt" if args.parallel_threads else "ratchet.txt")
    if args.parallel_threads and not args.survey:
        table = read_table(THREADS)
        chosen = {module: None for module in chosen if module in table}
        expected = {module: passes[module] - set(table[module]) for module in chosen}
    groups = collections.defaultdict(list)
    for module in chosen:
        groups[group_of.get(module, "other")].append(module)
    ratchet = read_table(ratchet_path)

    runner = Runner(args, reference)
    results = runner.run(sorted(chosen, key=lambda module: -seconds[module]), args.jobs)
    if args.survey:
        survey(groups, results, passes, seconds, args)
        return 0
    worse = []
    for module in chosen:
        def complaints(result):
            # A module that the ratchet does not know is only reported, but it must not die.
            allowed = set(ratchet.get(module, expected[module]))
            # `*`: none of its tests passed when the ratchet was written.
            lost = failing(result, expected[module]) - allowed if "*" not in allowed else set()
            word = death(result)
            return ([word] if word else []) + [f"{name} no longer passes" for name in sorted(lost)]

        trouble = complaints(results.get(module))
        if trouble and not args.reset:
            again = runner.run([module], 1).get(module)
            second = complaints(again)
            if len(second) < len(trouble):
                results[module], trouble = again, second
        if trouble and not args.reset:
            worse += [f"{module}: {line}" for line in trouble]
        elif args.update or args.reset:
            bad = failing(results.get(module), expected[module])
            ratchet[module] = ["*"] if bad and bad == expected[module] else sorted(bad)
    lines = report(groups, results, expected, ratchet, args.fails)
    if args.update or args.reset:
        totals = {module: 1 if names == ["*"] else len(passes[module]) for module, names in ratchet.items()}
        if args.parallel_threads:
            totals = {module: 1 if ratchet[module] == ["*"] else len(passes[module] - set(table[module])) for module in ratchet if module in table}
            ratchet = {module: ratchet[module] for module in totals}
        write_table(ratchet_path, "Written by run.py: tests that pass, of those that the reference passes; indented: those that do not.", ratchet, totals)
    lines += ["worse than the ratchet:", *(f"  {line}" for line in worse)] if worse else ["nothing is worse than the ratchet"]
    print("\n".join(lines))
    if args.report:
        args.report.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 1 if worse else 0


sys.exit(main())
