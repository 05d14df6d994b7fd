"""A child forked from a process with threads can use threads, queues, locks and imports."""
import os, queue, sys, threading, time, warnings

warnings.simplefilter("ignore")
stop = threading.Event()
q = queue.SimpleQueue()
lock = threading.Lock()
shared = {}


def busy(n):
    while not stop.is_set():
        shared[n] = shared.get(n, 0) + 1
        with lock:
            q.put(n)
        try:
            q.get(timeout=0.001)
        except queue.Empty:
            pass


threads = [threading.Thread(target=busy, args=(i,)) for i in range(4)]
for t in threads:
    t.start()

for round in range(5):
    r, w = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            assert threading.active_count() == 1
            assert not any(t.is_alive() for t in threads)
            done = []
            ts = [threading.Thread(target=done.append, args=(i,)) for i in range(4)]
            for t in ts:
                t.start()
            for t in ts:
                t.join()
            assert sorted(done) == [0, 1, 2, 3]
            mine = queue.SimpleQueue()
            mine.put(1)
            assert mine.get() == 1
            q.put(5)
            q.get(timeout=5)
            import colorsys, gc

            gc.collect()
            os.write(w, b"fine")
            status = 0
        finally:
            os._exit(status)
    os.close(w)
    assert os.read(r, 10) == b"fine"
    os.close(r)
    assert os.waitpid(pid, 0)[1] == 0

# From another thread, which is the child's main thread then.
result = []


def fork_here():
    pid = os.fork()
    if pid == 0:
        ok = threading.current_thread() is threading.main_thread() and threading.active_count() == 1
        os._exit(0 if ok else 1)
    result.append(os.waitpid(pid, 0)[1])


t = threading.Thread(target=fork_here)
t.start()
t.join()
assert result == [0]
stop.set()
for t in threads:
    t.join()
print("ok")
