# The prompt on a terminal: both kinds, with multi-line input, Ctrl-C, history and the end of input.
import os, pty, select, sys, tempfile, time


def session(steps, env):
    home = tempfile.mkdtemp()
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(sys.executable, [sys.executable, "-q"], dict(os.environ, TERM="xterm", HOME=home, **env))
    out = b""

    def drain(until, seconds):
        nonlocal out
        end = time.monotonic() + seconds
        start = len(out)
        while time.monotonic() < end:
            if until and until in out[start:]:
                return
            if select.select([fd], [], [], 0.05)[0]:
                try:
                    data = os.read(fd, 65536)
                except OSError:
                    return
                if not data:
                    return
                out += data

    drain(b">>>", 20)
    for send, expect in steps:
        time.sleep(0.1)
        os.write(fd, send)
        drain(expect, 20)
    end = time.monotonic() + 20
    while time.monotonic() < end:
        p, status = os.waitpid(pid, os.WNOHANG)
        if p:
            return out.decode("utf-8", "replace"), status
        drain(None, 0.1)
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    raise AssertionError("the prompt does not end:\n" + out.decode("utf-8", "replace"))


for basic in (True, False):
    indent = b"    " if basic else b""
    steps = [
        (b"40 + 2\n", b"42"),
        (b"def f():\n", b"... "),
        (indent + b"return 'multi' + 'line'\n", b"... "),
        (b"\n", b">>>"),
        (b"f()\n", b"'multiline'"),
        (b"while True: pass\n\n", b"..."),
    ]
    steps += [(b"\x03", b"KeyboardInterrupt"), (b"1/0\n", b"ZeroDivisionError"), (b"'caf\xc3\xa9'.upper()\n", "CAFÉ".encode())]
    if not basic:
        # the line before comes back from the history
        steps += [(b"\x1b[A\n", "CAFÉ".encode())]
    steps += [(b"\x04", None)]
    out, status = session(steps, {"PYTHON_BASIC_REPL": "1"} if basic else {"PYTHON_BASIC_REPL": ""})
    for part in ("42", "'multiline'", "KeyboardInterrupt", "ZeroDivisionError", "CAFÉ"):
        assert part in out, (basic, part, out)
    assert status == 0, (basic, status, out)
print("ok")
