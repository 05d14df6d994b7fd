# wheels: rich markdown-it-py mdurl pygments
import io

from rich.columns import Columns
from rich.console import Console, Group
from rich.json import JSON
from rich.markdown import Markdown
from rich.panel import Panel
from rich.pretty import pretty_repr
from rich.progress import Progress
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text
from rich.traceback import Traceback
from rich.tree import Tree


def show(*what, **options):
    file = io.StringIO()
    Console(file=file, width=options.pop("width", 40), legacy_windows=False, **options).print(*what)
    return file.getvalue()


table = Table(title="Things", caption="end")
table.add_column("Name", style="cyan", no_wrap=True)
table.add_column("N", justify="right")
table.add_row("one", "1")
table.add_row("two [b]bold[/b]", "22")
assert show(table) == (
    "       Things       \n┏━━━━━━━━━━┳━━━━┓\n┃ Name     ┃  N ┃\n┡━━━━━━━━━━╇━━━━┩\n│ one      │  1 │\n│ two bold │ 22 │\n└──────────┴────┘\n"
    "        end        \n").replace("       Things       ", "     Things      ").replace("        end        ", "       end       "), show(table)
assert show("[bold red]x[/] [link=u]y[/link]", force_terminal=True, color_system="standard", no_color=False).startswith("\x1b[1;31mx\x1b[0m ")
assert show(Panel("text", title="T", width=12)) == "╭─── T ────╮\n│ text     │\n╰──────────╯\n"
tree = Tree("root")
tree.add("a").add("b")
tree.add("c")
assert show(tree) == "root\n├── a\n│   └── b\n└── c\n"
assert show("日本語 wide" * 4, width=20).count("\n") >= 3
text = Text("hello world")
text.stylize("bold", 0, 5)
text.highlight_words(["world"], "italic")
assert [(s.start, s.end, str(s.style)) for s in text.spans] == [(0, 5, "bold"), (6, 11, "italic")] and text.markup == "[bold]hello[/bold] [italic]world[/italic]"
out = show(Markdown("# Title\n\n* one\n* two\n\n> quote\n\n1. `code`\n"))
assert "Title" in out and " • one" in out and "▌ quote" in out and " 1 code" in out, out
out = show(Syntax("def f(x):\n    return x + 1\n", "python", line_numbers=True))
assert "1 def f(x):" in out and "2     return x + 1" in out, out
assert pretty_repr({"a": list(range(30)), "b": {"c": "x" * 30}}, max_width=40).startswith("{\n    'a': [\n        0,")
assert show(JSON('{"a": [1, null, true], "b": "x"}')) == '{\n  "a": [\n    1,\n    null,\n    true\n  ],\n  "b": "x"\n}\n'
assert show(Columns(["aa", "bb", "cc"], width=10)).split() == ["aa", "bb", "cc"] and show(Group("x", "y")) == "x\ny\n"


def fails(depth):
    value = [depth]
    if depth == 0:
        raise ValueError("deep")
    fails(depth - 1)


try:
    fails(2)
except ValueError as e:
    out = show(Traceback.from_exception(type(e), e, e.__traceback__, show_locals=True), width=80)
assert "ValueError: deep" in out and "fails(depth - 1)" in out and "value = [0]" in out, out
file = io.StringIO()
with Progress(console=Console(file=file, width=60, force_terminal=True)) as progress:
    task = progress.add_task("Work", total=50)
    for _ in range(50):
        progress.advance(task)
    assert progress.finished
assert "Work" in file.getvalue() and "100%" in file.getvalue()
console = Console(record=True, file=io.StringIO(), width=30)
console.print("[green]ok[/green]")
console.rule("R")
assert "ok" in console.export_text(clear=False) and "<span" in console.export_html()
with Console(file=io.StringIO()).status("waiting"):
    pass
from rich import inspect

file = io.StringIO()
inspect([1, 2], console=Console(file=file, width=80), methods=True)
assert "append" in file.getvalue() and "[1, 2]" in file.getvalue()
from rich.logging import RichHandler
import logging

file = io.StringIO()
logger = logging.getLogger("r")
logger.addHandler(RichHandler(console=Console(file=file, width=100)))
logger.warning("watch %s", "out")
assert "WARNING" in file.getvalue() and "watch out" in file.getvalue()
