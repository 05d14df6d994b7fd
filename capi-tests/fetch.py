"""Wheels of other projects, pinned, in a cache folder outside the repository.

`fetch(names)` gives the files that could be had: from the reference's wheels folder, from the cache (`FREEWHEEL_WHEELS`,
default `~/.cache/freewheel-tests/wheels`), else from the package index that the host's pip uses.
"""
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

REFERENCE = Path(os.environ.get("REFERENCE", Path.home() / ".cache/python-reference"))
CACHE = Path(os.environ.get("FREEWHEEL_WHEELS", Path.home() / ".cache/freewheel-tests/wheels"))
PLATFORMS = ["manylinux2014_x86_64", "manylinux_2_17_x86_64", "manylinux_2_27_x86_64", "manylinux_2_28_x86_64"]
PINS = dict(line.split("==") for line in """
numpy==2.5.5
scipy==1.18.1
matplotlib==3.11.2
pillow==13.0.0
cffi==2.1.1
cryptography==50.0.2
markupsafe==3.0.4
pydantic-core==2.50.4
pyyaml==6.0.3
rpds-py==2026.9.1
contourpy==1.4.0
kiwisolver==1.5.1
cycler==0.12.1
fonttools==4.68.0
packaging==26.3
pyparsing==3.3.3
python-dateutil==4.0.0
six==1.17.0
pycparser==3.12
typing-extensions==4.16.0
pytest==9.2.0
iniconfig==2.3.1
pluggy==1.7.0
hypothesis==6.170.15
sortedcontainers==2.4.0
pygments==2.21.0
attrs==26.1.0
click==8.5.1
jinja2==3.1.6
rich==15.0.0
markdown-it-py==4.3.0
mdurl==0.1.2
requests==2.34.2
urllib3==2.8.0
idna==3.20
certifi==2026.10.18
charset-normalizer==3.5.2
setuptools==84.2.1
wheel==0.48.0
maturin==1.16.0
nanobind==3.1.0
scikit-build-core==1.1.2
pathspec==1.1.1
cmake==4.4.4
ninja==1.13.2
pybind11==3.1.0
cython==3.3.1
meson-python==0.22.1
meson==1.12.1
pyproject-metadata==0.12.1
""".split())


def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def find(name, folders):
    """The wheel of a pinned project in the folders."""
    start = f"{normal(name).replace('-', '_')}-{PINS[name]}-"
    for folder in folders:
        if folder.is_dir():
            for wheel in sorted(folder.iterdir()):
                if wheel.suffix == ".whl" and wheel.name.lower().startswith(start):
                    return wheel
    return None


def download(names):
    """Asks pip for pinned wheels; False when it could not get all."""
    command = [sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--only-binary=:all:", "--no-deps",
               "--retries", "1", "--python-version", "3.14", "--implementation", "cp", "--abi", "cp314t", "--abi", "none"]
    for platform in PLATFORMS:
        command += ["--platform", platform]
    CACHE.mkdir(parents=True, exist_ok=True)
    try:
        done = subprocess.run([*command, "-d", str(CACHE), *(f"{n}=={PINS[n]}" for n in names)], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, timeout=180)
        return done.returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def fetch(names):
    """The wheels of pinned projects by name; those that cannot be had are left out."""
    folders = [REFERENCE / "wheels", CACHE]
    missing = [n for n in names if find(n, folders) is None]
    if missing and not download(missing) and len(missing) > 1:
        for name in missing:
            download([name])
    return {n: w for n in names if (w := find(n, folders))}


def unpack(wheels, folder):
    """Unpacks wheels into a folder, as an installer does with their `purelib` and `platlib` parts."""
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as z:
            z.extractall(folder)
    return folder
