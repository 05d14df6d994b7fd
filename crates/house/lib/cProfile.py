"""Python interface of the profiler `_lsprof`."""

import _lsprof
import importlib.machinery
import io
import marshal
import profile as _pure

__all__ = ["run", "runctx", "Profile"]


def run(statement, filename=None, sort=-1):
    return _pure._Utils(Profile).run(statement, filename, sort)


def runctx(statement, globals, locals, filename=None, sort=-1):
    return _pure._Utils(Profile).runctx(statement, globals, locals, filename, sort)


run.__doc__ = _pure.run.__doc__
runctx.__doc__ = _pure.runctx.__doc__


def label(code):
    """The key under which pstats files a function: file, line, name."""
    if isinstance(code, str):
        # a native function
        return ("~", 0, code)
    return (code.co_filename, code.co_firstlineno, code.co_name)


class Profile(_lsprof.Profiler):
    """Profile(timer=None, timeunit=None, subcalls=True, builtins=True)

    Builds a profiler object using the specified timer function.
    The default timer is a fast built-in one based on real time.
    For custom timer functions returning integers, 'timeunit' can
    be a float specifying a scale (that is, how long each integer unit
    is, in seconds).
    """

    def print_stats(self, sort=-1):
        import pstats

        keys = sort if isinstance(sort, tuple) else (sort,)
        pstats.Stats(self).strip_dirs().sort_stats(*keys).print_stats()

    def dump_stats(self, file):
        with open(file, "wb") as out:
            self.create_stats()
            marshal.dump(self.stats, out)

    def create_stats(self):
        self.disable()
        self.snapshot_stats()

    def snapshot_stats(self):
        # function -> (primitive calls, calls, own time, cumulative time, {caller: the same for its calls})
        callers = {}
        own = {}
        for entry in self.getstats():
            name = label(entry.code)
            calls, primitive = entry.callcount, entry.callcount - entry.reccallcount
            times = (primitive, calls, entry.inlinetime, entry.totaltime)
            if name in own:
                times = tuple(a + b for a, b in zip(own[name], times))
            own[name] = times
            callers.setdefault(name, {})
            for sub in entry.calls or ():
                found = callers.setdefault(label(sub.code), {})
                part = (sub.callcount - sub.reccallcount, sub.callcount, sub.inlinetime, sub.totaltime)
                # pstats wants calls first here
                part = (part[1], part[0], part[2], part[3])
                if name in found:
                    part = tuple(a + b for a, b in zip(found[name], part))
                found[name] = part
        self.stats = {name: times + (callers.get(name, {}),) for name, times in own.items()}

    def run(self, cmd):
        import __main__

        return self.runctx(cmd, __main__.__dict__, __main__.__dict__)

    def runctx(self, cmd, globals, locals):
        self.enable()
        try:
            exec(cmd, globals, locals)
        finally:
            self.disable()
        return self

    def runcall(self, func, /, *args, **kw):
        self.enable()
        try:
            return func(*args, **kw)
        finally:
            self.disable()

    def __enter__(self):
        self.enable()
        return self

    def __exit__(self, *exc_info):
        self.disable()


def main():
    import os
    import runpy
    import sys
    import types
    from optparse import OptionParser

    usage = "cProfile.py [-o output_file_path] [-s sort] [-m module | scriptfile] [arg] ..."
    parser = OptionParser(usage=usage)
    parser.allow_interspersed_args = False
    parser.add_option("-o", "--outfile", dest="outfile", help="Save stats to <outfile>", default=None)
    parser.add_option("-s", "--sort", dest="sort", help="Sort order when printing to stdout, based on pstats.Stats class", default=2)
    parser.add_option("-m", dest="module", action="store_true", help="Profile a library module", default=False)
    if not sys.argv[1:]:
        parser.print_usage()
        sys.exit(2)
    options, args = parser.parse_args()
    sys.argv[:] = args
    if options.outfile is not None:
        options.outfile = os.path.abspath(options.outfile)
    if not args:
        parser.print_usage()
        return parser
    if options.module:
        code = "run_module(modname, run_name='__main__')"
        globs = {"run_module": runpy.run_module, "modname": args[0]}
        name = "__main__"
        module = types.ModuleType(name)
    else:
        program = args[0]
        sys.path.insert(0, os.path.dirname(program))
        with io.open_code(program) as source:
            code = compile(source.read(), program, "exec")
        spec = importlib.machinery.ModuleSpec(name="__main__", loader=None, origin=program)
        module = types.ModuleType("__main__")
        sys.modules["__main__"] = module
        globs = module.__dict__
        globs.update({"__spec__": spec, "__file__": spec.origin, "__name__": spec.name, "__package__": None, "__cached__": None})
    try:
        runctx(code, globs, None, options.outfile, options.sort)
    except BrokenPipeError as e:
        # the reader of the report went away
        sys.stdout = None
        sys.exit(e.errno)
    return parser


if __name__ == "__main__":
    main()
