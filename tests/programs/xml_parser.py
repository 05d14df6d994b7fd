# pyexpat: events, namespaces, entities, encodings, positions of errors.
from xml.parsers import expat
import xml.etree.ElementTree as ET


def events(data, chunk=None, ns=None, **attrs):
    out = []
    p = expat.ParserCreate(namespace_separator=ns)
    for k, v in attrs.items():
        setattr(p, k, v)
    p.StartElementHandler = lambda n, a: out.append(("start", n, a))
    p.EndElementHandler = lambda n: out.append(("end", n))
    p.CharacterDataHandler = lambda t: out.append(("text", t))
    p.CommentHandler = lambda t: out.append(("comment", t))
    p.ProcessingInstructionHandler = lambda t, d: out.append(("pi", t, d))
    if chunk:
        for i in range(0, len(data), chunk):
            p.Parse(data[i:i + chunk], False)
        p.Parse(b"", True)
    else:
        p.Parse(data, True)
    joined = []
    for e in out:
        if joined and e[0] == joined[-1][0] == "text":
            joined[-1] = ("text", joined[-1][1] + e[1])
        else:
            joined.append(e)
    return joined


doc = b'<?xml version="1.0"?>\n<a x="1 &lt;\n2"><!-- c --><b/>t\xc3\xa4xt &amp; &#65;<![CDATA[<raw>]]><?go on?></a>\n'
whole = events(doc, buffer_text=True)
assert whole == [
    ("start", "a", {"x": "1 < 2"}), ("comment", " c "), ("start", "b", {}), ("end", "b"),
    ("text", "t\xe4xt & A<raw>"), ("pi", "go", "on"), ("end", "a")], whole
for chunk in (1, 2, 3, 7):
    assert events(doc, chunk, buffer_text=True) == whole, chunk
assert events("<a>\xe4</a>".encode("utf-16"), 3, buffer_text=True)[1] == ("text", "\xe4")
assert events(b'<?xml version="1.0" encoding="cp1252"?><a>\x80</a>')[1] == ("text", "\u20ac")
assert events(b'<r xmlns="u" xmlns:p="v" p:k="1"><p:x/></r>', ns=" ")[:2] == [("start", "u r", {"v k": "1"}), ("start", "v x", {})]
assert events(b'<!DOCTYPE a [<!ENTITY e "[<b>x</b>&f;]"><!ENTITY f "y"><!ATTLIST a d CDATA "def">]><a>&e;</a>', buffer_text=True) == [
    ("start", "a", {"d": "def"}), ("text", "["), ("start", "b", {}), ("text", "x"), ("end", "b"), ("text", "y]"), ("end", "a")]

for bad, text in [
    (b"", "no element found: line 1, column 0"),
    (b"<a>\n<b></a>", "mismatched tag: line 2, column 5"),
    (b"<a></a><b/>", "junk after document element: line 1, column 7"),
    (b"<a>&nope;</a>", "undefined entity: line 1, column 3"),
    (b'<a x="1" x="2"/>', "duplicate attribute: line 1, column 9"),
    (b"<a>\x01</a>", "not well-formed (invalid token): line 1, column 3"),
    (b"<a", "unclosed token: line 1, column 0"),
    (b"<a><b>", "no element found: line 1, column 6"),
    (b"<a>]]></a>", "not well-formed (invalid token): line 1, column 5"),
    (b'<!DOCTYPE a [<!ENTITY a "&b;"><!ENTITY b "&a;">]><a>&a;</a>', "recursive entity reference: line 1, column 52"),
    (b"<p:a/>", None),
]:
    try:
        expat.ParserCreate().Parse(bad, True)
        assert text is None, bad
    except expat.ExpatError as e:
        assert str(e) == text, (bad, str(e))

laughs = b'<!DOCTYPE a [<!ENTITY x0 "' + b"ha" * 50 + b'">'
for i in range(1, 12):
    laughs += b'<!ENTITY x%d "%s">' % (i, b"&x%d;" % (i - 1) * 10)
try:
    expat.ParserCreate().Parse(laughs + b"]><a>&x11;</a>", True)
    raise AssertionError
except expat.ExpatError as e:
    assert e.code == expat.errors.codes[expat.errors.XML_ERROR_AMPLIFICATION_LIMIT_BREACH]

root = ET.fromstring("<r><c n='1'>x</c>tail</r>")
assert ET.tostring(root) == b'<r><c n="1">x</c>tail</r>'
print("ok")
