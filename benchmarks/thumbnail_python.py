#!/usr/bin/python3
"""What thumbnail.cpp does, with Pillow: milliseconds per image from a file to a small square, on one thread.

    thumbnail_python.py FOLDER [SIDE]
"""
import sys
import time
from pathlib import Path

import PIL
from PIL import Image


def whole(path, side):
    return Image.open(path).convert("RGB").resize((side, side), Image.BILINEAR)


def draft(path, side):
    image = Image.open(path)
    image.draft("RGB", (side, side))
    return image.convert("RGB").resize((side, side), Image.BILINEAR)


def draft_decoded(path, side):
    image = Image.open(path)
    image.draft("RGB", (side, side))
    return image.convert("RGB")


def thumbnail(path, side):
    image = Image.open(path)
    image.thumbnail((side, side))  # bicubic, at least twice the size before
    return image


def best_ms_per_image(paths, step, side):
    best = float("inf")
    for _ in range(3):
        begin = time.perf_counter()
        for path in paths:
            step(path, side)
        best = min(best, (time.perf_counter() - begin) / len(paths))
    return 1e3 * best


if __name__ == "__main__":
    paths = sorted(Path(sys.argv[1]).glob("*.jpg"))
    side = int(sys.argv[2]) if len(sys.argv) > 2 else 460
    print(f"Pillow {PIL.__version__}, {len(paths)} images to {side}x{side}, ms per image")
    for step in (whole, draft_decoded, draft, thumbnail):
        print(f"{step.__name__:20} {best_ms_per_image(paths, step, side):7.2f}")
