# wheels: pyyaml
import datetime
import yaml
from yaml import CSafeDumper, CSafeLoader, _yaml
assert yaml.__with_libyaml__ and _yaml.__file__.endswith(".so")
document = """
a: [1, 2.5, -.inf, true, null, x, 2020-01-02]
b: &anchor {c: "d\\u00e9", e: 0x10}
f: *anchor
g: |
  one
  two
h: !!binary aGk=
? complex
: key
"""
value = yaml.load(document, Loader=CSafeLoader)
assert value["a"] == [1, 2.5, float("-inf"), True, None, "x", datetime.date(2020, 1, 2)]
assert value["f"] is value["b"] and value["b"] == {"c": "d\xe9", "e": 16}
assert value["g"] == "one\ntwo\n" and value["h"] == b"hi" and value["complex"] == "key"
assert value == yaml.load(document, Loader=yaml.SafeLoader)
for data in [[], {}, [1, [2, {"a": None}]], {"x": "a\nb", "y": [1.5, True]}, "\u2603", {"k": datetime.date(2020, 1, 2)}]:
    text = yaml.dump(data, Dumper=CSafeDumper, allow_unicode=True)
    assert yaml.load(text, Loader=CSafeLoader) == data, text
    assert yaml.load(text, Loader=yaml.SafeLoader) == data, text
assert list(yaml.load_all("a\n---\nb\n", Loader=CSafeLoader)) == ["a", "b"]
assert [type(e).__name__ for e in yaml.parse("[a]", Loader=CSafeLoader)] == [type(e).__name__ for e in yaml.parse("[a]")]
for bad in ["a: [", "a: b: c", "\t", "*x", "'"]:
    try:
        yaml.load(bad, Loader=CSafeLoader)
    except yaml.MarkedYAMLError as e:
        assert e.problem_mark.line >= 0 and str(e)
    else:
        raise AssertionError(bad)
big = [{"n": i, "s": str(i) * 3} for i in range(500)]
assert yaml.load(yaml.dump(big, Dumper=CSafeDumper), Loader=CSafeLoader) == big
