# wheels: pytest iniconfig packaging pluggy pygments
"""A folder of tests with fixtures, parameters, assertion rewriting, marks, plugins and doctests, run by pytest."""
import os
import subprocess
import sys
import tempfile
import textwrap
import xml.etree.ElementTree as ElementTree
from pathlib import Path

FILES = {
    "pytest.ini": "[pytest]\nmarkers = slow: takes long\ntestpaths = tests\n",
    "tests/conftest.py": """
        import pytest

        log = []

        @pytest.fixture(scope="session")
        def service():
            log.append("start")
            yield log
            log.append("stop")

        @pytest.fixture(params=["one", "two"])
        def kind(request):
            return request.param

        @pytest.fixture
        def factory(tmp_path):
            def make(name, text=""):
                path = tmp_path / name
                path.write_text(text)
                return path
            return make

        def pytest_collection_modifyitems(items):
            items.sort(key=lambda item: item.name == "test_last")

        def pytest_terminal_summary(terminalreporter):
            terminalreporter.write_line(f"service log: {log}")

        def pytest_assertrepr_compare(op, left, right):
            if isinstance(left, complex) and op == "==":
                return ["complex numbers differ", f"   {left} and {right}"]
    """,
    "tests/test_good.py": """
        import asyncio
        import os
        import sys
        import threading
        import warnings

        import pytest

        @pytest.mark.parametrize("value,expected", [(1, 1), (2, 4), pytest.param(3, 9, id="three")])
        @pytest.mark.parametrize("sign", [-1, 1])
        def test_square(value, expected, sign):
            assert (value * sign) ** 2 == expected

        class TestGroup:
            @pytest.fixture(autouse=True)
            def prepare(self, service):
                self.service = service

            def test_service(self, kind):
                assert self.service == ["start"] and kind in ("one", "two")

            def test_files(self, factory, monkeypatch):
                path = factory("a.txt", "text")
                monkeypatch.setenv("WHERE", str(path))
                monkeypatch.setattr(os, "getlogin", lambda: "nobody", raising=False)
                assert open(os.environ["WHERE"]).read() == "text" and os.getlogin() == "nobody"

        def test_raises():
            with pytest.raises(ZeroDivisionError, match="division") as info:
                1 / 0
            assert info.traceback[-1].lineno > 0
            with pytest.raises(ExceptionGroup) as group:
                raise ExceptionGroup("g", [ValueError(1), TypeError(2)])
            assert group.group_contains(TypeError)

        def test_warns():
            with pytest.warns(DeprecationWarning, match="old"):
                warnings.warn("old thing", DeprecationWarning)
            assert 0.1 + 0.2 == pytest.approx(0.3) and [1.0, 2] == pytest.approx([1, 2.0000001])

        def test_output(capsys, caplog, recwarn):
            import logging
            print("to out")
            print("to err", file=sys.stderr)
            logging.getLogger("x").warning("logged %d", 5)
            assert capsys.readouterr() == ("to out\\n", "to err\\n") and caplog.messages == ["logged 5"] and not recwarn

        def test_fd(capfd):
            os.write(1, b"raw")
            assert capfd.readouterr().out == "raw"

        @pytest.mark.skipif(sys.version_info >= (3,), reason="of no use now")
        def test_skipped():
            assert False

        @pytest.mark.xfail(strict=True, raises=KeyError)
        def test_expected_failure():
            {}["x"]

        @pytest.mark.slow
        def test_slow():
            assert False

        def test_threads():
            done = []
            threads = [threading.Thread(target=done.append, args=(i,)) for i in range(8)]
            for t in threads:
                t.start()
            for t in threads:
                t.join()
            assert sorted(done) == list(range(8))

        def test_async():
            async def main():
                return await asyncio.gather(*(asyncio.sleep(0, i) for i in range(3)))
            assert asyncio.run(main()) == [0, 1, 2]

        def test_last(request, service):
            assert request.node.name == "test_last" and request.getfixturevalue("factory")("b").exists()
    """,
    "tests/test_bad.py": """
        import unittest

        def helper(x):
            return x + 1

        def test_compare():
            left = {"a": [1, 2, 3], "b": "text"}
            assert left == {"a": [1, 2, 4], "b": "text"}

        def test_call():
            assert helper(helper(2)) == 5, "not five"

        def test_custom():
            assert 1j == 2j

        def test_strings():
            assert "one\\ntwo\\nthree" == "one\\n2\\nthree"

        def test_all():
            assert all(x % 2 == 0 for x in [2, 4, 5])

        def test_error(missing_fixture):
            pass

        class Old(unittest.TestCase):
            def setUp(self):
                self.x = 1

            def test_old(self):
                for i in range(2):
                    with self.subTest(i=i):
                        self.assertEqual(self.x, 1)

            def test_old_failure(self):
                self.assertIn(3, [1, 2])
    """,
    "documented.py": """
        def double(x):
            \'\'\'
            >>> double(2)
            4
            >>> double("ab")
            'abab'
            \'\'\'
            return x * 2
    """.replace("\\'", "'"),
}


def run(folder, *options):
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--color=no", *options]
    done = subprocess.run(command, cwd=folder, env={**os.environ, "PYTHONDONTWRITEBYTECODE": ""}, capture_output=True, text=True, timeout=100)
    return done.returncode, done.stdout + done.stderr


with tempfile.TemporaryDirectory() as folder:
    for name, text in FILES.items():
        path = Path(folder, name)
        path.parent.mkdir(exist_ok=True)
        path.write_text(textwrap.dedent(text))
    code, text = run(folder, "-m", "not slow", "tests/test_good.py", "-v")
    assert code == 0 and "16 passed, 1 skipped, 1 deselected, 1 xfailed" in text, text
    assert "tests/test_good.py::test_square[-1-three] PASSED" in text and "TestGroup::test_service[two] PASSED" in text, text
    assert text.index("::test_last") > text.index("::test_async") and "service log: ['start', 'stop']" in text, text
    # Rewritten modules are read from their cache the second time.
    assert list(Path(folder, "tests/__pycache__").glob("test_good.*pytest*.pyc")), text
    code, text = run(folder, "-q", "-m", "not slow", "tests/test_good.py", "-k", "square or raises", "--durations=2")
    assert code == 0 and "7 passed" in text, text

    code, text = run(folder, "tests/test_bad.py", "-rA", "--junitxml=report.xml", "-vv", "--showlocals")
    assert code == 1 and "6 failed, 1 passed" in text.replace(", 2 subtests passed", "") and "1 error" in text, text
    for part in ["assert {'a': [1, 2, 3], 'b': 'text'} == {'a': [1, 2, 4], 'b': 'text'}", "Differing items:", "{'a': [1, 2, 3]} != {'a': [1, 2, 4]}",
                 "AssertionError: not five", "assert 4 == 5", "where 4 = helper(3)", "where 3 = helper(2)", "complex numbers differ",
                 "- 2", "+ two", "assert False", "where False = all(", "fixture 'missing_fixture' not found", "AssertionError: 3 not found in [1, 2]",
                 "left       = {'a': [1, 2, 3], 'b': 'text'}"]:
        assert part in text, (part, text)
    suite = ElementTree.parse(Path(folder, "report.xml")).getroot().find("testsuite")
    assert suite.get("failures") == "6" and suite.get("errors") == "1", suite.attrib
    code, text = run(folder, "--doctest-modules", "documented.py", "-q")
    assert code == 0 and "1 passed" in text, text
    code, text = run(folder, "--collect-only", "-q", "tests/test_bad.py")
    assert code == 0 and "8 tests collected" in text, text
