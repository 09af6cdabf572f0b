#!/usr/bin/env python3
"""Writes calibration.json: calibration errors, scores and temperatures by their formulas, in plain Python."""
import json
import math
import random
import struct
import sys

BINS = 15


def float32(x):
    return struct.unpack("f", struct.pack("f", x))[0]


def softmax(z):
    top = max(z)
    e = [math.exp(v - top) for v in z]
    return [v / sum(e) for v in e]


def sigmoid(v):
    return 1 / (1 + math.exp(-v)) if v >= 0 else math.exp(v) / (1 + math.exp(v))


def log_sigmoid(v):
    return -math.log1p(math.exp(-v)) if v >= 0 else v - math.log1p(math.exp(v))


def bin_of_width(p):
    """Guo et al.: (b / BINS, (b + 1) / BINS]"""
    return next(b for b in range(BINS) if p <= (b + 1) / BINS or b == BINS - 1)


def binned_error(cases, bin_of):
    """cases: (probability, hit). The sum over bins of their share times |accuracy - confidence|."""
    total = 0.0
    for b in range(BINS):
        own = [c for i, c in enumerate(cases) if bin_of(i) == b]
        if own:
            gap = abs(sum(h for _, h in own) / len(own) - sum(p for p, _ in own) / len(own))
            total += len(own) / len(cases) * gap
    return total


def width_error(cases):
    return binned_error(cases, lambda i: bin_of_width(cases[i][0]))


def mass_error(cases):
    order = sorted(range(len(cases)), key=lambda i: cases[i][0])
    rank = {i: r for r, i in enumerate(order)}
    return binned_error(cases, lambda i: rank[i] * BINS // len(cases))


def aurc(confidences, errors):
    order = sorted(range(len(errors)), key=lambda i: -confidences[i])
    wrong, area = 0.0, 0.0
    for n, i in enumerate(order, 1):
        wrong += errors[i]
        area += wrong / n
    return area / len(errors)


def scores_single(logits, targets):
    probabilities = [softmax(z) for z in logits]
    n, k = len(logits), len(logits[0])
    best = [max(range(k), key=lambda c: p[c]) for p in probabilities]
    cases = [(p[b], float(b == y)) for p, b, y in zip(probabilities, best, targets)]
    return {
        "nll": sum(-math.log(p[y]) for p, y in zip(probabilities, targets)) / n,
        "brier": sum(sum((p[c] - (c == y)) ** 2 for c in range(k)) for p, y in zip(probabilities, targets)) / n,
        "ece": width_error(cases),
        "ece_mass": mass_error(cases),
        "ece_class": sum(width_error([(p[c], float(c == y)) for p, y in zip(probabilities, targets)])
                         for c in range(k)) / k,
        "aurc": aurc([c[0] for c in cases], [1 - c[1] for c in cases]),
    }


def scores_several(logits, targets):
    probabilities = [[sigmoid(v) for v in z] for z in logits]
    n, k = len(logits), len(logits[0])
    cases = [(p[c], y[c]) for p, y in zip(probabilities, targets) for c in range(k)]
    return {
        "nll": sum(-math.log(p if y else 1 - p) for p, y in cases) / (n * k),
        "brier": sum((p - y) ** 2 for p, y in cases) / (n * k),
        "ece": width_error(cases),
        "ece_mass": mass_error(cases),
        "ece_class": sum(width_error([(p[c], y[c]) for p, y in zip(probabilities, targets)]) for c in range(k)) / k,
        "aurc": aurc([max(p, 1 - p) for p, _ in cases], [abs((p > 0.5) - y) for p, y in cases]),
    }


def slope(loss, scale):
    step = 1e-6 * scale
    return (loss(scale + step) - loss(scale - step)) / (2 * step)


def best_temperature(loss):
    low, high = 1e-3, 1e3
    for _ in range(200):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if slope(loss, middle) < 0 else (low, middle)
    return 1 / low


def temperature_single(logits, targets):
    """Of the likelihood with one more observation of each class with probability 1/K, spread over the images."""
    def loss(t):
        total = 0.0
        for z, y in zip(logits, targets):
            logs = [math.log(p) for p in softmax([t * v for v in z])]
            total -= logs[y] + sum(logs) / len(logs) / len(logits)
        return total / len(logits)
    return best_temperature(loss)


def temperature_several(logits, targets):
    def loss(t):
        total = 0.0
        for z, ys in zip(logits, targets):
            for v, y in zip(z, ys):
                target = y + 0.5 / len(logits)
                total -= target * log_sigmoid(t * v) + (1 + 1 / len(logits) - target) * log_sigmoid(-t * v)
        return total / len(logits) / len(logits[0])
    return best_temperature(loss)


def main():
    draw = random.Random(18)
    cases = []
    for n, k, sharp in ((60, 4, 2.0), (200, 7, 0.7), (23, 2, 3.0)):
        logits = [[float32(draw.gauss(0, 1.5)) for _ in range(k)] for _ in range(n)]
        targets = [draw.choices(range(k), softmax([v / sharp for v in z]))[0] for z in logits]
        cases.append({"task": "single_label", "logits": logits, "targets": targets,
                      "temperature": temperature_single(logits, targets), **scores_single(logits, targets)})
    for n, k, sharp in ((50, 3, 2.0), (120, 5, 0.8)):
        logits = [[float32(draw.gauss(-0.5, 2)) for _ in range(k)] for _ in range(n)]
        targets = [[int(draw.random() < sigmoid(v / sharp)) for v in z] for z in logits]
        cases.append({"task": "multi_label", "logits": logits, "targets": targets,
                      "temperature": temperature_several(logits, targets), **scores_several(logits, targets)})
    meta = {"program": "tests/golden/calibration.py", "python": sys.version.split()[0], "bins": BINS}
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        json.dump({"_meta": meta, "cases": cases}, file, separators=(",", ":"))
        file.write("\n")


main()
