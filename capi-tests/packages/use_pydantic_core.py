# wheels: pydantic-core typing-extensions
import datetime
import json
import threading

from pydantic_core import SchemaSerializer, SchemaValidator, ValidationError, core_schema as s, from_json, to_json, to_jsonable_python

class User:
    __slots__ = "__dict__", "__pydantic_fields_set__", "__pydantic_extra__", "__pydantic_private__"
schema = s.model_schema(User, s.model_fields_schema({
    "name": s.model_field(s.str_schema(min_length=2, strip_whitespace=True)),
    "age": s.model_field(s.int_schema(ge=0, lt=150)),
    "tags": s.model_field(s.with_default_schema(s.list_schema(s.str_schema()), default_factory=list)),
    "born": s.model_field(s.with_default_schema(s.nullable_schema(s.date_schema()), default=None)),
}))
user = SchemaValidator(schema)
ann = user.validate_python({"name": " Ann ", "age": "42", "born": "1984-05-06"})
assert isinstance(ann, User) and ann.__dict__ == {"name": "Ann", "age": 42, "tags": [], "born": datetime.date(1984, 5, 6)}
assert ann.__pydantic_fields_set__ == {"name", "age", "born"}
assert user.validate_json('{"name": "Bob", "age": 3, "tags": ["x", "\\u00e9"]}').tags == ["x", "\xe9"]
assert json.loads(SchemaSerializer(schema).to_json(ann)) == {"name": "Ann", "age": 42, "tags": [], "born": "1984-05-06"}
assert SchemaSerializer(schema).to_python(ann, exclude={"tags"}) == {"name": "Ann", "age": 42, "born": datetime.date(1984, 5, 6)}
try:
    user.validate_python({"name": "A", "age": 200, "tags": [1]})
except ValidationError as e:
    assert [(x["type"], x["loc"]) for x in e.errors()] == [("string_too_short", ("name",)), ("less_than", ("age",)), ("string_type", ("tags", 0))]
    assert e.error_count() == 3 and "String should have at least 2 characters" in str(e) and json.loads(e.json())[1]["ctx"] == {"lt": 150}
else:
    raise AssertionError("not refused")
either = SchemaValidator(s.union_schema([s.int_schema(), s.str_schema()]))
assert either.validate_python(5) == 5 and either.validate_python("x") == "x"
doubled = SchemaValidator(s.no_info_after_validator_function(lambda v: v * 2, s.int_schema()))
assert doubled.validate_python("21") == 42
wrapped = SchemaValidator(s.no_info_wrap_validator_function(lambda v, handler: [handler(v)], s.float_schema()))
assert wrapped.validate_python("1.5") == [1.5]
def fails(v):
    raise ValueError("no good")
try:
    SchemaValidator(s.no_info_plain_validator_function(fails)).validate_python(1)
except ValidationError as e:
    assert e.errors()[0]["msg"] == "Value error, no good" and type(e.errors()[0]["ctx"]["error"]) is ValueError
recursive = SchemaValidator(s.definitions_schema(s.definition_reference_schema("tree"), [
    s.typed_dict_schema({"n": s.typed_dict_field(s.int_schema()), "sub": s.typed_dict_field(s.list_schema(s.definition_reference_schema("tree")), required=False)}, ref="tree")]))
assert recursive.validate_python({"n": "1", "sub": [{"n": 2}]}) == {"n": 1, "sub": [{"n": 2}]}
loop = {"n": 1}
loop["sub"] = [loop]
try:
    recursive.validate_python(loop)
except ValidationError as e:
    assert e.errors()[0]["type"] == "recursion_loop"
assert SchemaValidator(s.dict_schema(s.int_schema(), s.timedelta_schema())).validate_json('{"1": "P1DT2H"}') == {1: datetime.timedelta(1, 7200)}
assert SchemaValidator(s.tuple_schema([s.int_schema(), s.bool_schema()])).validate_python(["1", "yes"]) == (1, True)
assert SchemaValidator(s.set_schema(s.int_schema())).validate_python([1, "1", 2]) == {1, 2}
assert from_json(b'[1, 2.5, {"a": null}]') == [1, 2.5, {"a": None}] and from_json('["x', allow_partial="trailing-strings") == ["x"]
assert to_json({"a": {1, 1}, "b": datetime.date(2020, 1, 2)}) == b'{"a":[1],"b":"2020-01-02"}' and to_jsonable_python(b"x") == "x"
results = []
def work():
    for i in range(300):
        made = user.validate_python({"name": f"n{i}", "age": str(i % 100), "tags": ["t"] * (i % 5)})
        results.append((made.name, made.age) == (f"n{i}", i % 100))
threads = [threading.Thread(target=work) for _ in range(4)]
for t in threads:
    t.start()
for t in threads:
    t.join()
assert results == [True] * 1200
