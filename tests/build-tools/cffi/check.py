import threading

from bt_cffi import ffi, lib

c = lib.count(b"a bc  d ")
assert (c.words, c.letters, lib.LIMIT) == (3, 4, 99)


@ffi.def_extern()
def on_letter(letter, data):
    ffi.from_handle(data).append(letter)
    return ord(letter)


seen = []
handle = ffi.new_handle(seen)
assert lib.each(b"abc", lib.on_letter, handle) == 294 and seen == [b"a", b"b", b"c"]
threads = [threading.Thread(target=lambda: [lib.each(b"xy", lib.on_letter, handle) for _ in range(200)]) for _ in range(4)]
for t in threads:
    t.start()
for t in threads:
    t.join()
assert len(seen) == 1603
