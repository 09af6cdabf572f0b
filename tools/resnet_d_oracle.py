#!/usr/bin/python3
"""tools/torchvision_oracle.py for timm's ResNet-D, which torchvision lacks: its ResNet, with the layers that timm's
differ in put in their place. tools/resnet_d_oracle.py NAME PX > NAME.json
"""
import sys

import torch
import torchvision
from torch import nn
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet

import torchvision_oracle

NETWORKS = {
    "resnet18d": (BasicBlock, [2, 2, 2, 2]),
    "resnet34d": (BasicBlock, [3, 4, 6, 3]),
    "resnet50d": (Bottleneck, [3, 4, 6, 3]),
    "resnet101d": (Bottleneck, [3, 4, 23, 3]),
}


def deep_stem():
    return nn.Sequential(
        nn.Conv2d(3, 32, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(32),
        nn.ReLU(inplace=True),
        nn.Conv2d(32, 32, 3, padding=1, bias=False),
        nn.BatchNorm2d(32),
        nn.ReLU(inplace=True),
        nn.Conv2d(32, 64, 3, padding=1, bias=False),
    )


def pooled_shortcut(shortcut, stride):
    conv, norm = shortcut
    pool = nn.Identity() if stride == 1 else nn.AvgPool2d(2, stride, ceil_mode=True, count_include_pad=False)
    return nn.Sequential(pool, nn.Conv2d(conv.in_channels, conv.out_channels, 1, bias=False), norm)


def resnet_d(name, num_classes=1000):
    model = ResNet(*NETWORKS[name], num_classes=num_classes)
    model.conv1 = deep_stem()
    for module in model.modules():
        if getattr(module, "downsample", None) is not None:
            module.downsample = pooled_shortcut(module.downsample, module.stride)
    return model


if __name__ == "__main__":
    torch.manual_seed(0)
    for name in NETWORKS:
        setattr(torchvision.models, name, lambda name=name, **options: resnet_d(name, **options))
    torchvision_oracle.main(sys.argv[1], int(sys.argv[2]))
