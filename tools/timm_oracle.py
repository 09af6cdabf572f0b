#!/usr/bin/python3
"""tools/torchvision_oracle.py for timm's networks that torchvision lacks: tools/timm_oracle.py NAME PX > NAME.json

ResNet-D is torchvision's ResNet, with the layers that timm's differ in put in their place; the smaller ViTs are torchvision's
VisionTransformer with timm's numbers, under torchvision's names. ConvNeXt V2, MobileNetV4, RepViT and the ViTs with registers
are written here from their papers, with PyTorch's layers and timm's names.
"""
import math
import sys

import torch
import torchvision
from torch import nn
from torch.nn import functional
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


CONVNEXTS = {  # width, blocks
    "convnextv2_atto": (40, (2, 2, 6, 2)),
    "convnextv2_femto": (48, (2, 2, 6, 2)),
    "convnextv2_pico": (64, (2, 2, 6, 2)),
    "convnextv2_nano": (80, (2, 2, 8, 2)),
    "convnextv2_tiny": (96, (3, 3, 9, 3)),
    "convnextv2_base": (128, (3, 3, 27, 3)),
}


def named(**children):
    """Modules beside each other, in the order of their names here."""
    module = nn.Module()
    for name, child in children.items():
        module.add_module(name, child)
    return module


class PixelNorm(nn.LayerNorm):
    def forward(self, x):
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class ResponseNorm(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x):  # [N,H,W,C]
        g = x.square().sum(dim=(1, 2), keepdim=True).sqrt()
        n = g / (g.mean(dim=3, keepdim=True) + 1e-6)
        return self.weight * (x * n) + self.bias + x


class ConvNextV2Block(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv_dw = nn.Conv2d(channels, channels, 7, padding=3, groups=channels)
        self.norm = PixelNorm(channels, eps=1e-6)
        self.mlp = named(
            fc1=nn.Linear(channels, 4 * channels), grn=ResponseNorm(4 * channels), fc2=nn.Linear(4 * channels, channels)
        )

    def forward(self, x):
        y = self.norm(self.conv_dw(x)).permute(0, 2, 3, 1)
        y = self.mlp.fc2(self.mlp.grn(functional.gelu(self.mlp.fc1(y))))
        return x + y.permute(0, 3, 1, 2)


class ConvNextV2(nn.Module):
    def __init__(self, width, blocks, num_classes=1000):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, width, 4, stride=4), PixelNorm(width, eps=1e-6))
        stages = []
        for i, count in enumerate(blocks):
            parts = {}
            if i > 0:
                parts["downsample"] = nn.Sequential(
                    PixelNorm(width, eps=1e-6), nn.Conv2d(width, 2 * width, 2, stride=2)
                )
                width *= 2
            parts["blocks"] = nn.Sequential(*[ConvNextV2Block(width) for _ in range(count)])
            stages.append(nn.Sequential())
            for name, part in parts.items():
                stages[-1].add_module(name, part)
        self.stages = nn.Sequential(*stages)
        self.head = named(norm=PixelNorm(width, eps=1e-6), fc=nn.Linear(width, num_classes))

    def forward(self, x):
        x = self.stages(self.stem(x)).mean(dim=(2, 3), keepdim=True)
        return self.head.fc(self.head.norm(x).flatten(1))


def conv_norm(inputs, outputs, px=1, stride=1, groups=1, relu=True, names=("conv", "bn")):
    layers = nn.Sequential()
    layers.add_module(names[0], nn.Conv2d(inputs, outputs, px, stride, px // 2, groups=groups, bias=False))
    layers.add_module(names[1], nn.BatchNorm2d(outputs))
    if relu:
        layers.add_module("act", nn.ReLU())
    return layers


class FusedBottleneck(nn.Module):
    def __init__(self, inputs, outputs, px, stride, expansion):
        super().__init__()
        width = inputs * expansion
        self.conv_exp = nn.Conv2d(inputs, width, px, stride, px // 2, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv_pwl = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)

    def forward(self, x):
        return self.bn2(self.conv_pwl(functional.relu(self.bn1(self.conv_exp(x)))))


class UniversalBottleneck(nn.Module):
    def __init__(self, inputs, outputs, start, middle, stride, expansion):
        super().__init__()
        width = inputs * expansion
        self.adds = stride == 1 and inputs == outputs
        if start:
            self.dw_start = conv_norm(inputs, inputs, start, 1 if middle else stride, inputs, relu=False)
        self.pw_exp = conv_norm(inputs, width)
        if middle:
            self.dw_mid = conv_norm(width, width, middle, stride, width)
        self.pw_proj = conv_norm(width, outputs, relu=False)

    def forward(self, x):
        y = x
        for layer in self.children():
            y = layer(y)
        return x + y if self.adds else y


# The lines of timm's definition: cn_k_s_c, er_k_s_e_c, uir_start_middle_s_e_c, each as often as "r" says.
MOBILENETS = {
    "mobilenetv4_conv_small": (
        32,
        [
            ["cn 3 2 32", "cn 1 1 32"],
            ["cn 3 2 96", "cn 1 1 64"],
            ["uir 5 5 2 3 96", "uir 0 3 1 2 96 r4", "uir 3 0 1 4 96"],
            ["uir 3 3 2 6 128", "uir 5 5 1 4 128", "uir 0 5 1 4 128", "uir 0 5 1 3 128", "uir 0 3 1 4 128 r2"],
            ["cn 1 1 960"],
        ],
    ),
    "mobilenetv4_conv_medium": (
        32,
        [
            ["er 3 2 4 48"],
            ["uir 3 5 2 4 80", "uir 3 3 1 2 80"],
            [
                "uir 3 5 2 6 160", "uir 3 3 1 4 160 r2", "uir 3 5 1 4 160", "uir 3 3 1 4 160",
                "uir 3 0 1 4 160", "uir 0 0 1 2 160", "uir 3 0 1 4 160",
            ],
            [
                "uir 5 5 2 6 256", "uir 5 5 1 4 256", "uir 3 5 1 4 256 r2", "uir 0 0 1 4 256", "uir 3 0 1 4 256",
                "uir 3 5 1 2 256", "uir 5 5 1 4 256", "uir 0 0 1 4 256 r2", "uir 5 0 1 2 256",
            ],
            ["cn 1 1 960"],
        ],
    ),
    "mobilenetv4_conv_large": (
        24,
        [
            ["er 3 2 4 48"],
            ["uir 3 5 2 4 96", "uir 3 3 1 4 96"],
            ["uir 3 5 2 4 192", "uir 3 3 1 4 192 r3", "uir 3 5 1 4 192", "uir 5 3 1 4 192 r5", "uir 3 0 1 4 192"],
            [
                "uir 5 5 2 4 512", "uir 5 5 1 4 512 r3", "uir 5 0 1 4 512", "uir 5 3 1 4 512", "uir 5 0 1 4 512 r2",
                "uir 5 3 1 4 512", "uir 5 5 1 4 512", "uir 5 0 1 4 512 r3",
            ],
            ["cn 1 1 960"],
        ],
    ),
}


def mobilenet_block(line, inputs):
    kind, *numbers = line.split()
    numbers = [int(each) for each in numbers]
    if kind == "cn":
        px, stride, outputs = numbers
        return conv_norm(inputs, outputs, px, stride, names=("conv", "bn1")), outputs
    if kind == "er":
        px, stride, expansion, outputs = numbers
        return FusedBottleneck(inputs, outputs, px, stride, expansion), outputs
    start, middle, stride, expansion, outputs = numbers
    return UniversalBottleneck(inputs, outputs, start, middle, stride, expansion), outputs


class MobileNetV4(nn.Module):
    def __init__(self, name, num_classes=1000):
        super().__init__()
        channels, stages = MOBILENETS[name]
        self.conv_stem = nn.Conv2d(3, channels, 3, 2, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.blocks = nn.Sequential()
        for number, lines in enumerate(stages):
            stage = nn.Sequential()
            for line in lines:
                line, _, times = line.partition(" r")
                for _ in range(int(times or 1)):
                    block, channels = mobilenet_block(line, channels)
                    stage.append(block)
            self.blocks.add_module(str(number), stage)
        self.conv_head = nn.Conv2d(channels, 1280, 1, bias=False)
        self.norm_head = nn.BatchNorm2d(1280)
        self.classifier = nn.Linear(1280, num_classes)

    def forward(self, x):
        x = self.blocks(functional.relu(self.bn1(self.conv_stem(x)))).mean(dim=(2, 3), keepdim=True)
        return self.classifier(functional.relu(self.norm_head(self.conv_head(x))).flatten(1))


REPVITS = {  # width, blocks
    "repvit_m0_9": (48, (2, 2, 14, 2)),
    "repvit_m1_0": (56, (2, 2, 14, 2)),
    "repvit_m1_1": (64, (2, 2, 12, 2)),
    "repvit_m1_5": (64, (4, 4, 24, 4)),
    "repvit_m2_3": (80, (6, 6, 34, 2)),
}


def repvit_conv(inputs, outputs, px=1, stride=1, groups=1):
    return conv_norm(inputs, outputs, px, stride, groups, relu=False, names=("c", "bn"))


class TokenMixer(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv = repvit_conv(channels, channels, 3, groups=channels)
        self.conv1 = nn.Conv2d(channels, channels, 1, groups=channels)
        self.bn = nn.BatchNorm2d(channels)

    def forward(self, x):
        return self.bn(self.conv(x) + self.conv1(x) + x)


class ChannelMixer(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv1 = repvit_conv(channels, 2 * channels)
        self.conv2 = repvit_conv(2 * channels, channels)

    def forward(self, x):
        return x + self.conv2(functional.gelu(self.conv1(x)))


def repvit_block(channels, squeezes):
    block = nn.Sequential()
    block.add_module("token_mixer", TokenMixer(channels))
    if squeezes:
        squeezed = max(8, int(channels / 4 + 4) // 8 * 8)
        block.add_module("se", torchvision.ops.misc.SqueezeExcitation(channels, squeezed))
    block.add_module("channel_mixer", ChannelMixer(channels))
    return block


class NormLinear(nn.Sequential):
    def __init__(self, features, classes):
        super().__init__()
        self.add_module("bn", nn.BatchNorm1d(features))
        self.add_module("l", nn.Linear(features, classes))


class RepViT(nn.Module):
    def __init__(self, width, blocks, num_classes=1000):
        super().__init__()
        self.stem = named(conv1=repvit_conv(3, width // 2, 3, 2), conv2=repvit_conv(width // 2, width, 3, 2))
        self.stages = nn.Sequential()
        for i, count in enumerate(blocks):
            stage = nn.Sequential()
            if i > 0:
                downsample = nn.Sequential()
                downsample.add_module("pre_block", repvit_block(width, False))
                downsample.add_module("spatial_downsample", repvit_conv(width, width, 3, 2, width))
                downsample.add_module("channel_downsample", repvit_conv(width, 2 * width))
                downsample.add_module("ffn", ChannelMixer(2 * width))
                stage.add_module("downsample", downsample)
                width *= 2
            stage.add_module("blocks", nn.Sequential(*[repvit_block(width, j % 2 == 0) for j in range(count)]))
            self.stages.add_module(str(i), stage)
        self.head = named(head=NormLinear(width, num_classes), head_dist=NormLinear(width, num_classes))

    def forward(self, x):
        x = self.stages(self.stem.conv2(functional.gelu(self.stem.conv1(x)))).mean(dim=(2, 3))
        return (self.head.head(x) + self.head.head_dist(x)) / 2


REGISTER_VITS = {"vit_small_patch14_reg4_dinov2": (384, 6), "vit_base_patch14_reg4_dinov2": (768, 12)}  # width, heads


class Scale(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.gamma = nn.Parameter(torch.full((width,), 1e-5))

    def forward(self, x):
        return x * self.gamma


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x):
        n, tokens, width = x.shape
        q, k, v = self.qkv(x).reshape(n, tokens, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        weights = (q @ k.transpose(2, 3) / math.sqrt(width // self.heads)).softmax(dim=3)
        return self.proj((weights @ v).transpose(1, 2).reshape(n, tokens, width))


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attn = Attention(width, heads)
        self.ls1 = Scale(width)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = named(fc1=nn.Linear(width, 4 * width), fc2=nn.Linear(4 * width, width))
        self.ls2 = Scale(width)

    def forward(self, x):
        x = x + self.ls1(self.attn(self.norm1(x)))
        return x + self.ls2(self.mlp.fc2(functional.gelu(self.mlp.fc1(self.norm2(x)))))


class RegisterViT(nn.Module):
    def __init__(self, width, heads, num_classes=0, image_size=518):
        super().__init__()
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.reg_token = nn.Parameter(torch.zeros(1, 4, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, (image_size // 14) ** 2, width))
        self.patch_embed = named(proj=nn.Conv2d(3, width, 14, stride=14))
        self.blocks = nn.Sequential(*[Block(width, heads) for _ in range(12)])
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.head = nn.Linear(width, num_classes) if num_classes else nn.Identity()

    def forward(self, x):
        patches = self.patch_embed.proj(x).flatten(2).transpose(1, 2) + self.pos_embed
        first = torch.cat([self.cls_token, self.reg_token], 1).expand(x.shape[0], -1, -1)
        return self.head(self.norm(self.blocks(torch.cat([first, patches], 1)))[:, 0])


def builders():
    """The networks by name, as functions of num_classes (and image_size for ViTs)."""
    table = {name: lambda name=name, **options: resnet_d(name, **options) for name in RESNETS}
    table |= {name: lambda name=name, **options: vit(name, **options) for name in VITS}
    table |= {name: lambda shape=shape, **options: ConvNextV2(*shape, **options) for name, shape in CONVNEXTS.items()}
    table |= {name: lambda name=name, **options: MobileNetV4(name, **options) for name in MOBILENETS}
    table |= {name: lambda shape=shape, **options: RepViT(*shape, **options) for name, shape in REPVITS.items()}
    table |= {
        name: lambda shape=shape, **options: RegisterViT(*shape, **options) for name, shape in REGISTER_VITS.items()
    }
    return table


if __name__ == "__main__":
    torch.manual_seed(0)
    for name, build in builders().items():
        setattr(torchvision.models, name, build)
    torchvision_oracle.main(sys.argv[1], int(sys.argv[2]))
