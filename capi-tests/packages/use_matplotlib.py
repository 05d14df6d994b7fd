# wheels: matplotlib numpy pillow contourpy kiwisolver cycler fonttools packaging pyparsing python-dateutil six
import io
import os
import tempfile

os.environ["MPLCONFIGDIR"] = tempfile.mkdtemp()
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

fig, axes = plt.subplots(2, 2, figsize=(4, 3), dpi=100)
x = np.linspace(0, 2 * np.pi, 200)
axes[0, 0].plot(x, np.sin(x), color="red", linewidth=3, label="sin")
axes[0, 0].legend()
axes[0, 1].imshow(np.arange(100).reshape(10, 10), cmap="viridis")
bars = axes[1, 0].bar(["a", "b", "c"], [1, 3, 2])
contour = axes[1, 1].contourf(*np.meshgrid(x, x), np.outer(np.sin(x), np.cos(x)), levels=5)
axes[1, 1].set_title(r"$\frac{\alpha}{2} \int x^2 dx$")
assert [b.get_height() for b in bars] == [1, 3, 2] and len(contour.levels) == 7
fig.tight_layout()
png = io.BytesIO()
fig.savefig(png, format="png")
assert png.getvalue().startswith(b"\x89PNG\r\n\x1a\n")
png.seek(0)
image = np.asarray(Image.open(png).convert("RGB"))
assert image.shape == (300, 400, 3), image.shape
red = (image[..., 0] > 200) & (image[..., 1] < 80) & (image[..., 2] < 80)
assert 100 < red[:150, :200].sum() < 5000 and red[150:, 200:].sum() == 0, red.sum()
assert (image[0] == 255).all() and len(np.unique(image.reshape(-1, 3), axis=0)) > 50
assert (np.asarray(fig.canvas.buffer_rgba())[..., :3] == image).all()
out = io.BytesIO()
fig.savefig(out, format="svg")
assert out.getvalue().startswith(b"<?xml") and b"</svg>" in out.getvalue()
plt.close(fig)
path = matplotlib.path.Path([[0, 0], [2, 0], [2, 2], [0, 2]])
assert path.contains_points([[1, 1], [3, 1]]).tolist() == [True, False]
assert matplotlib.colors.to_hex("tab:blue") == "#1f77b4" and matplotlib.cm.viridis(0)[0] < 0.3
font = matplotlib.ft2font.FT2Font(matplotlib.font_manager.findfont("DejaVu Sans"))
assert font.family_name == "DejaVu Sans" and font.num_glyphs > 1000
assert matplotlib.dates.num2date(1).year == 1970
