# Strings and numbers that several threads read all the time become deferred; they must neither die while a frame
# holds them nor live on for ever.
import gc
import threading

N = 400
table = {"key %d" % i: "value %d of many" % i for i in range(N)}
keys = list(table)
pairs = tuple((k, "pair " + k) for k in keys)
big = [10**9 + i for i in range(N)]
stop = False
errors = []


def walk(values):
    for v in values:
        yield v


class Late:
    def __init__(self, note):
        self.note = note

    def __del__(self):
        gc.collect()


def pick(i):
    late = Late("x")
    return keys[i]


def read():
    try:
        for round in range(40):
            for i, key in enumerate(keys):
                v = table[key]
                if not v.startswith("value %d " % i):
                    errors.append((key, v))
                w = table.get(key)
                if w.split()[1] != str(i):
                    errors.append((key, w))
            for (k, p), key in zip(walk(pairs), keys):
                if p != "pair " + k or k != key:
                    errors.append((k, p))
            total = 0
            for n in big:
                total += n
            if total != sum(range(10**9, 10**9 + N)):
                errors.append(total)
            if round % 10 == 0:
                g = walk(keys)
                first = next(g)
                gc.collect()
                if first != "key 0" or next(g) != "key 1" or pick(7) != "key 7":
                    errors.append("generator")
    except BaseException as e:
        errors.append(repr(e))


def write():
    round = 0
    while not stop:
        round += 1
        for i, key in enumerate(keys):
            table[key] = "value %d of round %d" % (i, round)
            big[i] = 10**9 + i
        # equal, but other objects
        keys[:] = ["key %d" % i for i in range(N)]
        gc.collect()


readers = [threading.Thread(target=read) for _ in range(3)]
writer = threading.Thread(target=write)
for t in readers + [writer]:
    t.start()
for t in readers:
    t.join()
stop = True
writer.join()
if errors:
    print(errors[:5])

# what nothing holds any more is freed


def churn():
    shared = ["text %d" % i for i in range(20000)]

    def look():
        for _ in range(30):
            for s in shared:
                len(s)

    ts = [threading.Thread(target=look) for _ in range(2)]
    for t in ts:
        t.start()
    for t in ts:
        t.join()


for _ in range(4):
    churn()
    gc.collect()
gc.collect()
print("ok" if not errors else "bad")
