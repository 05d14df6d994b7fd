#!/usr/bin/env python3
"""Checks include/ against the ABI tables in capi-tests/abi/.

Three things: every header compiles without a warning under GCC and Clang, as C and as C++, alone
(after Python.h) and twice; every size, offset, constant and prototype of the tables holds; every
inline function, macro, type and variable of the tables exists.

    python3 capi-tests/check_headers.py [--quick] [--include DIR]
"""
import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "include" / "gen"))
from generate import declare, prototype, table, tidy  # noqa: E402

C_MODES = ["-std=c99", "-std=c11", "-std=c17", "-std=c2x", "-std=gnu17"]
CXX_MODES = ["-std=c++11", "-std=c++14", "-std=c++17", "-std=c++20", "-std=gnu++17"]
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]
# Constants that are no integers, compared as such; and macros whose spelling cannot be asserted on.
FLOATS = {"Py_HUGE_VAL", "Py_INFINITY", "Py_MATH_E", "Py_MATH_El", "Py_MATH_PI", "Py_MATH_PIl", "Py_MATH_TAU", "Py_NAN"}
POINTERS = {"Py_MOD_GIL_USED", "Py_MOD_GIL_NOT_USED", "Py_MOD_MULTIPLE_INTERPRETERS_NOT_SUPPORTED", "_Py_NULL",
            "Py_MOD_MULTIPLE_INTERPRETERS_SUPPORTED", "Py_MOD_PER_INTERPRETER_GIL_SUPPORTED", "Py_TP_USE_SPEC"}


def headers():
    return sorted(str(p.relative_to(INCLUDE)) for p in INCLUDE.rglob("*.h"))


def facts():
    """One C file that fails to compile when a header departs from a table."""
    out = ["#include <Python.h>"]
    for h in ("datetime.h", "structmember.h", "marshal.h", "frameobject.h", "osdefs.h"):
        out.append(f"#include <{h}>")
    seen = set()
    for row in table("structs"):
        name = row["struct"]
        spelled = f"struct {name}" if name not in TYPEDEFS else name
        if name not in seen:
            seen.add(name)
            out.append(f'_Static_assert(sizeof({spelled}) == {row["size"]}, "sizeof {name}");')
            out.append(f'_Static_assert(_Alignof({spelled}) == {row["align"]}, "alignof {name}");')
        if not row["bits"]:
            out.append(f'_Static_assert(offsetof({spelled}, {row["field"]}) == {row["offset_bytes"]}, "{name}.{row["field"]}");')
            if row["field_size"]:
                out.append(f'_Static_assert(sizeof((({spelled} *)0)->{row["field"]}) == {row["field_size"]}, "{name}.{row["field"]}");')
            if "unnamed" not in row["type"]:
                out.append(f"_Static_assert(__builtin_types_compatible_p(__typeof__((({spelled} *)0)->{row['field']}), "
                           f"{anonymous(row['type'])}), \"type of {name}.{row['field']}\");")
    for row in table("constants"):
        name, value = row["name"], row["value"]
        if name in FLOATS:
            out.append(f"double check_{name}(void) {{ return {name}; }}")
        elif name in POINTERS:
            out.append(f"void *check_{name}(void) {{ assert((intptr_t)({name}) == {value}); return {name}; }}")
        else:
            number = f"(-{PY_MAX} - 1)" if value == "-9223372036854775808" else value
            out.append(f'_Static_assert((long long)({name}) == {number}, "{name}");')
    for row in table("other_macros"):
        if not row["name"].endswith("_H"):
            out.append(f"#ifndef {row['name']}\n#error {row['name']} is missing\n#endif")
    for row in table("functions"):
        result, name, arguments = prototype(row["prototype"], cxx=False)
        aliased = name in OBJECT_MACROS and f"#undef {name}"
        if aliased:
            out.append(aliased)
        out.append(f"{result} ({name})({', '.join(arguments)});")
    for row in table("data"):
        out.append(f"_Static_assert(__builtin_types_compatible_p(__typeof__({row['name']}), {anonymous(row['type'])}), \"{row['name']}\");")
    for row in table("inline"):
        name = row["name"]
        if row["kind"] == "inline function":
            result, _, arguments = prototype(row["prototype"], cxx=False)
            if name in OBJECT_MACROS:
                continue
            out.append(f"{result} (*check_{name})({', '.join(arguments)}) = ({name});")
        else:
            out.append(f"#ifndef {name}\n#error {name} is missing\n#endif")
    for row in table("typedefs"):
        out.append(f"typedef {row['name']} *check_type_{row['name']};")
        if not re.match(r"(struct|enum) ", row["underlying"]) and row["underlying"] != row["name"]:
            out.append(f"_Static_assert(__builtin_types_compatible_p({row['name']}, {anonymous(row['underlying'])}), \"{row['name']}\");")
    return "\n".join(out) + "\n"


def anonymous(ctype):
    return tidy(ctype).replace("*const *", "*const *")


def compile_(command, source, suffix):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"check{suffix}"
        path.write_text(source)
        done = subprocess.run([*command, f"-I{INCLUDE}", "-fsyntax-only", str(path)], capture_output=True, text=True)
        return done.stderr if done.returncode else ""


PY_MAX = "9223372036854775807LL"
TYPEDEFS = {r["name"] for r in table("typedefs")}
OBJECT_MACROS = {r["name"] for r in table("other_macros")}


def main():
    global INCLUDE
    ask = argparse.ArgumentParser()
    ask.add_argument("--quick", action="store_true", help="one C and one C++ mode only")
    ask.add_argument("--include", default=str(ROOT / "include"))
    asked = ask.parse_args()
    INCLUDE = Path(asked.include)
    failures = 0

    def report(what, errors):
        nonlocal failures
        if errors:
            failures += 1
            lines = [line for line in errors.splitlines() if "error" in line][:30]
            print(f"FAIL {what}\n  " + "\n  ".join(lines))

    every = "#include <Python.h>\n" + "".join(f"#include <{h}>\n" for h in headers()) * 2
    use = "int main(void) { return Py_IsInitialized(); }\n"
    for cc, modes, suffix in (("gcc", C_MODES, ".c"), ("clang", C_MODES, ".c"),
                              ("g++", CXX_MODES, ".cpp"), ("clang++", CXX_MODES, ".cpp")):
        if not shutil.which(cc):
            print(f"skip {cc}: not installed")
            continue
        for mode in modes[1:2] if asked.quick else modes:
            for extra in ([], ["-DNDEBUG"]):
                report(f"{cc} {mode} {' '.join(extra)}", compile_([cc, mode, *WARNINGS, *extra], every + use, suffix))
    for h in headers():
        report(f"{h} after Python.h", compile_(["gcc", "-std=c11", *WARNINGS], f"#include <Python.h>\n#include <{h}>\n", ".c"))
    report("facts", compile_(["gcc", "-std=gnu17", "-w", "-fmax-errors=0"], facts(), ".c"))
    limited = compile_(["gcc", "-DPy_LIMITED_API=0x030e0000"], "#include <Python.h>\n", ".c")
    if "Limited API" not in limited:
        report("Py_LIMITED_API is refused", limited or "error: it compiled")
    print("ok" if not failures else f"{failures} failures")
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
