# wheels: click
import os
import subprocess
import sys
import tempfile

import click
from click.testing import CliRunner


@click.group(context_settings={"auto_envvar_prefix": "TOOL"})
@click.option("--verbose", "-v", count=True, help="Say more.")
@click.version_option("1.2", prog_name="tool")
@click.pass_context
def cli(ctx, verbose):
    """A tool with commands."""
    ctx.obj = {"verbose": verbose}


@cli.command()
@click.argument("names", nargs=-1, required=True)
@click.option("--shout/--whisper", default=False)
@click.option("--times", type=click.IntRange(1, 5), default=1, show_default=True)
@click.option("--colour", type=click.Choice(["red", "green"], case_sensitive=False))
@click.pass_obj
def greet(obj, names, shout, times, colour):
    """Greet NAMES."""
    for name in names * times:
        text = f"Hello {name}" + "!" * obj["verbose"]
        click.secho(text.upper() if shout else text, fg=colour)


@cli.command()
@click.option("--source", type=click.File("r"), default="-")
@click.option("--password", prompt=True, hide_input=True, confirmation_prompt=True)
def load(source, password):
    click.echo(f"{len(password)} {source.read().strip()}")


@cli.command()
@click.argument("path", type=click.Path(exists=True, dir_okay=False))
@click.confirmation_option(prompt="Really?")
def drop(path):
    with click.progressbar(range(3), label="Dropping") as bar:
        for _ in bar:
            pass
    os.remove(path)
    raise click.ClickException("nothing left")


runner = CliRunner()
result = runner.invoke(cli, ["--help"])
assert result.exit_code == 0, result
assert result.output == """Usage: cli [OPTIONS] COMMAND [ARGS]...

  A tool with commands.

Options:
  -v, --verbose  Say more.
  --version      Show the version and exit.
  --help         Show this message and exit.

Commands:
  drop
  greet  Greet NAMES.
  load
""", result.output
assert runner.invoke(cli, ["--version"]).output == "tool, version 1.2\n"
assert runner.invoke(cli, ["-vv", "greet", "Ann", "Bob"]).output == "Hello Ann!!\nHello Bob!!\n"
assert runner.invoke(cli, ["greet", "--shout", "Ann", "--times=2"]).output == "HELLO ANN\n" * 2
assert runner.invoke(cli, ["greet", "Ann", "--colour", "RED"], color=True).output == "\x1b[31mHello Ann\x1b[0m\n"
assert runner.invoke(cli, ["greet", "Ann"], env={"TOOL_GREET_TIMES": "3"}).output == "Hello Ann\n" * 3
for arguments, code, text in [(["greet"], 2, "Missing argument 'NAMES...'"), (["greet", "x", "--times", "9"], 2, "9 is not in the range 1<=x<=5"),
                              (["gret"], 2, "No such command 'gret'"), (["greet", "x", "--colour", "blue"], 2, "'blue' is not one of 'red', 'green'")]:
    result = runner.invoke(cli, arguments)
    assert result.exit_code == code and text in result.output, result.output
with runner.isolated_filesystem():
    with open("f", "w") as f:
        f.write("content")
    result = runner.invoke(cli, ["load", "--source", "f"], input="pw\npw\n")
    assert result.exit_code == 0 and result.output.endswith("2 content\n"), result.output
    assert runner.invoke(cli, ["drop", "f"], input="n\n").exit_code == 1 and os.path.exists("f")
    result = runner.invoke(cli, ["drop", "f", "--yes"])
    assert result.exit_code == 1 and "Error: nothing left" in result.output and not os.path.exists("f")

# A program of its own, and the completion of shells.
with tempfile.TemporaryDirectory() as folder:
    script = os.path.join(folder, "tool.py")
    with open(script, "w") as f:
        f.write("import click\n@click.command()\n@click.argument('n', type=int)\ndef main(n):\n    click.echo(n * 2, err=n > 5)\nmain()\n")
    for argument, expected in [("4", (0, "8\n", "")), ("6", (0, "", "12\n"))]:
        done = subprocess.run([sys.executable, script, argument], capture_output=True, text=True)
        assert (done.returncode, done.stdout, done.stderr) == expected, done
    done = subprocess.run([sys.executable, script, "x"], capture_output=True, text=True)
    assert done.returncode == 2 and "'x' is not a valid integer" in done.stderr
from click.shell_completion import BashComplete

assert [c.value for c in BashComplete(cli, {}, "tool", "_TOOL").get_completions(["greet"], "--s")] == ["--shout"]
