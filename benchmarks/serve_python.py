"""The usual way to serve a classifier from Python, to compare with: Flask, Pillow, torchvision (Debian's python3-flask, python3-pil,
python3-torch, python3-torchvision). serve_python.py WEIGHTS PORT [CLASSES]: a ResNet-18; the transforms are those of `margay predict`
for a model of 224 pixels. Weights: those of `margay weights convert`, or none ("-")."""
import io
import sys

import torch
import torchvision
from flask import Flask, jsonify, request
from PIL import Image
from torchvision import transforms

classes = int(sys.argv[3]) if len(sys.argv) > 3 else 1000
model = torchvision.models.resnet18(num_classes=classes).eval()
if sys.argv[1] != "-":
    model.load_state_dict(torch.load(sys.argv[1]))
prepare = transforms.Compose([
    transforms.Resize(256), transforms.CenterCrop(224), transforms.ToTensor(),
    transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])])
app = Flask(__name__)


@app.route("/predictions/pets", methods=["POST"])
def predict():
    image = Image.open(io.BytesIO(request.get_data())).convert("RGB")
    with torch.no_grad():
        probabilities = model(prepare(image).unsqueeze(0)).softmax(1)[0]
    values, indices = probabilities.topk(3)
    return jsonify(predictions=[{"label": int(k), "probability": float(p)} for p, k in zip(values, indices)])


app.run("127.0.0.1", int(sys.argv[2]), threaded=True)
