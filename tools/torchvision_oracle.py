#!/usr/bin/python3
"""What torchvision computes, as golden values for tests/model/architecture: tools/torchvision_oracle.py NAME PX > NAME.json

Every tensor is filled by a formula of its name, so that no weights need to be stored (tests/support/published_network.h has
the same formula). 10 classes, two images of PX pixels; no dropout and no stochastic depth in train mode.
"""
import json
import math
import sys

import numpy as np
import torch
import torchvision

CLASSES = 10


def formula(name, shape):
    """Numbers in [-1, 1) that a hash of name and position gives."""
    seed = 2166136261
    for byte in name.encode():
        seed = ((seed ^ byte) * 16777619) & 0xFFFFFFFF
    count = int(np.prod(shape)) if len(shape) else 1
    x = np.arange(count, dtype=np.uint64) * 0x9E3779B9 + seed & 0xFFFFFFFF
    x = (x ^ x >> 16) * 0x7FEB352D & 0xFFFFFFFF
    x = (x ^ x >> 15) * 0x846CA68B & 0xFFFFFFFF
    x = x ^ x >> 16
    return torch.from_numpy((x / 2147483648.0 - 1.0).astype(np.float32)).reshape(tuple(shape))


def state_value(name, tensor):
    if not tensor.is_floating_point():
        return tensor
    u = formula(name, tensor.shape)
    if name.endswith("running_var"):
        return 1 + 0.5 * u.abs()
    if name.endswith("weight"):
        return 1 + 0.1 * u if tensor.dim() == 1 else u * math.sqrt(3 * tensor.shape[0] / tensor.numel())
    return 0.1 * u


def without_chance(model):
    for module in model.modules():
        if hasattr(module, "p"):  # Dropout, StochasticDepth
            module.p = 0.0
        if isinstance(module, torch.nn.MultiheadAttention):
            module.dropout = 0.0


def macs_of(model, px):
    """Multiply-adds of convolutions, linear layers and attention for one image."""
    total = [0]

    def count(module, inputs, output):
        if isinstance(module, torch.nn.Conv2d):
            total[0] += output.numel() * module.weight[0].numel()
        elif isinstance(module, torch.nn.Linear):
            total[0] += output.numel() * module.in_features
        elif isinstance(module, torch.nn.MultiheadAttention):
            tokens, width = output[0].shape[1:]
            total[0] += 4 * tokens * width * width + 2 * tokens * tokens * width
        elif type(module).__name__ == "Attention":  # timm_oracle's; its linear layers count themselves
            tokens, width = output.shape[1:]
            total[0] += 2 * tokens * tokens * width
        elif type(module).__name__ == "ShiftedWindowAttention":  # multiplies by its layers' weights itself
            height, width, channels = output.shape[1:]
            window = module.window_size[0]
            tokens = -(-height // window) * -(-width // window) * window**2  # with those of the border
            total[0] += 4 * tokens * channels**2 + 2 * tokens * window**2 * channels

    handles = [each.register_forward_hook(count) for each in model.modules()]
    model.eval()
    with torch.no_grad():
        model(torch.zeros(1, 3, px, px))
    for handle in handles:
        handle.remove()
    return total[0]


def main(name, px):
    build = getattr(torchvision.models, name)
    options = {"image_size": px} if name.startswith("vit") else {}
    if name in ("googlenet", "inception_v3"):
        options |= {"aux_logits": False}
    model = build(num_classes=CLASSES, **options)
    state = {key: state_value(key, value) for key, value in model.state_dict().items()}
    model.load_state_dict(state)
    model.double()  # the truth; fp32 comes near to it
    without_chance(model)
    images = formula("images", (2, 3, px, px)).double()
    model.eval()
    with torch.no_grad():
        logits_eval = model(images)
    model.train()
    logits_train = model(images)
    (logits_train * formula("loss", logits_train.shape)).sum().backward()
    gradients = {}
    parameters = list(model.named_parameters())
    for key, value in parameters[:: max(1, len(parameters) // 8)] + parameters[-1:]:
        probe = (value.grad.double() * formula("probe." + key, value.shape).double()).sum().item()
        gradients[key] = {"probe": probe, "norm": value.grad.double().norm().item()}
    published = build(**({"init_weights": False} if name in ("googlenet", "inception_v3") else {}))
    published_px = {
        "efficientnet_b1": 240,
        "efficientnet_b2": 288,
        "efficientnet_b3": 300,
        "efficientnet_b4": 380,
        "efficientnet_v2_s": 384,
        "mobilenetv4_conv_small": 256,
        "mobilenetv4_conv_medium": 320,
        "mobilenetv4_conv_large": 448,
    }
    if name.startswith("convnextv2"):
        published_px[name] = 288
    if name.endswith("dinov2"):
        published_px[name] = 518
    golden = {
        "name": name,
        "px": px,
        "torchvision": torchvision.__version__,
        "parameters": sum(each.numel() for each in published.parameters()),
        "macs": macs_of(published, published_px.get(name, 224)),
        "logits_eval": logits_eval.tolist(),
        "logits_train": logits_train.tolist(),
        "gradients": gradients,
        "state": {key: list(value.shape) for key, value in state.items()},
    }
    json.dump(golden, sys.stdout, separators=(",", ":"))
    print()


if __name__ == "__main__":
    torch.manual_seed(0)
    main(sys.argv[1], int(sys.argv[2]))
