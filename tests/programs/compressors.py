# bz2, lzma and zlib: round trips, streams fed byte by byte, limits, errors.
import bz2
import lzma
import zlib

data = b"".join(b"%d the quick brown fox;" % (i % 97) for i in range(3000))
for module, options in ((bz2, {}), (lzma, {}), (lzma, {"format": lzma.FORMAT_ALONE}), (zlib, {})):
    packed = module.compress(data, **options)
    assert len(packed) < len(data) // 4 and module.decompress(packed) == data, module

for make in (bz2.BZ2Decompressor, lzma.LZMADecompressor):
    packed = (bz2 if make is bz2.BZ2Decompressor else lzma).compress(data)
    d = make()
    assert b"".join(d.decompress(packed[i:i + 1]) for i in range(len(packed))) == data and d.eof
    d = make()
    out = d.decompress(packed + b"tail", 100)
    assert len(out) == 100 and not d.needs_input
    while not d.eof:
        out += d.decompress(b"", 5000)
    assert out == data and d.unused_data == b"tail"
    try:
        d.decompress(b"x")
        raise AssertionError
    except EOFError:
        pass

raw = [{"id": lzma.FILTER_DELTA, "dist": 2}, {"id": lzma.FILTER_LZMA2, "preset": 3}]
packed = lzma.compress(data, lzma.FORMAT_RAW, filters=raw)
assert lzma.decompress(packed, lzma.FORMAT_RAW, filters=raw) == data
assert lzma._decode_filter_properties(lzma.FILTER_DELTA, lzma._encode_filter_properties(raw[0])) == raw[0]
for bad, error in ((lambda: bz2.decompress(b"no"), OSError), (lambda: bz2.decompress(bz2.compress(b"x")[:-3]), ValueError),
                   (lambda: lzma.decompress(b"no"), lzma.LZMAError), (lambda: bz2.BZ2Compressor(10), ValueError),
                   (lambda: lzma.LZMACompressor(preset=3, filters=raw), ValueError)):
    try:
        bad()
        raise AssertionError(error)
    except error:
        pass
print("ok")
