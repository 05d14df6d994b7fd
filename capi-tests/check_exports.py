#!/usr/bin/env python3
"""Checks that the library exports every function and variable of the ABI tables.

    python3 capi-tests/check_exports.py target/debug/libfreewheel.so

Names that no table holds must not be exported, and each must be of its kind, function or variable.
Names that the reference itself does not export are not asked for. What is missing is listed with the
wheels that need it.
"""
import subprocess
import sys
from pathlib import Path

# Symbols of ours that other crates of the library link against by name, and types that CPython keeps to itself.
OWN = set("""
FREEWHEEL_BINDINGS_TYPE FREEWHEEL_TOKEN_MISSING_TYPE PyExc__IncompleteInputError _PyAnextAwaitable_Type _PyAsyncGenAThrow_Type
_PyAsyncGenWrappedValue_Type _PyCoroWrapper_Type _PyFunction_Vectorcall _PyInterpolation_Type _PyManagedBuffer_Type
_PyMemoryIter_Type _PyMethodWrapper_Type _PyNamespace_Type _PyObject_NextNotImplemented _PyTemplateIter_Type _PyTemplate_Type
_Py_GenericAliasIterType _Py_NoDefaultStruct fw_write_unraisable
""".split())
ABI = Path(__file__).resolve().parent / "abi"


def table(name):
    rows = [line.rstrip("\n").split("\t") for line in open(ABI / f"{name}.tsv")]
    return [dict(zip(rows[0], row)) for row in rows[1:]]


def main():
    symbols = subprocess.run(["nm", "-D", "--defined-only", sys.argv[1]], capture_output=True, text=True, check=True).stdout
    kinds = {line.split()[-1].split("@")[0]: line.split()[-2] for line in symbols.splitlines()}
    missing = []
    wrong = []
    for row in table("functions"):
        if row["exported_by_reference"] == "yes":
            if row["name"] not in kinds:
                missing.append((row["needed_by_wheels"], row["name"]))
            elif kinds[row["name"]] != "T":
                wrong.append(row["name"])
    for row in table("data"):
        if row["exported_by_reference"] == "yes":
            if row["name"] not in kinds:
                missing.append((row["needed_by_wheels"], row["name"]))
            elif kinds[row["name"]] not in "BDRV":
                wrong.append(row["name"])
    for row in table("undeclared_exports"):
        if row["needed_by_test_modules"] and row["name"] not in kinds:
            missing.append(("test modules", row["name"]))
    known = OWN | {row["name"] for t in ("functions", "data", "undeclared_exports") for row in table(t)}
    extra = sorted(set(kinds) - known)
    for wheels, name in sorted(missing, reverse=True):
        print(f"missing {name}" + (f" ({wheels})" if wheels else ""))
    for name in wrong:
        print(f"wrong kind of symbol: {name}")
    for name in extra:
        print(f"exported, but in no table: {name}")
    total = sum(row["exported_by_reference"] == "yes" for t in ("functions", "data") for row in table(t))
    print(f"{total - len(missing)} of {total} names exported")
    return bool(missing or wrong or extra)


if __name__ == "__main__":
    sys.exit(main())
