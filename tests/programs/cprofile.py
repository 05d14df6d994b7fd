# cProfile counts calls of Python and native functions; a second profiler is refused.
import cProfile, pstats, io, sys


def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


p = cProfile.Profile()
p.enable()
fib(6)
len([1, 2])
[].append(3)
try:
    cProfile.Profile().enable()
except ValueError as e:
    assert "already in use" in str(e)
p.disable()
assert sys.monitoring.get_tool(sys.monitoring.PROFILER_ID) is None
rows = {}
for e in p.getstats():
    rows[e.code if isinstance(e.code, str) else e.code.co_name] = e
assert rows["fib"].callcount == 25 and rows["fib"].reccallcount == 24, rows["fib"]
assert rows["<built-in method builtins.len>"].callcount >= 1
assert "<method 'append' of 'list' objects>" in rows, rows
assert rows["fib"].calls[0].callcount == 24
out = io.StringIO()
pstats.Stats(p, stream=out).sort_stats("cumulative").print_stats()
assert "fib" in out.getvalue()
print("ok")
