# wheels: jinja2 markupsafe
import asyncio
import threading

from jinja2 import ChoiceLoader, DictLoader, Environment, StrictUndefined, TemplateNotFound, TemplateSyntaxError, UndefinedError, select_autoescape
from jinja2.ext import Extension
from jinja2.sandbox import SandboxedEnvironment, SecurityError

env = Environment(
    loader=ChoiceLoader([DictLoader({
        "base.html": "<title>{% block title %}none{% endblock %}</title>{% block body %}{% endblock %}",
        "page.html": "{% extends 'base.html' %}{% import 'macros.html' as m %}{% block title %}{{ super() }}: {{ title }}{% endblock %}"
                     "{% block body %}{% for item in items if item.on recursive %}{{ loop.index }}/{{ loop.length }} {{ m.link(item.name) }}"
                     "{% if not loop.last %}, {% endif %}{% else %}empty{% endfor %}{% include 'foot.html' %}{% endblock %}",
        "macros.html": "{% macro link(text, url='#') -%}<a href='{{ url }}'>{{ text }}</a>{%- endmacro %}",
        "foot.html": "|{{ title|upper }}|",
    })]),
    autoescape=select_autoescape(), extensions=["jinja2.ext.do", "jinja2.ext.loopcontrols", "jinja2.ext.i18n"], undefined=StrictUndefined,
)
page = env.get_template("page.html")
items = [{"name": "a<b", "on": True}, {"name": "off", "on": False}, {"name": "c", "on": True}]
assert page.render(title="T&", items=items) == (
    "<title>none: T&amp;</title>1/2 <a href='#'>a&lt;b</a>, 2/2 <a href='#'>c</a>|T&amp;|"), page.render(title="T&", items=items)
assert page.render(title="x", items=[]) == "<title>none: x</title>empty|X|"
assert "".join(page.generate(title="x", items=[])) == page.render(title="x", items=[])


def say(text, **context):
    return env.from_string(text).render(**context)


for text, expected in [
    ("{{ [3, 1, 2]|sort|join('-') }}", "1-2-3"), ("{{ 'abc'[::-1] ~ 5 }}", "cba5"), ("{{ 7 // 2 }} {{ 2 ** 5 }} {{ 7 % 4 }}", "3 32 3"),
    ("{% set ns = namespace(n=0) %}{% for i in range(5) %}{% if i == 3 %}{% break %}{% endif %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n }}", "3"),
    ("{{ people|groupby('age')|map('first')|list }}", "[30, 40]"), ("{{ people|selectattr('age', 'gt', 35)|map(attribute='name')|join }}", "B"),
    ("{% do lst.append(4) %}{{ lst }}", "[1, 4]"), ("{{ none|default('d', true) }} {{ 'x' if false else 'y' }}", "d y"),
    ("{% filter upper %}a{% endfilter %}{% raw %}{{ x }}{% endraw %}{# no #}", "A{{ x }}"), ("{{ 3.14159|round(2) }} {{ '%.1f'|format(2) }}", "3.14 2.0"),
    ("{%- for k, v in {'a': 1}.items() %} {{ k }}={{ v }} {%- endfor %}", " a=1"), ("{% with a = 1 %}{{ a is odd and a in [1] }}{% endwith %}", "True"),
    ("{% trans n=2 %}one{% pluralize n %}{{ n }} many{% endtrans %}", "2 many"), ("{{ 'a b'|urlencode }} {{ '<b>x</b>'|striptags }}", "a%20b x"),
    ("{% macro outer() %}[{{ caller(1) }}]{% endmacro %}{% call(x) outer() %}{{ x }}!{% endcall %}", "[1!]"), ("{{ {'b': 1, 'a': 2}|tojson }}", '{"a": 2, "b": 1}'),
]:
    env.install_null_translations()
    got = env.from_string(text).render(people=[{"name": "A", "age": 30}, {"name": "B", "age": 40}], lst=[1])
    assert str(got).replace("&#34;", '"') == expected, (text, got)
env.filters["twice"] = lambda v: v * 2
env.tests["big"] = lambda v: v > 10
env.globals["now"] = "noon"
assert say("{{ 6|twice is big }} {{ now }}") == "True noon"
for text, error, part in [("{% if %}", TemplateSyntaxError, "Expected an expression"), ("{{ missing }}", UndefinedError, "'missing' is undefined"),
                          ("{% extends 'no' %}", TemplateNotFound, "no"), ("{% endfor %}", TemplateSyntaxError, "Encountered unknown tag 'endfor'")]:
    try:
        say(text)
    except error as e:
        assert part in str(e), e
    else:
        raise AssertionError(text)
# A traceback shows the template's line.
import traceback

broken = Environment(loader=DictLoader({"t": "one\n\n{{ 1 / zero }}"})).get_template("t")
try:
    broken.render(zero=0)
except ZeroDivisionError as e:
    last = traceback.extract_tb(e.__traceback__)[-1]
    assert last.lineno == 3 and last.name == "top-level template code", last
try:
    SandboxedEnvironment().from_string("{{ ''.__class__.__mro__ }}").render()
except SecurityError:
    pass
else:
    raise AssertionError("the sandbox let it through")


class Shout(Extension):
    tags = {"shout"}

    def parse(self, parser):
        from jinja2 import nodes

        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endshout",), drop_needle=True)
        return nodes.CallBlock(self.call_method("_shout"), [], [], body).set_lineno(line)

    def _shout(self, caller):
        return caller().upper()


assert Environment(extensions=[Shout]).from_string("a{% shout %}b{% endshout %}").render() == "aB"


async def main():
    async def slow(n):
        await asyncio.sleep(0)
        return n

    async def numbers():
        for i in range(3):
            yield i

    template = Environment(enable_async=True).from_string("{{ slow(5) }}{% for i in numbers() %}{{ i }}{% endfor %}")
    return await template.render_async(slow=slow, numbers=numbers)


assert asyncio.run(main()) == "5012"
errors = []
threading.excepthook = errors.append


def work():
    for i in range(30):
        assert say("{% for k in range(n) %}{{ k }}{% endfor %}" + f"{{# {i} #}}", n=3) == "012"
        assert page.render(title="x", items=[]).endswith("|X|")


threads = [threading.Thread(target=work) for _ in range(4)]
for t in threads:
    t.start()
for t in threads:
    t.join()
assert not errors, errors
