# wheels: pillow
import io
import threading

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont, ImageOps, ImageStat, features

image = Image.new("RGB", (64, 48), (10, 20, 30))
draw = ImageDraw.Draw(image)
draw.rectangle([8, 8, 23, 15], fill="red")
draw.ellipse([30, 10, 50, 30], outline=(0, 255, 0), width=2)
draw.line([(0, 47), (63, 0)], fill="white")
assert image.getpixel((10, 10)) == (255, 0, 0) and image.getpixel((0, 0)) == (10, 20, 30)
assert sum(1 for p in image.get_flattened_data() if p == (255, 0, 0)) == 128
for form, exact in [("PNG", True), ("BMP", True), ("TIFF", True), ("GIF", False), ("JPEG", False), ("WEBP", False), ("PPM", True)]:
    file = io.BytesIO()
    image.save(file, form)
    file.seek(0)
    back = Image.open(file)
    assert back.format == form and back.size == (64, 48)
    difference = ImageStat.Stat(ImageChops.difference(back.convert("RGB"), image)).mean
    assert max(difference) <= (0 if exact else 12), (form, difference)
grey = image.convert("L")
assert grey.getpixel((10, 10)) == 76 and grey.histogram()[76] >= 128
assert image.resize((32, 24), Image.Resampling.LANCZOS).size == (32, 24) and image.rotate(90, expand=True).size == (48, 64)
assert image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).getpixel((53, 10)) == (255, 0, 0)
assert image.crop((8, 8, 24, 16)).getcolors() is not None and image.crop((10, 10, 12, 12)).getcolors() == [(4, (255, 0, 0))]
assert ImageOps.invert(grey).getpixel((10, 10)) == 179 and image.filter(ImageFilter.GaussianBlur(2)).size == image.size
red, green, blue = image.split()
assert Image.merge("RGB", (blue, green, red)).getpixel((10, 10)) == (0, 0, 255)
assert grey.point(lambda v: 255 if v > 100 else 0).getextrema() == (0, 255)
alpha = Image.new("RGBA", (64, 48), (0, 0, 255, 128))
assert Image.alpha_composite(image.convert("RGBA"), alpha).getpixel((10, 10)) == (127, 0, 128, 255)
assert Image.frombytes("L", (2, 2), b"\0\1\2\3").tobytes() == b"\0\1\2\3" and len(image.tobytes()) == 64 * 48 * 3
assert Image.eval(grey, lambda v: v // 2).getpixel((10, 10)) == 38
font = ImageFont.load_default(20) if features.check("freetype2") else ImageFont.load_default()
text = Image.new("L", (100, 30))
ImageDraw.Draw(text).text((2, 2), "Hello", fill=255, font=font)
assert text.getbbox() is not None and 20 < text.getbbox()[2] < 90
frames = io.BytesIO()
image.convert("P").save(frames, "GIF", save_all=True, append_images=[grey.convert("P")], duration=50)
assert Image.open(frames).n_frames == 2
try:
    Image.open(io.BytesIO(b"no image"))
except OSError as e:
    assert "cannot identify image file" in str(e)
else:
    raise AssertionError("not refused")
def work():
    for _ in range(10):
        file = io.BytesIO()
        image.resize((80, 80)).filter(ImageFilter.BLUR).save(file, "PNG")
        assert Image.open(io.BytesIO(file.getvalue())).convert("L").size == (80, 80)
threads = [threading.Thread(target=work) for _ in range(4)]
for t in threads:
    t.start()
for t in threads:
    t.join()
