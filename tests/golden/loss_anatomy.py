#!/usr/bin/env python3
"""Writes loss_anatomy.json: softmax, sigmoid, their losses and gradients by their formulas, in 60 digits (mpmath), rounded to float64."""
import json
import random
import sys

import mpmath
from mpmath import mp, mpf

mp.dps = 60


def written(x):
    """As JSON takes it: infinite numbers are texts."""
    return str(x).replace("+", "") if isinstance(x, mpf) and mpmath.isinf(x) else float(x)


def times(weight, cost):
    """What has no weight costs nothing, not even where the cost is infinite."""
    return mpf(0) if weight == 0 else weight * cost


def softmax_case(z, target, temperature, smoothing):
    u = [mpf(v) / mpf(temperature) for v in z]
    e = [mpmath.exp(v) for v in u]
    total = mpmath.fsum(e)
    p = [v / total for v in e]
    cost = [mpmath.log(total) - v for v in u]
    result = {"probability": p, "negative_log": cost}
    if target is not None:
        k = len(z)
        q = [mpf(0) + mpf(smoothing) / k + ((1 - mpf(smoothing)) if i == target else 0) for i in range(k)]
        result["loss"] = mpmath.fsum(times(w, c) for w, c in zip(q, cost))
        result["gradient"] = [(a - b) / mpf(temperature) for a, b in zip(p, q)]
    return result


def sigmoid_case(z, targets, temperature, smoothing):
    u = [mpf(v) / mpf(temperature) for v in z]
    p = [1 / (1 + mpmath.exp(-v)) for v in u]
    yes = [mpmath.log(1 + mpmath.exp(-v)) for v in u]
    no = [mpmath.log(1 + mpmath.exp(v)) for v in u]
    result = {"probability": p, "negative_log": yes, "negative_log_not": no}
    if targets is not None:
        k = len(z)
        t = [mpf(smoothing) / 2 + ((1 - mpf(smoothing)) if i in targets else 0) for i in range(k)]
        result["loss"] = mpmath.fsum(times(w, a) + times(1 - w, b) for w, a, b in zip(t, yes, no)) / k
        result["gradient"] = [(a - b) / (k * mpf(temperature)) for a, b in zip(p, t)]
    return result


def case(name, kind, z, targets, temperature=1.0, smoothing=0.0):
    if kind == "softmax":
        result = softmax_case(z, targets[0] if targets else None, temperature, smoothing)
    else:
        result = sigmoid_case(z, targets, temperature, smoothing)
    numbers = {key: [written(v) for v in value] if isinstance(value, list) else written(value) for key, value in result.items()}
    logits = ["-inf" if v == float("-inf") else v for v in z]
    return {"name": name, "kind": kind, "logits": logits, "targets": targets, "temperature": temperature, "smoothing": smoothing, **numbers}


def drawn(count, scale, seed):
    rng = random.Random(seed)
    return [rng.gauss(0, scale) for _ in range(count)]


NONE = float("-inf")
CASES = [
    case("five breeds", "softmax", [3.1, 1.0, -0.5, 0.25, 2.0], [1]),
    case("no target", "softmax", [0.02, -2.49, 1.25], None),
    case("equal logits", "softmax", [7.0, 7.0, 7.0, 7.0], [2]),
    case("one class", "softmax", [-7.5], [0]),
    case("one class, cold", "softmax", [1e4], [0], 0.01),
    case("large logits", "softmax", [1000.0, 1001.0, 999.5], [0]),
    case("very large logits, far apart", "softmax", [1e5, -1e5, 0.0], [1]),
    case("surely right", "softmax", [60.0, 0.0, 1.0], [0]),
    case("right beyond float64", "softmax", [900.0, 0.0], [0]),
    case("very negative logits", "softmax", [-1000.0, -1000.5, -999.0], [2]),
    case("a class that cannot be", "softmax", [1.0, NONE, 1.5], [0]),
    case("a target that cannot be", "softmax", [1.0, NONE, 1.5], [1]),
    case("only one class can be", "softmax", [NONE, 2.0, NONE], [1]),
    case("smoothed", "softmax", [3.1, 1.0, -0.5, 0.25, 2.0], [1], 1.0, 0.1),
    case("smoothed with a class that cannot be", "softmax", [1.0, NONE, 1.5], [0], 1.0, 0.1),
    case("warm", "softmax", [3.1, 1.0, -0.5, 0.25, 2.0], [1], 2.5),
    case("cold", "softmax", [3.1, 1.0, -0.5, 0.25, 2.0], [0], 0.1),
    case("warm and smoothed, a hundred classes", "softmax", drawn(100, 4, 1), [17], 1.7, 0.05),
    case("three labels of six", "sigmoid", [2.5, -1.0, 0.0, 4.0, -3.5, 0.3], [0, 2, 3]),
    case("no label", "sigmoid", [2.5, -1.0, 0.0], []),
    case("not known labels", "sigmoid", [2.5, -1.0, 0.0], None),
    case("large either way", "sigmoid", [800.0, -800.0, 800.0, -800.0], [0, 1]),
    case("surely right either way", "sigmoid", [40.0, -40.0], [0]),
    case("one label only", "sigmoid", [0.7], [0]),
    case("a label that cannot be", "sigmoid", [NONE, 1.0], [1]),
    case("a label that cannot be and is there", "sigmoid", [NONE, 1.0], [0]),
    case("warm and smoothed, of twenty", "sigmoid", drawn(20, 3, 2), [1, 5, 7, 11], 1.6, 0.1),
]

meta = {"mpmath": mpmath.__version__, "digits": mp.dps, "formulas": "loss_anatomy.py",
        "note": "infinite numbers are the texts inf and -inf; a target of null is not known"}
json.dump({"_meta": meta, "cases": CASES}, sys.stdout, indent=1)
print()
