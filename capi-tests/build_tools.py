#!/usr/bin/env python3
"""Builds the small projects of `tests/build-tools` with the tools that people use, for an installation of ours, and runs them.

    python3 capi-tests/build_tools.py [--prefix DIR] [NAME...]

Without --prefix, `cargo xtask install` makes an installation of what is built. The tools run on our interpreter too, in an
environment of that installation: pip builds a wheel of each project, installs it, and the project's `check.py` uses it with
the GIL off. The tools' wheels come from `fetch.py`; without them, or without the crates that PyO3 needs, a project is skipped with a message.
"""
import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fetch

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
PROJECTS = ROOT / "tests/build-tools"
BASE = ["setuptools", "wheel", "packaging"]
TOOLS = {
    "maturin": ["maturin"],
    "nanobind": ["nanobind", "scikit-build-core", "pathspec", "cmake", "ninja"],
    "pybind11": ["pybind11"],
    "cython": ["cython"],
    "scikit-build-core": ["scikit-build-core", "pathspec", "cmake", "ninja"],
    "meson-python": ["meson-python", "meson", "ninja", "pyproject-metadata"],
    "cffi": ["cffi", "pycparser"],
    "setuptools": [],
}


def call(command, **more):
    """Runs a command; after the time limit, it and what it started are killed."""
    with subprocess.Popen([str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                          start_new_session=True, **more) as child:
        try:
            text, _ = child.communicate(timeout=400)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            text, _ = child.communicate()
            text += "\ntimeout"
    return subprocess.CompletedProcess(command, child.returncode, text)


def must(command, **more):
    done = call(command, **more)
    if done.returncode:
        sys.exit(f"FAILED {' '.join(map(str, command))}\n{done.stdout}(exit {done.returncode})")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--prefix", type=Path, help="an installation to build for")
    parser.add_argument("--target", type=Path, help="cargo's folder with the release build to install (default: the checkout's)")
    parser.add_argument("only", nargs="*", help="names of projects")
    asked = parser.parse_intermixed_args()
    names = [n for n in TOOLS if not asked.only or n in asked.only]
    wheels = fetch.fetch(sorted({*BASE, *(t for n in names for t in TOOLS[n])}))
    skipped = {}
    for name in list(names):
        missing = [t for t in BASE + TOOLS[name] if t not in wheels]
        if missing:
            skipped[name] = f"no wheel of {', '.join(missing)} could be had"
        elif name == "maturin" and not shutil.which("cargo"):
            skipped[name] = "there is no cargo"
    names = [n for n in names if n not in skipped]
    failed = 0
    env = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "PIP_", "CARGO_", "RUST")) and k not in ("CC", "CXX", "CFLAGS", "CXXFLAGS", "VIRTUAL_ENV")}
    channel = re.search(r'channel = "(.*)"', (ROOT / "rust-toolchain.toml").read_text())
    env |= {"RUSTUP_TOOLCHAIN": channel[1]} if channel and shutil.which("rustup") else {}
    with tempfile.TemporaryDirectory() as tmp:
        tmp = Path(tmp)
        start = time.monotonic()
        prefix = asked.prefix
        if names and not prefix:
            prefix = tmp / "prefix"
            target = {"CARGO_TARGET_DIR": str(asked.target.resolve())} if asked.target else {}
            must(["cargo", "xtask", "install", "--prefix", prefix, "--no-build"], cwd=ROOT, env={**os.environ, **target})
        if names:
            must([prefix / "bin/python3.14t", "-m", "venv", tmp / "env"], env=env)
            python = tmp / "env/bin/python"
            pip = [python, "-m", "pip", "--disable-pip-version-check", "-q"]
            env |= {"PATH": f"{tmp / 'env/bin'}:{env['PATH']}", "PIP_NO_INDEX": "1"}
            tools = sorted({wheels[t] for n in names for t in BASE + TOOLS[n]})
            must([*pip, "install", "--no-deps", "--no-compile", *tools], env=env)
            print(f"ok an environment with {len(tools)} tools ({time.monotonic() - start:.1f} s)", flush=True)

        def build(name):
            """One project: name, status (none: skipped), what to say."""
            start = time.monotonic()
            project = tmp / "src" / name
            shutil.copytree(PROJECTS / name, project)
            if name == "maturin" and call(["cargo", "fetch", "-q"], cwd=project, env=env).returncode:
                return name, None, "the crates that PyO3 needs could not be had"
            done = call([*pip, "install", "--no-build-isolation", "--no-deps", project], env=env, cwd=tmp)
            if done.returncode == 0:
                done = call([python, "-P", "-W", "error::RuntimeWarning", project / "check.py"], env=env, cwd=tmp)
            return name, done.returncode, f"({time.monotonic() - start:.1f} s)" + (f"\n{done.stdout}" if done.returncode else "")

        with ThreadPoolExecutor(2) as pool:
            for name, code, text in pool.map(build, names):
                if code is None:
                    skipped[name] = text
                else:
                    failed += bool(code)
                    print(f"{'FAILED' if code else 'ok'} {name} {text}", flush=True)
    for name, why in skipped.items():
        print(f"skipped {name}: {why}")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
