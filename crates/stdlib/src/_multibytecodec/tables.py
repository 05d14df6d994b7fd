"""Makes tables.xz: the mappings of the multibyte codecs as an interpreter that has them gives them, as differences, packed.

    python3.14 tables.py tables.xz
"""
import lzma
import sys

CODECS = {  # name: what it is a difference of
    "gb2312": None, "gbk": "gb2312", "gb18030": "gbk", "big5": None, "cp950": "big5", "big5hkscs": "big5", "euc_jp": None,
    "euc_jis_2004": "euc_jp", "euc_jisx0213": "euc_jis_2004", "shift_jis": None, "cp932": "shift_jis", "shift_jis_2004": "shift_jis",
    "shift_jisx0213": "shift_jis_2004", "euc_kr": None, "cp949": "euc_kr", "johab": None,
}
out = bytearray()


def number(n):
    while n >= 128:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)


def signed(n):
    number(n << 1 if n >= 0 else (-n << 1) - 1)


def decode(name, data):
    try:
        return data.decode(name)
    except UnicodeError:
        return None


def encode(name, char):
    try:
        return char.encode(name)
    except UnicodeError:
        return None


pairs = []


def value(text):
    if text is None:
        return 0
    if len(text) == 2:
        if text not in pairs:
            pairs.append(text)
        return 0x110000 + pairs.index(text)
    return ord(text)


def cells(name):
    """128 single bytes, 128 × 256 of two, then 94 × 94 after 8F."""
    grid = [value(decode(name, bytes([lead]))) for lead in range(128, 256)]
    for lead in range(128, 256):
        for trail in range(256):
            text = decode(name, bytes([lead, trail])) if not grid[lead - 128] else None
            grid.append(value(text) if text is None or len(text) == 1 or text in PAIRS else 0)
    for a in range(0xA1, 0xFF):
        for b in range(0xA1, 0xFF):
            grid.append(value(decode(name, bytes([0x8F, a, b]))) if name.startswith("euc_j") else 0)
    return grid


PAIRS = {a + b for a in "\u304b\u304d\u304f\u3051\u3053\u30ab\u30ad\u30af\u30b1\u30b3\u30bb\u30c4\u30c8\u31f7" for b in "\u309a"}
PAIRS |= {a + b for a in "\u00e6\u0254\u028c\u0259\u025a" for b in "\u0300\u0301"} | {"\u02e9\u02e5", "\u02e5\u02e9"}
PAIRS |= {a + b for a in "\u00ca\u00ea" for b in "\u0304\u030c"}
made = {}
for name, base in CODECS.items():
    grid = cells(name)
    made[name] = grid
    before = made[base] if base else [0] * len(grid)
    # Runs: so many cells as before, so many others, as steps from the value before.
    at = last = 0
    while at < len(grid):
        start = at
        while at < len(grid) and grid[at] == before[at]:
            at += 1
        number(at - start)
        start = at
        while at < len(grid) and grid[at] != before[at]:
            at += 1
        number(at - start)
        for i in range(start, at):
            signed(grid[i] - last)
            last = grid[i]
    # Bytes whose single occurrence at the end is an error of its own, not the beginning of something.
    for lead in range(128, 256):
        reason = "incomplete"
        try:
            bytes([lead]).decode(name)
        except UnicodeDecodeError as e:
            reason = e.reason
        out.append(not reason.startswith("incomplete"))
    # Characters that are not encoded as the first cell that holds them.
    first = {}
    for i in range(128):
        first[bytes([i]).decode(name)] = bytes([i])
    for i, v in enumerate(grid):
        if v and v < 0x110000 and chr(v) not in first:
            first[chr(v)] = (bytes([128 + i]) if i < 128 else bytes(divmod(i - 128 + 0x8000, 256)) if i < 128 + 0x8000
                             else bytes([0x8F, 0xA1 + (i - 128 - 0x8000) // 94, 0xA1 + (i - 128 - 0x8000) % 94]))
    others = []
    for c in range(0x30000):
        got = encode(name, chr(c))
        if got is not None and len(got) > 3:
            got = None
        if got != first.get(chr(c)):
            others.append((c, got))
    number(len(others))
    last = 0
    for c, got in others:
        number(c - last)
        last = c
        number(int.from_bytes(got, "big") + 1 if got is not None else 0)
# gb18030 in four bytes below U+10000: runs of consecutive characters.
runs = []
for n in range(39420):
    a, r = divmod(n, 12600)
    b, r = divmod(r, 1260)
    c, d = divmod(r, 10)
    text = decode("gb18030", bytes([0x81 + a, 0x30 + b, 0x81 + c, 0x30 + d]))
    if text is None:
        continue
    if runs and runs[-1][0] + runs[-1][2] == n and runs[-1][1] + runs[-1][2] == ord(text):
        runs[-1][2] += 1
    else:
        runs.append([n, ord(text), 1])
number(len(runs))
for run in runs:
    for n in run:
        number(n)
number(len(pairs))
for text in pairs:
    for c in text:
        number(ord(c))
packed = lzma.compress(bytes(out), format=lzma.FORMAT_XZ, check=lzma.CHECK_CRC32, preset=9 | lzma.PRESET_EXTREME)
open(sys.argv[1], "wb").write(packed)
