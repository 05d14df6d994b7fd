"""Ctrl-C and other signals reach a main thread that is blocked."""
import _thread, os, queue, select, signal, threading, time

main = threading.main_thread().ident


def interrupt(after):
    def go():
        time.sleep(after)
        signal.pthread_kill(main, signal.SIGINT)

    threading.Thread(target=go, daemon=True).start()


signal.signal(signal.SIGINT, signal.default_int_handler)
held = threading.Lock()
held.acquire()
owned = threading.RLock()
threading.Thread(target=owned.acquire, daemon=True).start()
while owned.acquire(blocking=False):
    owned.release()
    time.sleep(0.001)
sleeper = threading.Thread(target=time.sleep, args=(30,), daemon=True)
sleeper.start()
r, w = os.pipe()
blockers = {
    "Lock.acquire": held.acquire,
    "Lock.acquire timed": lambda: held.acquire(timeout=20),
    "RLock.acquire": owned.acquire,
    "join": sleeper.join,
    "sleep": lambda: time.sleep(20),
    "select": lambda: select.select([r], [], [], 20),
    "read": lambda: os.read(r, 1),
    "Queue.get": queue.Queue().get,
    "SimpleQueue.get": queue.SimpleQueue().get,
    "SimpleQueue.get timed": lambda: queue.SimpleQueue().get(timeout=20),
    "Event.wait": threading.Event().wait,
    "Condition.wait": lambda: (c := threading.Condition(), c.acquire(), c.wait(20)),
    "loop": lambda: [None for _ in iter(int, 1)],
}
for name, block in blockers.items():
    begun = time.monotonic()
    interrupt(0.02)
    try:
        block()
    except KeyboardInterrupt:
        assert time.monotonic() - begun < 15, name
    else:
        raise AssertionError(name)

# Handlers run in the main thread only, wherever the signal arrives.
where = []
signal.signal(signal.SIGUSR1, lambda *a: where.append(threading.get_ident()))
t = threading.Thread(target=lambda: signal.pthread_kill(threading.get_ident(), signal.SIGUSR1))
t.start()
t.join()
deadline = time.monotonic() + 10
while not where and time.monotonic() < deadline:
    time.sleep(0.001)
assert where == [main], where
print("ok")
