import subprocess
import sys
from pathlib import Path

import bt_cmake

assert bt_cmake.words("a bc  d ") == 3 and bt_cmake.__file__.endswith(".cpython-314t-x86_64-linux-gnu.so")
host = Path(bt_cmake.__file__).parent / "bt_cmake_host/bt_host"
asked = "import sys, json; print(sys._is_gil_enabled(), sys.base_prefix == sys.argv[1], json.dumps([1]))"
done = subprocess.run([host, "-c", asked, sys.base_prefix], capture_output=True, text=True)
assert (done.returncode, done.stdout) == (0, "False True [1]\n"), done
