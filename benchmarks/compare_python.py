#!/usr/bin/python3
"""What a user would take instead: torchvision's transforms on Pillow through a DataLoader, and the same network in
PyTorch with bf16 autocast and channels-last. Prints images/s; run it beside train_speed.

    compare_python.py FOLDER
"""
import os
import sys
import time
from pathlib import Path

import torch
import torchvision
from PIL import Image
from torchvision import transforms


class Images(torch.utils.data.Dataset):
    """fastai's path: presize to 460 on the CPU, then a random-resized crop to 224 and a flip."""

    def __init__(self, folder):
        self.paths = sorted(Path(folder).glob("*.jpg"))
        self.transform = transforms.Compose([
            transforms.Resize(460), transforms.RandomCrop(460),
            transforms.RandomResizedCrop(224, scale=(0.75, 1), ratio=(1, 1)), transforms.RandomHorizontalFlip(),
            transforms.ToTensor(), transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))])

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, i):
        return self.transform(Image.open(self.paths[i]).convert("RGB")), 0


def data_alone(folder, workers):
    loader = torch.utils.data.DataLoader(Images(folder), batch_size=64, num_workers=workers, shuffle=True)
    begin, count = time.time(), 0
    for images, _ in loader:
        count += len(images)
        if count >= 512:
            break
    return count / (time.time() - begin)


def model_alone(steps=6):
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    model = torchvision.models.resnet18(num_classes=37).to(memory_format=torch.channels_last).train()
    images = torch.randn(64, 3, 224, 224).to(memory_format=torch.channels_last)
    targets = torch.randint(37, (64,))
    optimizer = torch.optim.Adam(model.parameters(), 1e-4)
    times = []
    for _ in range(steps + 2):
        begin = time.time()
        with torch.autocast("cpu", torch.bfloat16):
            loss = torch.nn.functional.cross_entropy(model(images).float(), targets)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        times.append(time.time() - begin)
    return 64 / sorted(times[2:])[steps // 2]


if __name__ == "__main__":
    print(f"PyTorch {torch.__version__}, {len(os.sched_getaffinity(0))} threads")
    print(f"network alone {model_alone():6.1f} images/s")
    print(f"loader alone  {data_alone(sys.argv[1], len(os.sched_getaffinity(0))):6.1f} images/s")
