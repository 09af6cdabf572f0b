#!/usr/bin/python3
"""tools/torchvision_oracle.py for timm's networks that torchvision lacks: tools/timm_oracle.py NAME PX > NAME.json

ResNet-D is torchvision's ResNet, with the layers that timm's differ in put in their place; the smaller ViTs are torchvision's
VisionTransformer with timm's numbers, under torchvision's names.
"""
import sys

import torch
import torchvision
from torch import nn
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet
from torchvision.models.vision_transformer import VisionTransformer

import torchvision_oracle

RESNETS = {
    "resnet18d": (BasicBlock, [2, 2, 2, 2]),
    "resnet34d": (BasicBlock, [3, 4, 6, 3]),
    "resnet50d": (Bottleneck, [3, 4, 6, 3]),
    "resnet101d": (Bottleneck, [3, 4, 23, 3]),
}
VITS = {  # width, heads
    "vit_tiny_patch16_224": (192, 3),
    "vit_small_patch16_224": (384, 6),
    "vit_base_patch16_224": (768, 12),
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
    model = ResNet(*RESNETS[name], num_classes=num_classes)
    model.conv1 = deep_stem()
    for module in model.modules():
        if getattr(module, "downsample", None) is not None:
            module.downsample = pooled_shortcut(module.downsample, module.stride)
    return model


def vit(name, num_classes=1000, image_size=224):
    width, heads = VITS[name]
    return VisionTransformer(
        image_size=image_size,
        patch_size=16,
        num_layers=12,
        num_heads=heads,
        hidden_dim=width,
        mlp_dim=4 * width,
        num_classes=num_classes,
    )


if __name__ == "__main__":
    torch.manual_seed(0)
    for name in RESNETS:
        setattr(torchvision.models, name, lambda name=name, **options: resnet_d(name, **options))
    for name in VITS:
        setattr(torchvision.models, name, lambda name=name, **options: vit(name, **options))
    torchvision_oracle.main(sys.argv[1], int(sys.argv[2]))
