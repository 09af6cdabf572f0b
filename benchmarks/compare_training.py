#!/usr/bin/python3
"""What a user would run instead of `margay train`: one fine_tune of a ResNet-18 on images with a table of labels (one
frozen epoch, three unfrozen, a validation after each; batch 64, 460 -> 224, all of aug_transforms), as PyTorch does it.

    compare_training.py IMAGES LABELS_CSV [STEPS [WAY...]]

Three ways; each is timed over STEPS steps (8 unless said; 23 are whole epochs of the pets) and extrapolated:
    defaults  fastai's: Pillow, two interpolations of the batch, float32, contiguous, its Adam, one worker per core
    settings  the same data path with what fastai lets its user set: bfloat16, channels-last, threads, workers
    tuned     rewritten by hand: images presized once to a cache in memory, one interpolation, a foreach AdamW
The last two try how to share the cores among threads and workers, and take the fastest. Weights are random: they cost
the same. Needs Debian's python3-torch, python3-torchvision and python3-pil.
"""
import csv
import math
import multiprocessing.pool
import os
import random
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy
import torch
import torch.nn.functional as F
import torchvision
from PIL import Image
from torch import nn
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, SequentialSampler

ITEM, SIZE, BATCH, EPOCHS = 460, 224, 64, 3
CORES = len(os.sched_getaffinity(0))
SETTLING = 3  # steps until the loader's queue is as full as it stays
MEAN = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
STD = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)


# ---- the draws and the arithmetic of aug_transforms ----

def drawn(n, low, high, p=0.75):
    return torch.empty(n).uniform_(low, high) * (torch.rand(n) < p)


def affine_matrices(n):
    """Flip, rotation and zoom, [n,3,3]."""
    angle, zoom = drawn(n, -math.pi / 18, math.pi / 18), 1 / (1 + drawn(n, 0, 0.1))
    flip = torch.where(torch.rand(n) < 0.5, -1.0, 1.0)
    matrix = torch.zeros(n, 3, 3)
    matrix[:, 0, 0], matrix[:, 0, 1] = angle.cos() * zoom * flip, angle.sin() * zoom
    matrix[:, 1, 0], matrix[:, 1, 1] = -angle.sin() * zoom * flip, angle.cos() * zoom
    matrix[:, :2, 2] = (torch.rand(n, 2) * 2 - 1) * (1 - zoom)[:, None]
    matrix[:, 2, 2] = 1
    return matrix


def tilts(n):
    """The homographies of warp, [n,3,3]: from where they take the four corners."""
    x, y = torch.tensor([-1.0, -1, 1, 1]).expand(n, 4), torch.tensor([-1.0, 1, -1, 1]).expand(n, 4)
    u, v = x * (1 + drawn(n, -0.2, 0.2)[:, None] * y), y * (1 + drawn(n, -0.2, 0.2)[:, None] * x)
    one, zero = torch.ones(n, 4), torch.zeros(n, 4)
    rows = torch.cat([torch.stack([x, y, one, zero, zero, zero, -u * x, -u * y], 2),
                      torch.stack([zero, zero, zero, x, y, one, -v * x, -v * y], 2)], 1)
    solution = torch.linalg.solve(rows, torch.cat([u, v], 1))
    return torch.cat([solution, torch.ones(n, 1)], 1).view(n, 3, 3)


def tilted(grid, matrices):
    n, height, width, _ = grid.shape
    points = torch.cat([grid.view(n, -1, 2), torch.ones(n, height * width, 1)], 2) @ matrices.transpose(1, 2)
    return (points[..., :2] / points[..., 2:]).view(n, height, width, 2)


def sample(images, grid):
    """fastai's _grid_sample: averages first where the image becomes much smaller."""
    shrinks = images.shape[-1] / grid.shape[2] / 2
    if shrinks > 1 and shrinks > 2 / (grid.max() - grid.min()).item():
        images = F.interpolate(images, scale_factor=1 / shrinks, mode="area", recompute_scale_factor=True)
    return F.grid_sample(images, grid, padding_mode="reflection", align_corners=True)


def lit(images):
    """Brightness and contrast, in logits."""
    n = len(images)
    bright, contrast = drawn(n, -0.2, 0.2) + 0.5, torch.exp(drawn(n, math.log(0.8), math.log(1.25)))
    x = images.clamp(1e-7, 1 - 1e-7)
    x = -(1 / x - 1).log()
    return x.add_(torch.logit(bright).view(n, 1, 1, 1)).mul_(contrast.view(n, 1, 1, 1)).sigmoid_()


def identity(n):
    return torch.eye(3).expand(n, 3, 3)


def fastai_batch(images, is_training):
    """uint8 [N,3,460,460] to float [N,3,224,224]: the affine grid at 460, then the crop (one a batch) with another."""
    n, x = len(images), images.float().div_(255)
    grid = F.affine_grid((affine_matrices(n) if is_training else identity(n))[:, :2], x.shape, align_corners=True)
    x = sample(x, tilted(grid, tilts(n)) if is_training else grid)
    side = int(ITEM * math.sqrt(random.uniform(0.75, 1))) if is_training else ITEM
    top, left = random.randint(0, ITEM - side), random.randint(0, ITEM - side)
    x = x[..., top:top + side, left:left + side]
    x = sample(x, F.affine_grid(identity(n)[:, :2], (n, 3, SIZE, SIZE), align_corners=True))
    return (lit(x) if is_training else x).sub(MEAN).div(STD)


def one_interpolation(images, is_training):
    """The same with the crop, one for each image, in the matrix."""
    n, x = len(images), images.float().div_(255)
    matrix = identity(n).clone()
    if is_training:
        side = torch.empty(n).uniform_(0.75, 1).sqrt_()
        matrix[:, 0, 0] = matrix[:, 1, 1] = side
        matrix[:, :2, 2] = (torch.rand(n, 2) * 2 - 1) * (1 - side)[:, None]
        matrix = affine_matrices(n) @ matrix
    grid = F.affine_grid(matrix[:, :2], (n, 3, SIZE, SIZE), align_corners=True)
    x = F.grid_sample(x, tilted(grid, tilts(n)) if is_training else grid, padding_mode="reflection",
                      align_corners=True)
    return (lit(x) if is_training else x).sub_(MEAN).div_(STD)


# ---- data ----

class Images(torch.utils.data.Dataset):
    """fastai's items: the largest square, its place drawn in training, at 460."""

    def __init__(self, rows, is_training):
        self.rows, self.is_training = rows, is_training

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        path, target = self.rows[i]
        image = Image.open(path).convert("RGB")
        side = min(image.size)
        share = random.random() if self.is_training else 0.5
        left, top = (int(share * (length - side)) for length in image.size)
        image = image.crop((left, top, left + side, top + side)).resize((ITEM, ITEM), Image.BILINEAR)
        return torch.from_numpy(numpy.array(image)).permute(2, 0, 1), target


def presized(path):
    """uint8 [3,H,W] (numpy), the shorter side 460, decoded no larger than needed."""
    image = Image.open(path)
    image.draft("RGB", (ITEM, ITEM))
    image = image.convert("RGB")
    scale = ITEM / min(image.size)
    size = [max(ITEM, round(length * scale)) for length in image.size]
    # Without LibTorch: its operators would leave each thread of the pool a team of OpenMP threads.
    return numpy.ascontiguousarray(numpy.asarray(image.resize(size, Image.BILINEAR)).transpose(2, 0, 1))


class CachedBatches(torch.utils.data.Dataset):
    """Whole batches of presized images, made where they are asked for: in a worker, or in the program itself."""

    def __init__(self, rows, is_training):
        with multiprocessing.pool.ThreadPool(CORES) as pool:  # Pillow works without the interpreter's lock
            self.images = [torch.from_numpy(image) for image in pool.map(presized, [path for path, _ in rows])]
        self.targets, self.is_training = torch.tensor([target for _, target in rows]), is_training

    def __len__(self):
        return len(self.images)

    def __getitem__(self, indices):
        squares = []
        for image in (self.images[i] for i in indices):
            share = random.random() if self.is_training else 0.5
            top, left = (int(share * (length - ITEM)) for length in image.shape[1:])
            squares.append(image[:, top:top + ITEM, left:left + ITEM])
        images = one_interpolation(torch.stack(squares), self.is_training)
        return images.contiguous(memory_format=torch.channels_last), self.targets[indices]


# ---- the network and its training ----

class ConcatPool(nn.Module):
    def forward(self, x):
        return torch.cat([F.adaptive_max_pool2d(x, 1), F.adaptive_avg_pool2d(x, 1)], 1)


def network():
    """torchvision's body and fastai's head."""
    body = list(torchvision.models.resnet18().children())[:-2]
    head = [ConcatPool(), nn.Flatten(), nn.BatchNorm1d(1024), nn.Dropout(0.25), nn.Linear(1024, 512, bias=False),
            nn.ReLU(True), nn.BatchNorm1d(512), nn.Dropout(0.5), nn.Linear(512, 37, bias=False)]
    return nn.Sequential(nn.Sequential(*body), nn.Sequential(*head))


def freeze(model, is_frozen):
    """Batch norms go on training, as fastai's do: gradients pass through the whole body either way."""
    for module in model[0].modules():
        for parameter in module.parameters(recurse=False):
            parameter.requires_grad_(not is_frozen or isinstance(module, nn.BatchNorm2d))


class FastaiAdam:
    """fastai's Adam without foreach: a few operations for each parameter, decoupled weight decay."""

    def __init__(self, parameters):
        self.parameters = [(p, torch.zeros_like(p), torch.zeros_like(p)) for p in parameters]
        self.steps = 0

    @torch.no_grad()
    def step(self, lr=1e-4, momentum=0.9, sqr_momentum=0.99, eps=1e-5, wd=0.01):
        self.steps += 1
        for p, average, square in self.parameters:
            if p.grad is None:
                continue
            p.mul_(1 - lr * wd)
            average.mul_(momentum).add_(p.grad, alpha=1 - momentum)
            square.mul_(sqr_momentum).addcmul_(p.grad, p.grad, value=1 - sqr_momentum)
            debias, debias_sqr = 1 - momentum**self.steps, 1 - sqr_momentum**self.steps
            p.addcdiv_(average, (square / debias_sqr).sqrt() + eps, value=-lr / debias)

    def zero_grad(self):
        for p, _, _ in self.parameters:
            p.grad = None


@dataclass(frozen=True)
class Way:
    name: str
    dtype: torch.dtype = torch.float32
    layout: torch.memory_format = torch.contiguous_format
    threads: int = CORES
    workers: int = CORES
    is_rewritten: bool = False

    def __str__(self):
        layout = "channels-last" if self.layout == torch.channels_last else "contiguous"
        return f"{str(self.dtype)[6:]}, {layout}, {self.threads} threads, {self.workers} workers"


class Training:
    """A network, an optimizer and the data in one way."""

    def __init__(self, way, datasets):
        torch.set_num_threads(way.threads)
        self.way, self.train_data, self.valid_data = way, *datasets
        self.model = network().to(memory_format=way.layout)
        parameters = list(self.model.parameters())
        self.optimizer = torch.optim.AdamW(parameters, 1e-4, foreach=True) if way.is_rewritten else \
            FastaiAdam(parameters)

    def batches(self, is_training):
        data = self.train_data if is_training else self.valid_data
        sampler = (RandomSampler if is_training else SequentialSampler)(data)
        if self.way.is_rewritten:
            return DataLoader(data, sampler=BatchSampler(sampler, BATCH, is_training), batch_size=None,
                              num_workers=self.way.workers)
        return DataLoader(data, BATCH, sampler=sampler, drop_last=is_training, num_workers=self.way.workers)

    def logits(self, images, is_training):
        if not self.way.is_rewritten:
            images = fastai_batch(images, is_training)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.way.dtype == torch.bfloat16):
            return self.model(images.contiguous(memory_format=self.way.layout)).float()

    def train_step(self, images, targets):
        self.model.train()
        loss = F.cross_entropy(self.logits(images, True), targets)
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()
        return loss.item()

    @torch.no_grad()
    def valid_step(self, images, targets):
        self.model.eval()
        return (self.logits(images, False).argmax(1) != targets).sum().item()

    def pass_seconds(self, is_training, steps):
        """Until the first batch is there, and of a step once the loader has settled."""
        begin, loader = time.time(), iter(self.batches(is_training))
        step = self.train_step if is_training else self.valid_step
        settling = min(SETTLING, len(loader) - steps)
        for i in range(settling + steps):
            if i == settling:
                settled = time.time()
            batch = next(loader)
            if i == 0:
                first = time.time() - begin
                settled = time.time()
            step(*batch)
        return first, (time.time() - settled) / steps


def network_alone(way, steps=3):
    """images/s of training steps on one batch that is already there."""
    training = Training(replace(way, is_rewritten=True), (None, None))
    images = torch.randn(BATCH, 3, SIZE, SIZE).contiguous(memory_format=way.layout)
    targets, seconds = torch.randint(37, (BATCH,)), []
    for _ in range(steps + 1):
        begin = time.time()
        training.train_step(images, targets)
        seconds.append(time.time() - begin)
    return BATCH / min(seconds[1:])


def fastest_network(ways):
    rates = {way: network_alone(way) for way in ways}
    for way, rate in rates.items():
        print(f"network alone, {way}: {rate:.1f} images/s", flush=True)
    return max(rates, key=rates.get)


def fastest_split(way, datasets):
    """The cores shared among threads and workers, a few steps each."""
    rates = {}
    for threads, workers in sorted({(CORES, 0), (CORES, 1), (CORES, CORES), (max(1, CORES - 1), 1)}):
        trial = replace(way, threads=threads, workers=workers)
        rates[trial] = BATCH / Training(trial, datasets).pass_seconds(True, 4)[1]
        print(f"  tried {trial}: {rates[trial]:.1f} images/s", flush=True)
    return max(rates, key=rates.get)


def report(way, datasets, steps, before_s):
    training = Training(way, datasets)
    num_train, num_valid = len(datasets[0]) // BATCH, math.ceil(len(datasets[1]) / BATCH)
    steps, total = min(steps, num_train), before_s
    print(f"{way.name}: {way}" + (f"; cache filled in {before_s:.1f} s" if before_s else ""))
    for stage, epochs in (("frozen", 1), ("unfrozen", EPOCHS), ("validation", EPOCHS + 1)):
        is_training = stage != "validation"
        freeze(training.model, stage == "frozen")
        first, step = training.pass_seconds(is_training, steps if is_training else min(steps, num_valid))
        pass_s = first + step * (num_train if is_training else num_valid)
        images = num_train * BATCH if is_training else len(datasets[1])
        total += epochs * pass_s
        print(f"  {stage:<10} {BATCH / step:6.1f} images/s, first batch after {first:.2f} s, a pass {pass_s:.1f} s, "
              f"{images / pass_s:.1f} images/s", flush=True)
    print(f"  fine_tune({EPOCHS}): {total:.0f} s; load {os.getloadavg()[0]:.1f}", flush=True)


def rows_of(images, labels_csv):
    """(path, class) of the training and of the validation images."""
    with open(labels_csv, newline="") as file:
        table = list(csv.DictReader(file))
    classes = sorted({row["label"] for row in table})
    rows = ([], [])
    for row in table:
        rows[int(row["is_valid"])].append((Path(images) / row["name"], classes.index(row["label"])))
    return rows


def main(images, labels_csv, steps, names):
    rows = rows_of(images, labels_csv)
    plain = tuple(Images(part, is_training) for part, is_training in zip(rows, (True, False)))
    print(f"PyTorch {torch.__version__}, Pillow {Image.__version__}, {CORES} cores, "
          f"{len(rows[0])} images train, {len(rows[1])} validate", flush=True)
    if "defaults" in names:
        report(Way("defaults"), plain, steps, 0)
    if not {"settings", "tuned"} & set(names):
        return
    fastest = fastest_network([Way("", dtype, layout, workers=0) for dtype in (torch.float32, torch.bfloat16)
                               for layout in (torch.contiguous_format, torch.channels_last)])
    if "settings" in names:
        report(fastest_split(replace(fastest, name="settings"), plain), plain, steps, 0)
    if "tuned" in names:
        begin = time.time()
        cached = tuple(CachedBatches(part, is_training) for part, is_training in zip(rows, (True, False)))
        before_s = time.time() - begin
        report(fastest_split(replace(fastest, name="tuned", is_rewritten=True), cached), cached, steps, before_s)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 8,
         sys.argv[4:] or ["defaults", "settings", "tuned"])
