#!/usr/bin/env python3
"""Runs unmodified cp314t wheels: markupsafe, pyyaml and rpds-py are unpacked, imported and put to use.

    python3 capi-tests/wheels.py --python PYTHON [--wheels DIR]

The wheels come from DIR (default: the reference's wheels folder), else from PyPI with pip. Without either, the test is
skipped with a message, unless WHEELS_REQUIRED is set.
"""
import argparse
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

WHEELS = ["markupsafe", "pyyaml", "rpds_py"]
REFERENCE = Path(os.environ.get("REFERENCE", Path.home() / ".cache/python-reference"))

MARKUPSAFE = r'''
import markupsafe
from markupsafe import Markup, escape, escape_silent, soft_str, _speedups
assert _speedups.__file__.endswith(".so")
for text in ["", "abc", "<a href='x'>\"&</a>", "\xe9<", "\u2603&\u2603", "\U0001f600>\U0001f600", "<" * 1000]:
    expected = text
    for raw, safe in [("&", "&amp;"), (">", "&gt;"), ("<", "&lt;"), ("'", "&#39;"), ('"', "&#34;")]:
        expected = expected.replace(raw, safe)
    assert escape(text) == expected and type(escape(text)) is Markup, text
    assert _speedups._escape_inner(text) == expected
assert escape(5) == "5" and escape(Markup("<b>")) == "<b>" and escape_silent(None) == ""
class Html:
    def __html__(self):
        return "<x>"
assert escape(Html()) == "<x>"
assert Markup("<i>%s</i>") % "<&" == "<i>&lt;&amp;</i>" and Markup("{0!r}").format("<") == "&#39;&lt;&#39;"
assert Markup("<b>a</b> &gt;").striptags() == "a >" and Markup("&lt;").unescape() == "<"
assert soft_str(Markup("x")) == "x" and Markup("a").join(["<", Markup("<")]) == "&lt;a<"
assert escape(b"<") == "b&#39;&lt;&#39;"
'''

PYYAML = r'''
import datetime
import yaml
from yaml import CSafeDumper, CSafeLoader, _yaml
assert yaml.__with_libyaml__ and _yaml.__file__.endswith(".so")
document = """
a: [1, 2.5, -.inf, true, null, x, 2020-01-02]
b: &anchor {c: "d\\u00e9", e: 0x10}
f: *anchor
g: |
  one
  two
h: !!binary aGk=
? complex
: key
"""
value = yaml.load(document, Loader=CSafeLoader)
assert value["a"] == [1, 2.5, float("-inf"), True, None, "x", datetime.date(2020, 1, 2)]
assert value["f"] is value["b"] and value["b"] == {"c": "d\xe9", "e": 16}
assert value["g"] == "one\ntwo\n" and value["h"] == b"hi" and value["complex"] == "key"
assert value == yaml.load(document, Loader=yaml.SafeLoader)
for data in [[], {}, [1, [2, {"a": None}]], {"x": "a\nb", "y": [1.5, True]}, "\u2603", {"k": datetime.date(2020, 1, 2)}]:
    text = yaml.dump(data, Dumper=CSafeDumper, allow_unicode=True)
    assert yaml.load(text, Loader=CSafeLoader) == data, text
    assert yaml.load(text, Loader=yaml.SafeLoader) == data, text
assert list(yaml.load_all("a\n---\nb\n", Loader=CSafeLoader)) == ["a", "b"]
assert [type(e).__name__ for e in yaml.parse("[a]", Loader=CSafeLoader)] == [type(e).__name__ for e in yaml.parse("[a]")]
for bad in ["a: [", "a: b: c", "\t", "*x", "'"]:
    try:
        yaml.load(bad, Loader=CSafeLoader)
    except yaml.MarkedYAMLError as e:
        assert e.problem_mark.line >= 0 and str(e)
    else:
        raise AssertionError(bad)
big = [{"n": i, "s": str(i) * 3} for i in range(500)]
assert yaml.load(yaml.dump(big, Dumper=CSafeDumper), Loader=CSafeLoader) == big
'''

RPDS = r'''
import pickle
import rpds
from rpds import HashTrieMap, HashTrieSet, List, Queue, Stack
assert rpds.rpds.__file__.endswith(".so") if hasattr(rpds, "rpds") else True
m = HashTrieMap({"a": 1, "b": 2})
n = m.insert("c", 3).remove("a")
assert dict(m) == {"a": 1, "b": 2} and dict(n) == {"b": 2, "c": 3} and "a" not in n and len(n) == 2
assert m == HashTrieMap([("b", 2), ("a", 1)]) and hash(m) == hash(HashTrieMap(m)) and m.get("z", 9) == 9
assert sorted(m.keys()) == ["a", "b"] and sorted(m.values()) == [1, 2] and sorted(m.items()) == [("a", 1), ("b", 2)]
assert dict(m.update({"a": 5}, d=6)) == {"a": 5, "b": 2, "d": 6} and m.discard("zz") == m
for call, error in [(lambda: m["z"], KeyError), (lambda: m.remove("z"), KeyError), (lambda: m.insert([], 1), TypeError),
                    (lambda: List().first, IndexError), (lambda: Queue().peek(), IndexError)]:
    try:
        call()
    except error:
        pass
    else:
        raise AssertionError(error)
s = HashTrieSet([1, 2, 3])
one = HashTrieSet([1])
assert s | HashTrieSet([4]) == HashTrieSet([1, 2, 3, 4]) and s & one == one and s - one == HashTrieSet([2, 3]) and 2 in s
assert list(List([1, 2, 3]).push_front(0)) == [0, 1, 2, 3] and List([1, 2]).rest == List([2]) and repr(List([1])) == "List([1])"
assert list(Queue([1, 2]).enqueue(3)) == [1, 2, 3] and Queue([1, 2]).dequeue().peek() == 2
assert Stack([1, 2]).push(3).peek() == 3
for value in (m, s, List([1, 2])):
    assert pickle.loads(pickle.dumps(value)) == value
import threading
shared = HashTrieMap({i: i for i in range(100)})
def work(k):
    mine = shared
    for i in range(300):
        mine = mine.insert((k, i), i)
    assert len(mine) == 400
threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
for t in threads: t.start()
for t in threads: t.join()
assert len(shared) == 100
'''

PROGRAMS = {"markupsafe": MARKUPSAFE, "pyyaml": PYYAML, "rpds_py": RPDS}
FRAME = r'''
import sys
assert not sys._is_gil_enabled()
{program}
assert not sys._is_gil_enabled(), "the GIL was turned on"
print("ok")
'''


def find(name, folders):
    for folder in folders:
        for wheel in sorted(folder.glob(f"{name}-*-cp314-cp314t-*.whl"), reverse=True):
            return wheel
    return None


def download(name, folder):
    command = [sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--only-binary=:all:", "--no-deps",
               "--python-version", "3.14", "--implementation", "cp", "--abi", "cp314t", "--platform", "manylinux2014_x86_64",
               "--platform", "manylinux_2_17_x86_64", "-d", str(folder), name]
    try:
        return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=120).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--python", required=True)
    parser.add_argument("--wheels", type=Path, default=REFERENCE / "wheels")
    asked = parser.parse_args()
    failed = 0
    with tempfile.TemporaryDirectory() as tmp:
        for name in WHEELS:
            wheel = find(name, [asked.wheels])
            if wheel is None and download(name.replace("_", "-"), Path(tmp)):
                wheel = find(name, [Path(tmp)])
            if wheel is None:
                print(f"skipped {name}: no wheel in {asked.wheels}, and none could be downloaded")
                failed += bool(os.environ.get("WHEELS_REQUIRED"))
                continue
            site = Path(tmp) / f"site-{name}"
            with zipfile.ZipFile(wheel) as z:
                z.extractall(site)
            env = {k: v for k, v in os.environ.items() if k not in ("PYTHONHOME", "PYTHON_GIL")}
            done = subprocess.run([asked.python, "-W", "error", "-c", FRAME.replace("{program}", PROGRAMS[name])],
                                  env={**env, "PYTHONPATH": str(site)}, capture_output=True, text=True, timeout=60)
            good = done.returncode == 0 and done.stdout.splitlines()[-1:] == ["ok"]
            print(f"{'ok' if good else 'FAILED'} {wheel.name}")
            if not good:
                failed += 1
                print(done.stdout, done.stderr, sep="")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
