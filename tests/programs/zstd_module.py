"""compression.zstd: frames, streams, dictionaries, parameters."""
import io
from compression import zstd

data = b"".join(b"line %d of the text\n" % i for i in range(5000))
for level in (-5, 1, 19):
    packed = zstd.compress(data, level)
    assert len(packed) < len(data) and zstd.decompress(packed) == data
assert zstd.get_frame_info(packed).decompressed_size == len(data)
assert zstd.get_frame_size(packed + b"more") == len(packed)
two = packed + zstd.compress(b"second")
assert zstd.decompress(two) == data + b"second"

d = zstd.ZstdDecompressor()
out = b""
for i in range(0, len(packed), 100):
    out += d.decompress(packed[i:i + 100])
assert out == data and d.eof
d = zstd.ZstdDecompressor()
out = d.decompress(packed + b"rest", 10)
while not d.eof:
    assert not d.needs_input
    out += d.decompress(b"", 1000)
assert out == data and d.unused_data == b"rest"

samples = [b"sample %d with a common text and number %d" % (i, i * i) for i in range(500)]
trained = zstd.train_dict(samples, 4096)
packed = zstd.compress(samples[7], zstd_dict=trained)
assert zstd.decompress(packed, zstd_dict=trained) == samples[7]
assert zstd.get_frame_info(packed).dictionary_id == trained.dict_id != 0
prefix = zstd.ZstdDict(data, is_raw=True)
packed = zstd.compress(data, zstd_dict=prefix.as_prefix)
assert len(packed) < len(zstd.compress(data)) and zstd.decompress(packed, zstd_dict=prefix.as_prefix) == data

options = {zstd.CompressionParameter.checksum_flag: 1, zstd.CompressionParameter.compression_level: 5}
assert zstd.decompress(zstd.compress(data, options=options)) == data
for bad in (lambda: zstd.compress(b"", 100), lambda: zstd.compress(b"", options={zstd.CompressionParameter.window_log: 1000})):
    try:
        bad()
    except ValueError as e:
        assert "valid range" in str(e), e
    else:
        raise AssertionError("out of range")
try:
    zstd.decompress(b"no frame at all")
except zstd.ZstdError:
    pass
else:
    raise AssertionError("no frame")
file = io.BytesIO()
with zstd.ZstdFile(file, "w") as f:
    f.write(data)
file.seek(0)
with zstd.ZstdFile(file) as f:
    assert f.read() == data
print("ok")
