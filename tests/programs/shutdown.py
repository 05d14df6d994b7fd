"""The end of a process: daemon threads, exit functions, finalizers, threads that begin late."""
import subprocess, sys

CASES = {
    "daemon threads that run, print and hold locks": (
        """
import threading, sys, time
lock = threading.Lock()
def spin():
    while True: pass
def printer():
    while True: print('.', file=sys.stderr, end='')
def holder():
    with lock:
        while True: time.sleep(0.001)
for f in (spin, printer, holder):
    threading.Thread(target=f, daemon=True).start()
time.sleep(0.05)
print('end')
""", "end\n"),
    "exit functions run last first, after threads": (
        """
import atexit, threading, time
atexit.register(print, 'first registered')
atexit.register(print, 'second registered')
def late():
    time.sleep(0.05)
    print('thread')
threading.Thread(target=late).start()
print('main')
""", "main\nthread\nsecond registered\nfirst registered\n"),
    "finalizers of garbage see their module": (
        """
import sys
word = 'seen'
class A:
    def __init__(self): self.me = self
    def __del__(self): print(word, sys is not None)
A()
keep = A()
""", "seen True\nseen True\n"),
    "a thread cannot be started or joined too late": (
        """
import threading
def loop():
    while True: pass
class A:
    def __init__(self):
        self.me = self
        self.t = threading.Thread(target=loop, daemon=True)
        self.t.start()
    def __del__(self):
        for f in (self.t.join, lambda: threading.Thread(target=print).start()):
            try: f()
            except PythonFinalizationError as e: print(type(e).__name__)
A()
""", "PythonFinalizationError\nPythonFinalizationError\n"),
    "os._exit does not wait": (
        """
import os, threading, time
threading.Thread(target=time.sleep, args=(60,)).start()
os.write(1, b'out\\n')
os._exit(0)
""", "out\n"),
}
for name, (code, want) in CASES.items():
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
        assert done.stdout == want and done.returncode == 0, (name, done)
print("ok")
