#!/usr/bin/env python3
"""Checks what an interpreter does with extensions that need the GIL, or that were built for another one.

    python3 capi-tests/gil.py --python PYTHON [--include DIR] [--plain]

With --plain only what CPython does too is checked.
"""
import argparse
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent

SOURCE = r'''
#include <Python.h>
#if MULTI
static PyModuleDef_Slot slots[] = {
#ifdef GIL
    {Py_mod_gil, GIL},
#endif
    {0, NULL}};
static PyModuleDef def = {PyModuleDef_HEAD_INIT, .m_name = NAME, .m_slots = slots};
PyMODINIT_FUNC INIT(void) { return PyModuleDef_Init(&def); }
#else
static PyModuleDef def = {PyModuleDef_HEAD_INIT, .m_name = NAME, .m_size = -1};
PyMODINIT_FUNC INIT(void)
{
    PyObject *m = PyModule_Create(&def);
#ifdef GIL
    PyUnstable_Module_SetGIL(m, GIL);
#endif
    return m;
}
#endif
'''
MODULES = {
    "multi_silent": ["-DMULTI=1"],
    "multi_used": ["-DMULTI=1", "-DGIL=Py_MOD_GIL_USED"],
    "multi_not_used": ["-DMULTI=1", "-DGIL=Py_MOD_GIL_NOT_USED"],
    "single_silent": ["-DMULTI=0"],
    "single_not_used": ["-DMULTI=0", "-DGIL=Py_MOD_GIL_NOT_USED"],
}
WARNING = ("RuntimeWarning: The global interpreter lock (GIL) has been enabled to load module '{}', which has not declared that it can "
           "run safely without the GIL. To override this behavior and keep the GIL disabled (at your own risk), run with PYTHON_GIL=0 "
           "or -Xgil=0.")
SUFFIX = ".cpython-314t-x86_64-linux-gnu.so"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--python", required=True)
    parser.add_argument("--include", default=HERE.parent / "include")
    parser.add_argument("--plain", action="store_true")
    asked = parser.parse_args()
    failures = []
    with tempfile.TemporaryDirectory() as tmp:
        folder = Path(tmp)
        (folder / "source.c").write_text(SOURCE)
        for name, flags in MODULES.items():
            subprocess.run(["cc", "-shared", "-fPIC", f"-I{asked.include}", f'-DNAME="{name}"', f"-DINIT=PyInit_{name}", *flags,
                            str(folder / "source.c"), "-o", str(folder / (name + SUFFIX))], check=True)
        (folder / "inner.py").write_text("import multi_silent\n")
        (folder / "outer.py").write_text("\n\nimport inner\n")
        (folder / "stable.abi3.so").write_bytes(b"")
        (folder / "older.cpython-313-x86_64-linux-gnu.so").write_bytes(b"")
        (folder / "locked.cpython-314-x86_64-linux-gnu.so").write_bytes(b"")

        def run(code, *options, **env):
            base = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
            return subprocess.run([asked.python, *options, "-c", code], capture_output=True, text=True, timeout=60,
                                  env={**base, "PYTHONPATH": tmp, **env})

        def check(what, good, done):
            if not good:
                failures.append(what)
                print(f"FAILED {what}\n--- stdout\n{done.stdout}--- stderr\n{done.stderr}")

        gil = "import sys; print(sys._is_gil_enabled())"
        for name in MODULES:
            needs = "not_used" not in name
            done = run(f"import {name}; {gil}")
            good = done.returncode == 0 and done.stdout == f"{needs}\n" and (WARNING.format(name) in done.stderr) == needs
            check(f"import {name}", good, done)
            for option, env, on in [(["-X", "gil=0"], {}, "False"), ([], {"PYTHON_GIL": "0"}, "False"), (["-X", "gil=1"], {}, "True")]:
                done = run(f"import {name}; {gil}", *option, **env)
                check(f"import {name} with {option or env}", done.stdout == f"{on}\n" and not done.stderr, done)
        # The GIL stays on, and only the first module says so.
        done = run(f"import multi_silent, single_silent, multi_used, multi_not_used; {gil}")
        check("several imports", done.stdout == "True\n" and done.stderr.count("RuntimeWarning") == 1, done)
        if not asked.plain:
            for option, env in [(["-X", "gil=error"], {}), ([], {"PYTHON_GIL": "error"})]:
                for name, reason in [("multi_silent", "no Py_mod_gil slot"), ("multi_used", "Py_mod_gil says Py_MOD_GIL_USED"),
                                     ("single_silent", "single-phase initialisation")]:
                    done = run(f"try: import {name}\nexcept ImportError as e: print(type(e).__name__, e.name, e)\n{gil}\n"
                               f"print('{name}' in sys.modules)", *option, **env)
                    lines = done.stdout.splitlines()
                    good = (done.returncode == 0 and lines[0].startswith(f"ImportError {name} ") and reason in lines[0]
                            and str(folder / name) in lines[0] and lines[-2:] == ["False", "False"] and not done.stderr)
                    check(f"import {name} with {option or env}", good, done)
                done = run(f"import multi_not_used, single_not_used; {gil}", *option, **env)
                check(f"declared modules with {option or env}", done.stdout == "False\n" and not done.stderr, done)
            done = run(f"import outer, single_silent, multi_not_used; {gil}", "-X", "gil=report")
            text = done.stderr
            wanted = ["turned the GIL on: multi_silent", "would have turned the GIL on", "single_silent", "no Py_mod_gil slot",
                      str(folder / ("multi_silent" + SUFFIX)), f"outer, {folder / 'outer.py'}:3", f"inner, {folder / 'inner.py'}:1"]
            check("-X gil=report", done.stdout == "True\n" and all(w in text for w in wanted) and "multi_not_used" not in text, done)
            done = run("import outer, freewheel\nr = freewheel.gil_report()\n"
                       "print(len(r), r[0]['module'], r[0]['enabled'], [c[0] for c in r[0]['chain']])", "-W", "ignore")
            check("freewheel.gil_report", done.stdout == "1 multi_silent True ['__main__', 'outer', 'inner']\n", done)
            done = run("pass", "-X", "gil=report")
            check("an empty report", "no imported extension module needs the GIL" in done.stderr, done)
            for name, tag in [("stable", "stable ABI (abi3)"), ("older", "cpython-313"), ("locked", "cpython-314")]:
                done = run(f"import {name}")
                good = done.returncode == 1 and f"No module named '{name}'" in done.stderr and tag in done.stderr
                check(f"{name}: a file for another interpreter", good, done)
    print("gil: ok" if not failures else f"gil: {len(failures)} failed")
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
