"""The pixels of image files as Margay reads them, with Pillow (pip install pillow numpy): upright, RGB, over white.

    python3 pixels.py FILE...

writes of each "HEIGHT WIDTH", a line break, and the bytes.
"""
import sys

import numpy
from PIL import Image, ImageOps


def pixels(file, deep_bits=16):
    """uint8 [H,W,3]. deep_bits: how many of the 16 bits of a deep image hold data (the metadata margay.deep_bits)."""
    image = ImageOps.exif_transpose(Image.open(file))
    if image.mode.startswith("I"):  # grey of 16 bits, which Pillow would cut off at 255
        levels = numpy.asarray(image).astype(numpy.int64) >> (deep_bits - 8)
        image = Image.fromarray(numpy.minimum(levels, 255).astype(numpy.uint8))
    if "A" in image.getbands() or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGB", image.size, "white")
        white.paste(image, mask=image.getchannel("A"))
        image = white
    return numpy.asarray(image.convert("RGB"))


if __name__ == "__main__":
    for name in sys.argv[1:]:
        image = pixels(name)
        sys.stdout.buffer.write(b"%d %d\n" % image.shape[:2] + image.tobytes())
