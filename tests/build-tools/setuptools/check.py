import importlib.metadata
import subprocess
import sys
from pathlib import Path

import bt_setuptools
from bt_setuptools import _speed

assert bt_setuptools.words("a bc  d ") == 3 and _speed.__file__.endswith(".cpython-314t-x86_64-linux-gnu.so")
assert importlib.metadata.version("bt-setuptools") == "1.0"
tool = Path(sys.executable).with_name("bt-hello")
assert subprocess.run([tool], capture_output=True, text=True, check=True).stdout == "words: 3\n"
