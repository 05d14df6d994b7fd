"""A disk that takes no more bytes while a cache is written: the import works, no torn cache stays, and other files raise OSError."""
import os
import subprocess
import sys
import tempfile
from pathlib import Path

CHILD = """
import resource, sys
sys.path.insert(0, sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200))
import large
print(len(large.x))
try:
    with open(sys.argv[1] + "/out", "w") as f:
        f.write("z" * 100_000)
except OSError as e:
    print(e.errno)
"""
ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}

with tempfile.TemporaryDirectory() as folder:
    rows = "\n".join(f"    ({i}, 'text {i}')," for i in range(900))
    Path(folder, "large.py").write_text(f"x = [\n{rows}\n]\n")
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", CHILD, folder], capture_output=True, text=True, env=ENVIRONMENT)
        assert done.returncode == 0 and done.stdout == "900\n27\n", done
    caches = os.path.join(folder, "__pycache__")
    assert not os.path.isdir(caches) or os.listdir(caches) == [], os.listdir(caches)
    # Without the limit the cache is written.
    subprocess.run([sys.executable, "-c", f"import sys; sys.path.insert(0, {folder!r}); import large"], check=True, env=ENVIRONMENT)
    assert len(os.listdir(caches)) == 1
print("ok")
