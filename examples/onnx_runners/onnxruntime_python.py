"""Runs an ONNX file for `margay verify` with Python's onnxruntime (pip install onnxruntime numpy):

    margay verify pets.onnx pets.margay DATA --runner "python3 onnxruntime_python.py"

The protocol: messages are safetensors files, one after the other (docs/guide/verify.md).
"""
import json
import os
import struct
import sys
import time

TYPES = {"F32": "<f4", "U8": "u1", "I64": "<i8"}
answers = os.fdopen(os.dup(1), "wb")
os.dup2(2, 1)  # what libraries print must not come between the messages


def read_all(size):
    data = sys.stdin.buffer.read(size)
    if len(data) < size:
        sys.exit(0)  # Margay has ended
    return data


def read_message(numpy):
    header = json.loads(read_all(struct.unpack("<Q", read_all(8))[0]))
    header.pop("__metadata__", None)
    data = read_all(max((tensor["data_offsets"][1] for tensor in header.values()), default=0))
    return {
        name: numpy.frombuffer(data[slice(*tensor["data_offsets"])], TYPES[tensor["dtype"]]).reshape(tensor["shape"])
        for name, tensor in header.items()
    }


def write_message(notes, tensors={}):
    header, data = {"__metadata__": notes}, b""
    for name, tensor in tensors.items():
        begin, data = len(data), data + tensor.astype("<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": tensor.shape, "data_offsets": [begin, len(data)]}
    text = json.dumps(header).encode()
    answers.write(struct.pack("<Q", len(text)) + text + data)
    answers.flush()


try:
    import numpy
    import onnxruntime

    session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    write_message({"margay_runner": "1", "name": "onnxruntime (Python)", "version": onnxruntime.__version__})
    while True:
        inputs = read_message(numpy)
        begin = time.perf_counter()
        outputs = session.run(names, inputs)
        seconds = time.perf_counter() - begin
        write_message({"seconds": str(seconds)}, dict(zip(names, outputs)))
except Exception as problem:
    write_message({"error": str(problem)})
    sys.exit(1)
