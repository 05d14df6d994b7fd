"""Writes link/startup.ld: the list of functions that a small program runs, for the linker to put in one place.

    python3 link/order.py target/release/freewheel target/release/libfreewheel.so

needs valgrind, and a release build whose library has its symbols.  To be run when start-up has changed a lot, and again
after the next build: only then does it see which functions the compiler takes for unlikely, whose sections have other names.
"""

import collections
import os
import re
import subprocess
import sys
import tempfile

PROGRAMS = [
    ["-S", "-c", "pass"],
    ["-c", "class C:\n def __init__(s, x): s.x = x\n"
     "a = [C(i) for i in range(300)]; b = list(range(9999)); c = {i: i for i in b}\n"
     "with open('/proc/self/status') as f:\n for l in f:\n  l.startswith('V') and l.split()\nprint('%d' % 5)"],
]
# A generic function has one name for all its instances: those are taken along unless they are many.
SPARE = 100_000
LIST = os.path.join(os.path.dirname(os.path.abspath(__file__)), "startup.ld")

HEAD = """\
/* Functions that run when the interpreter starts, in one place: the pages of code that a small program touches are few.
   Written by link/order.py; a name that no longer exists does no harm. */
SECTIONS {
  .text.startup_order : {
    *(
"""


def family(name):
    """The name without the hash that depends on the compiler and the folder."""
    m = re.match(r"(_ZN.*17h)[0-9a-f]{16}E", name)
    return m.group(1) + "*" if m else name


def executed(program, args, sizes):
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "out")
        subprocess.run(["valgrind", "-q", "--tool=callgrind", "--demangle=no", "--callgrind-out-file=" + out, program]
                       + args, check=True, stdout=subprocess.DEVNULL)
        with open(out) as lines:
            names = (re.match(r"c?fn=\(\d+\) (.*)", line) for line in lines)
            names = {re.sub(r"'\d+$", "", m.group(1).strip()) for m in names if m}
    return names & sizes.keys()


def placed(library):
    """The addresses of the section that the list makes."""
    out = subprocess.run(["readelf", "-SW", library], check=True, capture_output=True, text=True).stdout
    m = re.search(r"\.text\.startup_order +PROGBITS +(\w+) \w+ (\w+)", out)
    start, size = (int(m.group(1), 16), int(m.group(2), 16)) if m else (0, 1 << 62)
    return range(start, start + size)


def main(program, library):
    sizes, there = {}, {}
    for line in subprocess.run(["nm", "-S", library], check=True, capture_output=True, text=True).stdout.splitlines():
        fields = line.split()
        if len(fields) == 4 and fields[2] in "tT":
            there[fields[3]], sizes[fields[3]] = int(fields[0], 16), int(fields[1], 16)
    # The first run leaves the compiled modules behind.
    subprocess.run([program] + PROGRAMS[0], check=True)
    whole, used = collections.Counter(), collections.Counter()
    for name, size in sizes.items():
        whole[family(name)] += size
    known, unlikely = placed(library), set()
    old = open(LIST).read() if os.path.exists(LIST) else ""
    for name in set().union(*(executed(program, args, sizes) for args in PROGRAMS)):
        used[family(name)] += sizes[name]
        if f" .text.unlikely.{family(name)}\n" in old or f" .text.{family(name)}\n" in old and there[name] not in known:
            unlikely.add(family(name))
    names = {n for n in used if whole[n] <= 3 * used[n] + SPARE}
    # What another build ran on its own, this one may have inlined.
    old_names = {n.split(".", 2)[2] for n in old.split() if n.startswith(".text.") and n != ".text."}
    names |= {n for n in old_names if n in whole and whole[n] <= SPARE}
    names = sorted(names)
    print(f"{len(names)} names, {sum(whole[n] for n in names) >> 10} KiB, {len(unlikely)} unlikely")
    names += [f"unlikely.{n}" for n in names if n in unlikely]
    with open(LIST, "w") as f:
        f.write(HEAD + "".join(f"      .text.{n}\n" for n in names) + "    )\n  }\n}\nINSERT BEFORE .text;\n")


main(*sys.argv[1:])
