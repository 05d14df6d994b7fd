# wheels: markupsafe
import markupsafe
from markupsafe import Markup, escape, escape_silent, soft_str, _speedups
assert _speedups.__file__.endswith(".so")
for text in ["", "abc", "<a href='x'>\"&</a>", "\xe9<", "\u2603&\u2603", "\U0001f600>\U0001f600", "<" * 1000]:
    expected = text
    for raw, safe in [("&", "&amp;"), (">", "&gt;"), ("<", "&lt;"), ("'", "&#39;"), ('"', "&#34;")]:
        expected = expected.replace(raw, safe)
    assert escape(text) == expected and type(escape(text)) is Markup, text
    assert _speedups._escape_inner(text) == expected
assert escape(5) == "5" and escape(Markup("<b>")) == "<b>" and escape_silent(None) == ""
class Html:
    def __html__(self):
        return "<x>"
assert escape(Html()) == "<x>"
assert Markup("<i>%s</i>") % "<&" == "<i>&lt;&amp;</i>" and Markup("{0!r}").format("<") == "&#39;&lt;&#39;"
assert Markup("<b>a</b> &gt;").striptags() == "a >" and Markup("&lt;").unescape() == "<"
assert soft_str(Markup("x")) == "x" and Markup("a").join(["<", Markup("<")]) == "&lt;a<"
assert escape(b"<") == "b&#39;&lt;&#39;"
