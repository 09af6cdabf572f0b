#!/usr/bin/python3
"""The data path alone, the way fastai does it in Python: Pillow presizes each image to 460 on the CPU, then one
grid_sample crops, flips and shrinks the whole batch to 224. Prints images/s of the best epoch, and the processor time of
an image; run it beside benchmarks/data, on images that `data --write` made.

    compare_data.py FOLDER [EPOCHS [WORKERS]]
"""
import os
import random
import resource
import sys
import time
from pathlib import Path

import numpy
import torch
from PIL import Image

ITEM, SIZE = 460, 224
MEAN = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
STD = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)


class Images(torch.utils.data.Dataset):
    """The item transform: the largest square, its place drawn, at 460."""

    def __init__(self, folder):
        self.paths = sorted(Path(folder).rglob("*.jpg"))

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, i):
        image = Image.open(self.paths[i]).convert("RGB")
        side = min(image.size)
        left, top = (int(random.random() * (length - side)) for length in image.size)
        image = image.crop((left, top, left + side, top + side)).resize((ITEM, ITEM), Image.BILINEAR)
        return torch.from_numpy(numpy.array(image)).permute(2, 0, 1), 0


def augment(images):
    """The batch transform: random-resized crop and flip as one matrix for each image, and one interpolation."""
    images = images.float().div_(255)
    n = len(images)
    side = torch.empty(n).uniform_(0.75, 1).sqrt_()
    flip = torch.where(torch.rand(n) < 0.5, -1.0, 1.0)
    matrix = torch.zeros(n, 2, 3)
    matrix[:, 0, 0] = side * flip
    matrix[:, 1, 1] = side
    matrix[:, :, 2] = (torch.rand(n, 2) * 2 - 1) * (1 - side)[:, None]
    grid = torch.nn.functional.affine_grid(matrix, (n, 3, SIZE, SIZE), align_corners=False)
    images = torch.nn.functional.grid_sample(images, grid, padding_mode="reflection", align_corners=False)
    return images.sub_(MEAN).div_(STD)


def processor_s():
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def main(folder, epochs, workers):
    dataset = Images(folder)
    best, least = 0, float("inf")
    for _ in range(epochs):
        loader = torch.utils.data.DataLoader(dataset, batch_size=64, shuffle=True, num_workers=workers)
        begin, before, count = time.time(), processor_s(), 0
        for images, _ in loader:
            count += len(augment(images))
        best = max(best, count / (time.time() - begin))
        del loader
        least = min(least, (processor_s() - before) / count)
    print(f"PyTorch {torch.__version__}, {workers} workers: {best:.0f} images/s, cpu {least * 1e3:.2f} ms an image")


if __name__ == "__main__":
    cores = len(os.sched_getaffinity(0))
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 4, int(sys.argv[3]) if len(sys.argv) > 3 else cores)
