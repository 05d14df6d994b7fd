#!/usr/bin/env python3
"""Writes the C headers under include/ from the ABI tables and the hand-written parts.

The tables (capi-tests/abi/*.tsv) hold the facts: names, prototypes, layouts, values. The parts
(include/gen/*.in) hold what a table cannot: the bodies of inline functions and macros. A part file
is a list of sections, each opened by a line `@@ HEADER SECTION`, where SECTION is one of

  doc    one sentence, becomes the header's first comment
  head   before everything (includes, macros that the declarations need)
  decl   after the constants and types, before the functions (hand-written types)
  post   after the functions (macros, inline functions)
  mid    between the functions and post, outside extern "C" (includes that post needs)
  tail   after the extern "C" block; where it is missing, X.h includes cpython/X.h

Run it by hand (`python3 include/gen/generate.py`) after a change; its output is checked in.
"""
import csv
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
INCLUDE = HERE.parent
ABI = INCLUDE.parent / "capi-tests" / "abi"


def table(name):
    with open(ABI / f"{name}.tsv", newline="") as f:
        return list(csv.DictReader(f, delimiter="\t", quoting=csv.QUOTE_NONE))


def parts():
    found = {}
    for path in sorted(HERE.glob("*.in")):
        section = None
        for line in path.read_text().splitlines():
            if line.startswith("@@ "):
                section = tuple(line[3:].split())
                assert section not in found, section
                found[section] = []
            elif section:
                found[section].append(line)
    return {k: "\n".join(v).strip("\n") for k, v in found.items()}


# Enumerations: header, name of the type (None: anonymous), members in order.
ENUMS = [
    ("pystate.h", "PyGILState_STATE", ["PyGILState_LOCKED", "PyGILState_UNLOCKED"]),
    ("object.h", "PySendResult", ["PYGEN_RETURN", "PYGEN_ERROR", "PYGEN_NEXT"]),
    ("pythread.h", "PyLockStatus", ["PY_LOCK_FAILURE", "PY_LOCK_ACQUIRED", "PY_LOCK_INTR"]),
    ("cpython/pymem.h", "PyMemAllocatorDomain", ["PYMEM_DOMAIN_RAW", "PYMEM_DOMAIN_MEM", "PYMEM_DOMAIN_OBJ"]),
    ("cpython/pymem.h", "PyMemAllocatorName", [
        "PYMEM_ALLOCATOR_NOT_SET", "PYMEM_ALLOCATOR_DEFAULT", "PYMEM_ALLOCATOR_DEBUG", "PYMEM_ALLOCATOR_MALLOC",
        "PYMEM_ALLOCATOR_MALLOC_DEBUG", "PYMEM_ALLOCATOR_PYMALLOC", "PYMEM_ALLOCATOR_PYMALLOC_DEBUG",
        "PYMEM_ALLOCATOR_MIMALLOC", "PYMEM_ALLOCATOR_MIMALLOC_DEBUG"]),
    ("cpython/context.h", "PyContextEvent", ["Py_CONTEXT_SWITCHED"]),
    ("cpython/object.h", "PyRefTracerEvent", ["PyRefTracer_CREATE", "PyRefTracer_DESTROY"]),
    ("cpython/code.h", "_PyCodeLocationInfoKind", [
        "PY_CODE_LOCATION_INFO_SHORT0", "PY_CODE_LOCATION_INFO_ONE_LINE0", "PY_CODE_LOCATION_INFO_ONE_LINE1",
        "PY_CODE_LOCATION_INFO_ONE_LINE2", "PY_CODE_LOCATION_INFO_NO_COLUMNS", "PY_CODE_LOCATION_INFO_LONG",
        "PY_CODE_LOCATION_INFO_NONE"]),
    ("cpython/unicodeobject.h", "enum PyUnicode_Kind",
     ["PyUnicode_1BYTE_KIND", "PyUnicode_2BYTE_KIND", "PyUnicode_4BYTE_KIND"]),
]
# Enumerations that a part spells with a for-each macro.
PART_CONSTANTS = {f"PyDict_EVENT_{e}" for e in "ADDED MODIFIED DELETED CLONED CLEARED DEALLOCATED".split()} \
    | {f"PyFunction_EVENT_{e}" for e in "CREATE DESTROY MODIFY_CODE MODIFY_DEFAULTS MODIFY_KWDEFAULTS".split()} \
    | {"PY_CODE_EVENT_CREATE", "PY_CODE_EVENT_DESTROY"}
PART_TYPES = {"PyDict_WatchEvent", "PyFunction_WatchEvent", "PyCodeEvent", "_PyCFunctionFast",
              "_PyCFunctionFastWithKeywords"}
TPFLAG = "Py_TPFLAGS_"

# Constants whose C type matters, or that are no integers.
SPELLED = {
    "PY_SIZE_MAX": "SIZE_MAX", "PY_ULLONG_MAX": "ULLONG_MAX", "PY_LLONG_MIN": "LLONG_MIN",
    "PY_LLONG_MAX": "LLONG_MAX", "PY_SSIZE_T_MAX": "((Py_ssize_t)(((size_t)-1) >> 1))",
    "PY_SSIZE_T_MIN": "(-PY_SSIZE_T_MAX - 1)", "PY_DWORD_MAX": "4294967295U",
    "PY_VECTORCALL_ARGUMENTS_OFFSET": "((size_t)1 << (8 * sizeof(size_t) - 1))",
    "PyTime_MIN": "INT64_MIN", "PyTime_MAX": "INT64_MAX", "Py_HUGE_VAL": "HUGE_VAL",
    "Py_INFINITY": "((double)INFINITY)", "Py_NAN": "((double)NAN)",
    "Py_MATH_E": "2.7182818284590452354", "Py_MATH_El": "2.7182818284590452353602874713526625L",
    "Py_MATH_PI": "3.14159265358979323846", "Py_MATH_PIl": "3.1415926535897932384626433832795029L",
    "Py_MATH_TAU": "6.2831853071795864769252867665590057683943L",
    "PYTHREAD_INVALID_THREAD_ID": "((unsigned long)-1)",
    "Py_MOD_GIL_USED": "((void *)0)", "Py_MOD_GIL_NOT_USED": "((void *)1)",
    "Py_MOD_MULTIPLE_INTERPRETERS_NOT_SUPPORTED": "((void *)0)",
    "Py_MOD_MULTIPLE_INTERPRETERS_SUPPORTED": "((void *)1)", "Py_MOD_PER_INTERPRETER_GIL_SUPPORTED": "((void *)2)",
    "Py_TP_USE_SPEC": "NULL", "Py_UNICODE_REPLACEMENT_CHARACTER": "((Py_UCS4)0xFFFD)",
    "Py_UNICODE_SIZE": "SIZEOF_WCHAR_T",
    "PyHASH_MODULUS": "(((size_t)1 << PyHASH_BITS) - 1)", "_PyHASH_MODULUS": "PyHASH_MODULUS",
    "PyHASH_MULTIPLIER": "1000003UL", "PyHASH_IMAG": "PyHASH_MULTIPLIER",
    "_PyHASH_MULTIPLIER": "PyHASH_MULTIPLIER", "_PyHASH_IMAG": "PyHASH_IMAG",
    "PyLong_BASE": "((digit)1 << PyLong_SHIFT)", "PyLong_MASK": "((digit)(PyLong_BASE - 1))",
    "_PyLong_DECIMAL_BASE": "((digit)1000000000)", "SEP": "L'/'", "DELIM": "L':'",
    "_Py_IMMORTAL_REFCNT_LOCAL": "UINT32_MAX", "_Py_IMMORTAL_INITIAL_REFCNT": "(3ULL << 30)",
    "_Py_IMMORTAL_MINIMUM_REFCNT": "(1ULL << 31)", "PY_INVALID_STACK_EFFECT": "INT_MAX",
    "_Py_STATIC_IMMORTAL_INITIAL_REFCNT": "((Py_ssize_t)((3ULL << 30) | (5ULL << 48)))",
    "PY_VERSION_HEX": "0x030E0AF0", "PyBUF_MAX_NDIM": "64", "_POSIX_C_SOURCE": "200809L",
    "Py_INVALID_SIZE": "((Py_ssize_t)-1)",
}
SKIP_CONSTANTS = {"_Py_NULL", "_GNU_SOURCE", "MAXPATHLEN"}

NORETURN = {"Py_FatalError", "_Py_FatalErrorFunc", "Py_Exit", "Py_ExitStatusException", "PyThread_exit_thread",
            "_PyObject_AssertFailed"}
FORMAT = {"PySys_WriteStdout": "1, 2", "PySys_WriteStderr": "1, 2", "PyOS_snprintf": "3, 4", "PyOS_vsnprintf": "3, 0"}
DEPRECATED = {
    "PyWeakref_GetObject": "3.13", "Py_SetProgramName": "3.11", "Py_SetPythonHome": "3.11", "PySys_SetArgv": "3.11",
    "PySys_SetArgvEx": "3.11", "Py_GetPath": "3.13", "Py_GetPrefix": "3.13", "Py_GetExecPrefix": "3.13",
    "Py_GetProgramFullPath": "3.13", "Py_GetProgramName": "3.13", "Py_GetPythonHome": "3.13",
    "PyEval_InitThreads": "3.9", "PyUnicode_AsDecodedObject": "3.6", "PyUnicode_AsDecodedUnicode": "3.6",
    "PyUnicode_AsEncodedObject": "3.6", "PyUnicode_AsEncodedUnicode": "3.6",
    "PyImport_ImportModuleNoBlock": "3.13", "PyThread_create_key": "3.7", "PyThread_delete_key": "3.7",
    "PyThread_set_key_value": "3.7", "PyThread_get_key_value": "3.7", "PyThread_delete_key_value": "3.7",
    "PyThread_ReInitTLS": "3.7", "PyErr_Fetch": "3.12", "PyErr_Restore": "3.12", "PyErr_NormalizeException": "3.12",
    "PySys_ResetWarnOptions": "3.13", "PyOS_AfterFork": "3.7",
}
# A header's own order of functions is the table's; these need C++'s `const`.
KWLIST = {"PyArg_ParseTupleAndKeywords", "PyArg_VaParseTupleAndKeywords"}
# Variables that are not `extern`.
STATIC_DATA = {"PyDateTimeAPI"}
# Structs whose bodies hold bit-fields or nested types: in the parts.
PART_STRUCTS = {"PyASCIIObject", "_PyUnicodeObject_state", "PyUnicodeObject", "_ts", "PyStatus", "_Py_Identifier"}


def tidy(ctype):
    """`char * const *` in one spelling."""
    ctype = re.sub(r"\s*\*\s*", " *", ctype.strip())
    ctype = re.sub(r"\* \*", "**", ctype)
    ctype = re.sub(r"\*const\b", "*const", ctype)
    ctype = re.sub(r"\(\s*\*", "(*", ctype)
    return re.sub(r"\(\s+", "(", ctype).strip()


def declare(ctype, name):
    """The declaration of `name` with type `ctype`."""
    ctype = tidy(ctype)
    if "(*" in ctype:
        at = re.search(r"\(\*(const)?\)", ctype)
        return ctype[:at.end() - 1] + (" " if at.group(1) else "") + name + ctype[at.end() - 1:]
    array = re.search(r"(\[\d*\])$", ctype)
    if array:
        return declare(ctype[:array.start()].strip(), name) + array.group(1)
    return f"{ctype}{name}" if ctype.endswith("*") else f"{ctype} {name}"


def split_arguments(text):
    found, depth, start = [], 0, 0
    for i, c in enumerate(text):
        depth += c == "("
        depth -= c == ")"
        if c == "," and depth == 0:
            found.append(text[start:i])
            start = i + 1
    found.append(text[start:])
    return [a.strip() for a in found]


def prototype(text, cxx=True):
    """(return type, name, [argument]) of a prototype of the tables."""
    at = re.match(r"(.*?)(\w+)\((.*)\)$", text)
    result, name, arguments = at.group(1).strip(), at.group(2), split_arguments(at.group(3))
    for i, a in enumerate(arguments):
        pointer = re.match(r"(.*\(\*\)\(.*\)) (\w+)$", a)
        if pointer:
            a = declare(pointer.group(1), pointer.group(2))
        a = tidy(a)
        if cxx and name in KWLIST and a == "char *const *":
            a = "PY_CXX_CONST char *const *"
        arguments[i] = a
    return tidy(result), name, arguments


def wrap(text, width=110):
    if len(text) <= width:
        return text
    lines, line = [], ""
    for word in re.split(r"(?<=,) ", text):
        if line and len(line) + len(word) + 1 > width:
            lines.append(line)
            line = "    " + word
        else:
            line = f"{line} {word}" if line else word
    return "\n".join(lines + [line])


class Headers:
    def __init__(self):
        self.parts = parts()
        self.constants, self.typedefs, self.structs = {}, {}, {}
        self.functions, self.data, self.inline = {}, {}, {}
        in_enum = {m for _, _, members in ENUMS for m in members}
        self.values = {}
        for row in table("constants"):
            self.values[row["name"]] = row["value"]
            if row["name"] not in in_enum | PART_CONSTANTS | SKIP_CONSTANTS:
                self.constants.setdefault(row["header"], []).append((row["name"], row["value"]))
        self.tags = {}
        for row in table("typedefs"):
            self.typedefs.setdefault(row["header"], []).append((row["name"], row["underlying"]))
            at = re.match(r"struct (\w+)$", row["underlying"])
            if at:
                self.tags[row["name"]] = at.group(1)
        self.tags["PyObject"], self.tags["PyTypeObject"] = "_object", "_typeobject"
        names = {row["struct"] for row in table("structs")}
        for row in table("structs"):
            tag = self.tags.get(row["struct"], row["struct"])
            if tag != row["struct"] and tag in names:
                continue  # the row under the tag's own name has it
            self.structs.setdefault(row["header"], {}).setdefault(tag, []).append(row)
        for row in table("functions"):
            self.functions.setdefault(row["header"], []).append(row)
        for row in table("data"):
            self.data.setdefault(row["header"], []).append(row)
        for row in table("inline"):
            self.inline.setdefault(row["header"], []).append(row)

    # -- the pieces of one header ------------------------------------------------------------
    def constant_lines(self, header):
        lines = []
        config = header == "pyconfig.h"
        for name, value in self.constants.get(header, []):
            text = SPELLED.get(name)
            if text is None:
                n = int(value)
                if name.startswith(TPFLAG) or name.startswith("_" + TPFLAG):
                    bits = [b for b in range(64) if n >> b & 1]
                    text = f"(1UL << {bits[0]})" if len(bits) == 1 else f"{n}UL"
                elif n > 2**63 - 1:
                    text = f"{n}ULL"
                elif n > 2**31 - 1:
                    text = f"{n}LL"
                else:
                    text = f"({n})" if n < 0 else str(n)
            if config:
                lines.append(f"#ifndef {name}\n#define {name} {text}\n#endif" if name.startswith("_")
                             else f"#define {name} {text}")
            else:
                lines.append(f"#define {name} {text}")
        for h, name, members in ENUMS:
            if h != header:
                continue
            body = ",\n".join(f"    {m} = {self.values[m]}" for m in members)
            if name.startswith("enum "):
                lines.append(f"{name} {{\n{body}\n}};")
            else:
                lines.append(f"typedef enum {name} {{\n{body}\n}} {name};")
        return lines

    def type_lines(self, header):
        done_enums = {n for _, n, _ in ENUMS} | PART_TYPES
        forward, plain = [], []
        for name, underlying in self.typedefs.get(header, []):
            if name in done_enums:
                continue
            if name in ("PyObject", "PyTypeObject"):
                forward.append(f"typedef struct {self.tags[name]} {name};")
            elif underlying.startswith("struct ") and "(" not in underlying:
                forward.append(f"typedef {underlying} {name};")
            else:
                plain.append((name, underlying))
        # Typedefs that use typedefs of the same header come after them.
        ordered, names = [], [n for n, _ in plain]
        def visit(name):
            if name in ordered:
                return
            underlying = dict(plain)[name]
            for word in re.findall(r"\w+", underlying):
                if word in names and word != name:
                    visit(word)
            ordered.append(name)
        for name in names:
            visit(name)
        lines = forward + [f"typedef {declare(dict(plain)[n], n)};" for n in ordered]
        return lines

    def struct_lines(self, header):
        structs = {t: r for t, r in self.structs.get(header, {}).items() if t not in PART_STRUCTS}
        by_type = {**{t: t for t in structs}, **{f"struct {t}": t for t in structs}}
        for name, tag in self.tags.items():
            by_type.setdefault(name, tag)
        done, lines = [], []
        def visit(tag):
            if tag in done or tag not in structs:
                return
            done.append(tag)
            body = []
            for row in structs[tag]:
                base = re.sub(r"\[\d*\]$", "", row["type"])
                if by_type.get(base) in structs:
                    visit(by_type[base])
                body.append(f"    {declare(row['type'], row['field'])};")
            lines.append(f"struct {tag} {{\n" + "\n".join(body) + "\n};")
        for tag in structs:
            visit(tag)
        return lines

    def function_lines(self, header):
        lines = []
        for row in self.functions.get(header, []):
            result, name, arguments = prototype(row["prototype"])
            before, marks = "", ""
            if name in NORETURN:
                before = "_Py_NO_RETURN "
            if name in FORMAT:
                marks += f" Py_GCC_ATTRIBUTE((format(printf, {FORMAT[name]})))"
            if name in DEPRECATED and name not in ("PyErr_Fetch", "PyErr_Restore", "PyErr_NormalizeException"):
                marks += f" Py_DEPRECATED({DEPRECATED[name]})"
            lines.append(wrap(f"{before}PyAPI_FUNC({result}) {name}({', '.join(arguments)}){marks};"))
        return lines

    def data_lines(self, header):
        lines = []
        for row in self.data.get(header, []):
            if row["name"] in STATIC_DATA:
                continue
            at = re.match(r"(.*?)(\[\d*\])$", row["type"])
            ctype, array = (at.group(1), at.group(2)) if at else (row["type"], "")
            if "(*)" in ctype:
                ctype = tidy(ctype)
                lines.append(f"extern Py_EXPORTED_SYMBOL {declare(ctype, row['name'])};")
            else:
                lines.append(f"PyAPI_DATA({tidy(ctype)}) {row['name']}{array};")
        return lines

    def atomic_lines(self):
        """The whole of pyatomic_gcc.h follows from the names."""
        orders = {"relaxed": "__ATOMIC_RELAXED", "acquire": "__ATOMIC_ACQUIRE", "release": "__ATOMIC_RELEASE"}
        out = []
        for row in self.inline["cpython/pyatomic_gcc.h"]:
            if row["kind"] != "inline function":
                continue
            result, name, arguments = prototype(row["prototype"])
            words = name.removeprefix("_Py_atomic_").split("_")
            order = orders.get(words[-1], "__ATOMIC_SEQ_CST")
            kind = words[0]
            pointer = "_ptr" in name
            real = "double" in name or "float" in name
            if kind == "fence":
                body = f"__atomic_thread_fence({order if words[1] != 'seq' else '__ATOMIC_SEQ_CST'});"
            elif kind in ("add", "and", "or"):
                body = f"return __atomic_fetch_{kind}(obj, value, {order});"
            elif kind == "compare":
                at = "(void **)obj, (void **)expected" if pointer else "obj, expected"
                body = f"return __atomic_compare_exchange_n({at}, desired, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);"
            elif kind == "exchange":
                body = f"return __atomic_exchange_n({'(void **)obj' if pointer else 'obj'}, value, {order});"
            elif kind == "load":
                at = "(void *const *)obj" if pointer else "obj"
                body = f"{result} value;\n    __atomic_load(obj, &value, {order});\n    return value;" if real \
                    else f"return __atomic_load_n({at}, {order});"
            else:
                at = "(void **)obj" if pointer else "obj"
                body = f"__atomic_store(obj, &value, {order});" if real \
                    else f"__atomic_store_n({at}, value, {order});"
            out.append(wrap(f"static inline {result}\n{name}({', '.join(arguments)})\n{{\n    {body}\n}}".replace(
                "*\n_Py", "*\n_Py")))
        return out

    def monitoring_lines(self):
        out = []
        for row in self.inline["cpython/monitoring.h"]:
            if row["kind"] != "inline function":
                continue
            result, name, arguments = prototype(row["prototype"])
            passed = ", ".join(re.search(r"(\w+)$", a).group(1) for a in arguments)
            out.append(wrap(f"static inline {result} {name}({', '.join(arguments)})") +
                       f"\n{{\n    _PYMONITORING_IF_ACTIVE(state, _{name}({passed}));\n}}")
        return out

    def write(self, header):
        part = lambda section: self.parts.get((header, section), "")
        guard = GUARDS.get(header) or "Py_" + re.sub(r"\W", "_", header.removeprefix("cpython/")).upper()
        doc = part("doc") or f"{header}: part of the C API."
        decls = self.constant_lines(header)
        types = self.type_lines(header)
        structs = self.struct_lines(header)
        functions = self.function_lines(header)
        data = self.data_lines(header)
        if header == "cpython/pyatomic_gcc.h":
            structs = self.atomic_lines()
        post = part("post")
        if header == "cpython/monitoring.h":
            post = "\n\n".join([post] + self.monitoring_lines())
        text = [f"/* {doc}\n   Written by include/gen/generate.py: change the parts there, not this file. */",
                f"#ifndef {guard}\n#define {guard}"]
        if part("head"):
            text.append(part("head"))
        if decls:
            text.append("\n".join(decls))
        inner = []
        if types:
            inner.append("\n".join(types))
        if part("decl"):
            inner.append(part("decl"))
        if structs:
            inner.append("\n\n".join(structs))
        if data:
            inner.append("\n".join(data))
        if functions:
            inner.append("\n".join(functions))
        if post and part("mid"):
            inner += ["#ifdef __cplusplus\n}\n#endif", part("mid"), "#ifdef __cplusplus\nextern \"C\" {\n#endif"]
        if post:
            inner.append(post)
        if inner:
            text += ["#ifdef __cplusplus\nextern \"C\" {\n#endif", *inner, "#ifdef __cplusplus\n}\n#endif"]
        if part("tail"):
            text.append(part("tail"))
        elif f"cpython/{header}" in self.headers() and not part("mid"):
            text.append(f'#include "cpython/{header}"')
        text.append(f"#endif /* {guard} */")
        path = INCLUDE / header
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n\n".join(text) + "\n")

    def headers(self):
        found = {h for h in (*self.constants, *self.typedefs, *self.structs, *self.functions, *self.data, *self.inline)}
        found |= {h for h, _ in self.parts} | set(GUARDS)
        return sorted(found)


GUARDS = {}
for row in table("other_macros"):
    if re.match(r"_?P[Yy].*_H$", row["name"]) and row["name"] != "PY_PARSER_H":
        h = row["header"]
        name = row["name"]
        if "CPYTHON_" in name and not h.startswith("cpython/"):
            h = "cpython/" + h  # the table names the including header
        if h == "cpython/pyatomic.h" and name == "Py_ATOMIC_GCC_H":
            h = "cpython/pyatomic_gcc.h"
        GUARDS[h] = name
GUARDS.pop("Python.h", None)
GUARDS["Python.h"] = "Py_PYTHON_H"


def main():
    headers = Headers()
    for header in headers.headers():
        headers.write(header)
    print(f"{len(headers.headers())} headers", file=sys.stderr)


if __name__ == "__main__":
    main()
