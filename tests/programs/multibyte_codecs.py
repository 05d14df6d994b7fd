"""The multibyte encodings of East Asia: whole texts, pieces, errors, streams."""
import codecs
import io

text = "漢字とかな ABC 한글"
samples = {
    "gb2312": "中文", "gbk": "中文鎔", "gb18030": "中文鎔\U00012345€", "hz": "a中文b~", "big5": "中文", "cp950": "中文€", "big5hkscs": "中文\u00ca\u0304",
    "shift_jis": "日本ｶﾅ", "cp932": "日本①", "euc_jp": "日本丂", "shift_jis_2004": "か\u309a", "euc_jis_2004": "か\u309a俱", "euc_jisx0213": "か\u309a",
    "shift_jisx0213": "日本", "euc_kr": "한글뢨", "cp949": "한글뢨", "johab": "한글뢨", "iso2022_kr": "a한글", "iso2022_jp": "a日本b",
    "iso2022_jp_1": "a日本丂b", "iso2022_jp_2": "a日本中한b", "iso2022_jp_2004": "か\u309a", "iso2022_jp_3": "か\u309a", "iso2022_jp_ext": "ｶﾅ日本",
}
for name, sample in samples.items():
    data = sample.encode(name)
    assert data.decode(name) == sample, (name, data)
    encoder = codecs.getincrementalencoder(name)()
    pieces = b"".join([encoder.encode(c) for c in sample] + [encoder.encode("", True)])
    assert pieces == data, (name, pieces, data)
    decoder = codecs.getincrementaldecoder(name)()
    whole = "".join([decoder.decode(data[i:i + 1]) for i in range(len(data))] + [decoder.decode(b"", True)])
    assert whole == sample, (name, whole)
    assert codecs.getreader(name)(io.BytesIO(data)).read() == sample
    out = io.BytesIO()
    writer = codecs.getwriter(name)(out)
    writer.write(sample)
    writer.reset()
    assert out.getvalue() == data, name

assert "日本".encode("shift_jis") == b"\x93\xfa\x96{"
assert "\uac00".encode("euc_kr") == b"\xb0\xa1" and len("\ubdc1".encode("euc_kr")) == 8
assert "日本".encode("iso2022_jp") == b"\x1b$BF|K\\\x1b(B"
assert "\U00012345".encode("gb18030") == b"\x907\x959"
assert b"ab\xffcd".decode("gbk", "replace") == "ab\ufffdcd"
assert b"\x81".decode("shift_jis", "ignore") == ""
assert "a\u0b13b".encode("big5", "xmlcharrefreplace") == b"a&#2835;b"
for bad in b"\x81", b"a\xff\xff":
    try:
        bad.decode("cp949")
    except UnicodeDecodeError as e:
        assert e.encoding == "cp949" and "multibyte sequence" in e.reason
    else:
        raise AssertionError(bad)
print("ok")
