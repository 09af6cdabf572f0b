#!/usr/bin/python3
"""Steps of Muon by its formulas, as golden values: tests/golden/muon.py > tests/golden/muon.json

Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024, with Nesterov's momentum; sizes of steps as Liu
et al., arXiv:2502.16982, equation 4; other parameters by AdamW (Loshchilov and Hutter, arXiv:1711.05101). In double.
"""
import json
import sys

import numpy as np

SHAPES = [(6, 4), (4, 10), (3, 5, 2, 2), (5,)]
STEPS, LR, MOMENTUM, WD, SQR_MOM, EPS = 8, 0.02, 0.9, 0.01, 0.99, 1e-5


def orthogonalised(g):
    x = g / (np.linalg.norm(g) + 1e-7)
    if g.shape[0] > g.shape[1]:
        x = x.T
    for _ in range(5):
        square = x @ x.T
        x = 3.4445 * x + (-4.7750 * square + 2.0315 * square @ square) @ x
    return x.T if g.shape[0] > g.shape[1] else x


def step_matrix(w, g, memory):
    memory["avg"] = MOMENTUM * memory["avg"] + g
    direction = (g + MOMENTUM * memory["avg"]).reshape(w.shape[0], -1)
    size = 0.2 * np.sqrt(max(direction.shape))
    return w * (1 - LR * WD) - LR * size * orthogonalised(direction).reshape(w.shape)


def step_adamw(w, g, memory, steps):
    memory["avg"] = MOMENTUM * memory["avg"] + (1 - MOMENTUM) * g
    memory["sqr_avg"] = SQR_MOM * memory["sqr_avg"] + (1 - SQR_MOM) * g**2
    avg = memory["avg"] / (1 - MOMENTUM**steps)
    root = np.sqrt(memory["sqr_avg"] / (1 - SQR_MOM**steps))
    return w * (1 - LR * WD) - LR * avg / (root + EPS)


def main():
    random = np.random.default_rng(24)
    draw = lambda: [random.standard_normal(shape).astype(np.float32).astype(float) for shape in SHAPES]
    weights = draw()
    memories = [{"avg": 0.0, "sqr_avg": 0.0} for _ in SHAPES]
    golden = {"lr": LR, "momentum": MOMENTUM, "init": [w.tolist() for w in weights], "grads": [], "params_after": []}
    for steps in range(1, STEPS + 1):
        gradients = draw()
        for i, g in enumerate(gradients):
            is_matrix = weights[i].ndim > 1
            step = step_matrix(weights[i], g, memories[i]) if is_matrix else step_adamw(weights[i], g, memories[i], steps)
            weights[i] = step
        golden["grads"].append([g.tolist() for g in gradients])
        golden["params_after"].append([w.tolist() for w in weights])
    json.dump(golden, sys.stdout)
    print()


if __name__ == "__main__":
    main()
