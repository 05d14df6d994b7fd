"""Runs the driver's child with every test method in several threads at once: `threads.py CHILD ARGUMENTS`.

The number of threads comes from the variable CONFORMANCE_THREADS. Tests and classes that `test.support.thread_unsafe` marks run once,
as in CPython's regrtest. A method passes when it passes in every thread; otherwise the worst outcome of its threads counts.
"""
import copy
import os
import runpy
import sys
import threading
import unittest

COUNT = int(os.environ.get("CONFORMANCE_THREADS", "4"))


class Outcome(unittest.TestResult):
    """What one thread saw; the exceptions are kept as they are."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def addError(self, test, err):
        self.seen.append((4, "addError", err))

    def addFailure(self, test, err):
        self.seen.append((3, "addFailure", err))

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self.addFailure(test, err) if issubclass(err[0], test.failureException) else self.addError(test, err)

    def addUnexpectedSuccess(self, test):
        self.seen.append((2, "addUnexpectedSuccess", None))

    def addSkip(self, test, reason):
        # A skipped sub-test does not make the method skipped.
        if isinstance(test, unittest.TestCase) and not hasattr(test, "test_case"):
            self.seen.append((1, "addSkip", reason))

    def addExpectedFailure(self, test, err):
        self.seen.append((0, "addExpectedFailure", err))

    def addSuccess(self, test):
        self.seen.append((-1, "addSuccess", None))


class Together(unittest.TestCase):
    """A test case that stands for several copies of another, each in its thread."""

    def __init__(self, case):
        self.case = case
        self._testMethodName = case._testMethodName
        self._testMethodDoc = case._testMethodDoc

    # unittest finds the fixtures of classes and modules through this.
    __class__ = property(lambda self: type(self.case))

    def id(self):
        return self.case.id()

    def run(self, result):
        result.startTest(self)
        barrier = threading.Barrier(COUNT)
        outcomes = [Outcome() for _ in range(COUNT)]

        def work(case, outcome):
            barrier.wait()
            case.run(outcome)

        threads = [threading.Thread(target=work, args=(copy.copy(self.case), outcome), daemon=True) for outcome in outcomes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seen = [entry for outcome in outcomes for entry in outcome.seen]
        _, method, argument = max(seen, key=lambda entry: entry[0], default=(0, "addSkip", "no outcome"))
        getattr(result, method)(self, *([] if argument is None else [argument]))
        result.stopTest(self)


def spread(suite):
    tests = []
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            spread(test)
        elif isinstance(test, unittest.TestCase) and not unsafe(test):
            test = Together(test)
        tests.append(test)
    suite._tests = tests


def unsafe(test):
    method = getattr(test, test._testMethodName, None)
    return getattr(method, "__unittest_thread_unsafe__", False) or getattr(test, "__unittest_thread_unsafe__", False)


class Loader(unittest.TestLoader):
    def loadTestsFromModule(self, module, **keywords):
        suite = super().loadTestsFromModule(module, **keywords)
        spread(suite)
        return suite


unittest.TestLoader = Loader
sys.argv = sys.argv[1:]
sys.path[0] = os.path.dirname(sys.argv[0])
runpy.run_path(sys.argv[0], run_name="__main__")
