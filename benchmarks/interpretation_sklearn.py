#!/usr/bin/env python3
"""The numbers of `interpretation IMAGES CLASSES KIND FOLDER`, without intervals, by scikit-learn (Debian's python3-sklearn).

    interpretation_sklearn.py FOLDER
"""
import json
import resource
import struct
import sys
import time

import numpy as np
from sklearn import metrics


def tensors(path):
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        data = np.fromfile(file, dtype=np.uint8)
    kinds = {"F32": np.float32, "F64": np.float64, "I64": np.int64, "U8": np.uint8, "BOOL": np.bool_}
    return {name: data[slice(*each["data_offsets"])].view(kinds[each["dtype"]]).reshape(each["shape"])
            for name, each in header.items() if name != "__metadata__"}


def main():
    found = tensors(sys.argv[1] + "/predictions.safetensors")
    logits, targets = found["logits"], found["targets"]
    start = time.time()
    if targets.ndim == 1:
        predicted = logits.argmax(1)
        labels = np.arange(logits.shape[1])
        metrics.confusion_matrix(targets, predicted, labels=labels)
        metrics.classification_report(targets, predicted, output_dict=True, zero_division=0)
        print("accuracy", metrics.accuracy_score(targets, predicted))
        print("balanced_accuracy", metrics.balanced_accuracy_score(targets, predicted))
        print("top_5_accuracy", metrics.top_k_accuracy_score(targets, logits, k=5, labels=labels))
    else:
        predicted = (logits > 0).astype(int)
        targets = targets.astype(int)
        metrics.classification_report(targets, predicted, output_dict=True, zero_division=0)
        print("exact_match", metrics.accuracy_score(targets, predicted))
        print("mean_average_precision", metrics.average_precision_score(targets, logits, average="macro"))
    print(f"{time.time() - start:.2f} s   peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


main()
