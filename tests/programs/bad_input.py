"""Sources, cache files and streams that are broken: an exception, never more."""
import importlib
import io
import marshal
import os
import py_compile
import random
import subprocess
import sys
import tempfile
import time
import signal

here = tempfile.mkdtemp()
path = os.path.join(here, "m.py")


def run(source, *options):
    with open(path, "wb") as f:
        f.write(source)
    return subprocess.run([sys.executable, *options, path], capture_output=True)


def says(result, text, status=1):
    assert result.returncode == status, result
    assert text in result.stderr, result.stderr


says(run(b"\xff\xfe"), b"SyntaxError: Non-UTF-8 code starting with '\\xff'")
says(run(b'x = 1\n"\x80"\n'), b"SyntaxError: Non-UTF-8")
says(run(b"# coding: foo\n"), b"SyntaxError: unknown encoding: foo")
says(run(b"# coding: ascii\n'\xe9'\n"), b"SyntaxError: 'ascii' codec can't decode byte 0xe9")
says(run(b"\xef\xbb\xbf# coding: latin-1\n"), b"SyntaxError: encoding problem: iso-8859-1 with BOM")
says(run(b"x=1\x00\n"), b"SyntaxError: source code cannot contain null bytes")
says(run(b"x = '" + b"a" * 10_000_000 + b"'\nprint(len(x))\n"), b"", 0)
says(run(b"x = " + b"1" * 100_000), b"SyntaxError: Exceeds the limit")
says(run(b"raise SystemExit(7)"), b"", 7)
for f in (compile, lambda s, *_: eval(s), lambda s, *_: exec(s)):
    for source in ("a\0b", b"\xff"):
        try:
            f(source, "f", "exec")
        except SyntaxError:
            continue
        raise AssertionError(source)

# Every truncation of a cache file, and marshal data with wrong bytes.
with open(path, "w") as f:
    f.write("class A:\n  def f(self, a, b=1, *c, d=2, **e):\n    try: yield (a, 1.5, 2j, b'', None, ..., 10**30, {1, 2})\n"
            "    except ValueError as x: pass\n")
cache = py_compile.compile(path)
with open(cache, "rb") as f:
    data = f.read()
os.unlink(path)
sys.path.insert(0, here)
sys.dont_write_bytecode = True
for n in range(len(data)):
    with open(os.path.join(here, "m.pyc"), "wb") as f:
        f.write(data[:n])
    sys.modules.pop("m", None)
    importlib.invalidate_caches()
    try:
        import m
    except (ImportError, EOFError, ValueError, TypeError):
        continue
    raise AssertionError(f"{n} bytes of a cache file were enough")
rng = random.Random(5)
body = data[16:]
for _ in range(5000):
    b = bytearray(body)
    for _ in range(rng.choice([1, 1, 3])):
        b[rng.randrange(len(b))] = rng.randrange(256)
    try:
        x = marshal.loads(bytes(b))
    except Exception:
        continue
    repr(x)
for bad in (b"[\xff\xff\xff\x7f", b"(\xff\xff\xff\xff", b"l\xff\xff\xff\x7f", b"s\xff\xff\xff\x7f", b"r\1\0\0\0", b"", b"?", b")\1" * 100_000):
    try:
        marshal.loads(bad)
    except (ValueError, EOFError, TypeError, MemoryError):
        continue
    raise AssertionError(bad)


# Standard streams that are closed, full or gone.
def shell(command):
    return subprocess.run(["bash", "-c", command.replace("PY", sys.executable)], capture_output=True)


assert shell("PY -c 'print(1)' >&-").returncode == 0
assert shell("PY -c 'import sys; print(sys.stdout)' >&-").returncode == 0
assert shell("PY -c '1/0' 2>&-").returncode == 1
assert shell("PY -c '1/0' 2>/dev/full").returncode == 1
r = shell("PY -c 'print(1)' >/dev/full")
assert r.returncode in (1, 120) and b"No space left" in r.stderr, r
r = shell("PY -c 'print(1, flush=True)' >/dev/full")
assert r.returncode == 1 and b"OSError: [Errno 28]" in r.stderr, r
r = shell("PY -c 'for i in range(1000000): print(i)' | head -1; echo ${PIPESTATUS[0]}")
assert r.stdout == b"0\n1\n" and b"BrokenPipeError" in r.stderr, r
r = shell("cd %s; ulimit -f 0; trap '' XFSZ; echo 'x=1' | cat >/dev/null; PY -B -c 'import json; print(json.dumps(1))'" % here)
assert r.stdout == b"1\n", r

# Interrupted waits.
for code in ("import time; time.sleep(60)", "import _thread; l = _thread.allocate_lock(); l.acquire(); l.acquire()", "input()",
             "import socket; a, b = socket.socketpair(); a.recv(1)", "import select; select.select([], [], [], 60)",
             "import threading; threading.Event().wait()", "import queue; queue.SimpleQueue().get()", "while True: pass"):
    p = subprocess.Popen([sys.executable, "-c", "print(flush=True)\n" + code], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE)
    p.stdout.readline()
    time.sleep(0.3)
    p.send_signal(signal.SIGINT)
    assert p.wait(60) == -signal.SIGINT, code
    assert p.stderr.read().endswith(b"KeyboardInterrupt\n"), code
print("ok")
