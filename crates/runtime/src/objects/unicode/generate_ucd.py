"""Writes ucd.bin, the Unicode character database of the runtime, from the `unicodedata` of a Python 3.14.

Run as `python3.14t generate_ucd.py` in this directory. The layout is read by ucd.rs: a header of section offsets, then
two-stage tables of record numbers, records, full case mappings, decompositions, compositions, numeric values, the
differences of version 3.2.0.
"""
import ctypes
import struct
import unicodedata as u

N = 0x110000
SHIFT = 7
api = ctypes.pythonapi


def fn(name):
    f = getattr(api, name)
    f.argtypes = [ctypes.c_uint32]
    f.restype = ctypes.c_uint32
    return f


upper1, lower1, title1 = fn("_PyUnicode_ToUppercase"), fn("_PyUnicode_ToLowercase"), fn("_PyUnicode_ToTitlecase")
is_space, is_linebreak = fn("_PyUnicode_IsWhitespace"), fn("_PyUnicode_IsLinebreak")

CATS = ["Cn", "Lu", "Ll", "Lt", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Co", "Lm", "Lo",
        "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "Sm", "Sc", "Sk", "So"]
BIDI = ["", "L", "LRE", "LRO", "R", "AL", "RLE", "RLO", "PDF", "EN", "ES", "ET", "AN", "CS", "NSM", "BN", "B", "S", "WS",
        "ON", "LRI", "RLI", "FSI", "PDI"]
EAW = ["F", "H", "W", "Na", "A", "N"]

ALPHA, DECIMAL, DIGIT, NUMERIC, LOWER, UPPER, TITLE, PRINTABLE, XID_START, XID_CONT, CASED, IGNORABLE, SPACE, LINEBREAK, \
    SPECIAL, MIRRORED = (1 << i for i in range(16))

numerics = {}
specials = {}
records = {}
idx = []


def cased(c):
    return (c + "a").title()[-1:] == "a"


def ignorable(c):
    return ("a" + c + "\u03a3").lower()[-1] == "\u03c2" and ("1" + c + "\u03a3").lower()[-1] == "\u03c3"


for i in range(N):
    c = chr(i)
    f = 0
    if c.isalpha(): f |= ALPHA
    if c.isdecimal(): f |= DECIMAL
    if c.isdigit(): f |= DIGIT
    if c.isnumeric(): f |= NUMERIC
    if c.islower(): f |= LOWER
    if u.category(c) == "Lt": f |= TITLE
    elif c.isupper(): f |= UPPER
    if c.isprintable(): f |= PRINTABLE
    if c.isidentifier(): f |= XID_START
    if ("a" + c).isidentifier(): f |= XID_CONT
    if cased(c): f |= CASED
    if ignorable(c): f |= IGNORABLE
    if is_space(i): f |= SPACE
    if is_linebreak(i): f |= LINEBREAK
    if u.mirrored(c): f |= MIRRORED
    digit = u.digit(c, 255)
    num = u.numeric(c, None)
    nidx = 0
    if num is not None:
        nidx = numerics.setdefault(num, len(numerics) + 1)
    up, lo, ti = upper1(i), lower1(i), title1(i)
    fu, fl, ft, ff = c.upper(), c.lower(), c.title(), c.casefold()
    sp = 0
    if (fu, fl, ft, ff) != (chr(up), chr(lo), chr(ti), chr(lo)):
        f |= SPECIAL
        sp = specials.setdefault((fu, fl, ft, ff), len(specials) + 1)
    rec = (up - i, lo - i, ti - i, sp, f, nidx, CATS.index(u.category(c)), BIDI.index(u.bidirectional(c)),
           u.combining(c), EAW.index(u.east_asian_width(c)), digit, 0)
    idx.append(records.setdefault(rec, len(records)))

blocks, stage1 = {}, []
for b in range(0, N, 1 << SHIFT):
    blk = tuple(idx[b:b + (1 << SHIFT)])
    stage1.append(blocks.setdefault(blk, len(blocks)))

s_stage1 = struct.pack("<%dH" % len(stage1), *stage1)
s_stage2 = b"".join(struct.pack("<%dH" % len(b), *b) for b in blocks)
s_records = b"".join(struct.pack("<iiiHHHBBBBBB", *r) for r in records)


def three(s):
    v = [ord(x) for x in s]
    return v + [0] * (3 - len(v))


s_special = struct.pack("<12I", *[0] * 12)
for t in specials:
    s_special += struct.pack("<12I", *[x for s in t for x in three(s)])
s_numeric = struct.pack("<d", 0.0) + b"".join(struct.pack("<d", x) for x in numerics)

TAGS = [""]
dec_keys, dec_data = [], []
for i in range(N):
    if 0xAC00 <= i <= 0xD7A3:
        continue
    d = u.decomposition(chr(i))
    if d:
        parts = d.split()
        tag = ""
        if parts[0][0] == "<":
            tag = parts.pop(0)
        if tag not in TAGS:
            TAGS.append(tag)
        dec_keys.append((i, len(dec_data) | TAGS.index(tag) << 20 | len(parts) << 25))
        dec_data += [int(p, 16) for p in parts]
s_deckeys = b"".join(struct.pack("<II", *k) for k in dec_keys)
s_decdata = struct.pack("<%dI" % len(dec_data), *dec_data)
comp = []
for i, info in dec_keys:
    n, tag, off = info >> 25, info >> 20 & 31, info & 0xFFFFF
    if tag == 0 and n == 2:
        a, b = dec_data[off:off + 2]
        if u.normalize("NFC", chr(a) + chr(b)) == chr(i):
            comp.append((a, b, i))
comp.sort()
s_comp = b"".join(struct.pack("<III", *c) for c in comp)

# Version 3.2.0: ranges whose properties differ.
o = u.ucd_3_2_0
old = []
for i in range(N):
    c = chr(i)
    new = (u.category(c), u.bidirectional(c), u.combining(c), u.east_asian_width(c), u.mirrored(c), u.numeric(c, None), u.decomposition(c))
    prev = (o.category(c), o.bidirectional(c), o.combining(c), o.east_asian_width(c), o.mirrored(c), o.numeric(c, None), o.decomposition(c))
    if new != prev and not 0xAC00 <= i <= 0xD7A3:
        num = 0 if prev[5] is None else numerics.get(prev[5], 0)
        t = (CATS.index(prev[0]), BIDI.index(prev[1]), prev[2], EAW.index(prev[3]), prev[4] | (2 if not prev[6] else 0), num)
        if old and old[-1][1] == i - 1 and old[-1][2:] == t:
            old[-1] = (old[-1][0], i) + t
        else:
            old.append((i, i) + t)
s_old = b"".join(struct.pack("<IIBBBBHH", a, b, c, d, e, f, g, h) for a, b, c, d, e, f, g, h in old)

sections = [s_stage1, s_stage2, s_records, s_special, s_numeric, s_deckeys, s_decdata, s_comp, s_old]
pos = 8 * (len(sections) + 1)
head, body = b"", b""
for s in sections:
    pad = -(pos + len(body)) % 8
    body += b"\0" * pad
    head += struct.pack("<II", pos + len(body), len(s))
    body += s
head = head.ljust(pos, b"\0")
open("ucd.bin", "wb").write(head + body)
print(u.unidata_version, len(records), "records", len(specials), "special", len(numerics), "numeric", TAGS, len(old), "old", [len(s) for s in sections])
