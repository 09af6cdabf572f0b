// Runs an ONNX file for `margay verify` with onnxruntime-node (npm ci --ignore-scripts in the folder of this file):
//   margay verify pets.onnx pets.margay DATA --runner "node onnxruntime_node.mjs"
// It is searched for beside this file and above; --modules FOLDER names another folder that has node_modules.
// The protocol: messages are safetensors files, one after the other (docs/guide/verify.md).
import fs from "node:fs";
import path from "node:path";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const args = process.argv.slice(2);
const modules = args[0] === "--modules" ? args.splice(0, 2)[1] : path.dirname(fileURLToPath(import.meta.url));
const file = args[0];

function readAll(size) {
  const bytes = Buffer.alloc(size);
  for (let at = 0; at < size;) {
    const got = fs.readSync(0, bytes, at, size - at);
    if (got === 0) process.exit(0); // Margay has ended
    at += got;
  }
  return bytes;
}

function writeAll(bytes) {
  for (let at = 0; at < bytes.length;) at += fs.writeSync(1, bytes, at);
}

function readMessage() {
  const header = JSON.parse(readAll(Number(readAll(8).readBigUInt64LE())).toString());
  delete header.__metadata__;
  const end = Math.max(0, ...Object.values(header).map((tensor) => tensor.data_offsets[1]));
  const data = readAll(end);
  for (const tensor of Object.values(header)) tensor.bytes = data.subarray(...tensor.data_offsets);
  return header;
}

// tensors: {name: {dtype, shape, bytes}}
function writeMessage(notes, tensors = {}) {
  const header = { __metadata__: notes };
  let at = 0;
  for (const [name, { dtype, shape, bytes }] of Object.entries(tensors)) {
    header[name] = { dtype, shape, data_offsets: [at, (at += bytes.length)] };
  }
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  writeAll(Buffer.concat([length, text, ...Object.values(tensors).map((tensor) => tensor.bytes)]));
}

const bytesOf = (array) => Buffer.from(array.buffer, array.byteOffset, array.byteLength);

function inputOf(ort, { dtype, shape, bytes }) {
  const copy = Uint8Array.from(bytes); // begins at a multiple of 8
  if (dtype === "U8") return new ort.Tensor("uint8", copy, shape);
  return new ort.Tensor("float32", new Float32Array(copy.buffer), shape);
}

async function answer(ort, session) {
  const inputs = readMessage();
  const feeds = Object.fromEntries(Object.entries(inputs).map(([name, tensor]) => [name, inputOf(ort, tensor)]));
  const begin = process.hrtime.bigint();
  const results = await session.run(feeds);
  const seconds = Number(process.hrtime.bigint() - begin) / 1e9;
  const outputs = Object.entries(results).map(([name, { dims, data }]) => {
    return [name, { dtype: "F32", shape: dims, bytes: bytesOf(data) }];
  });
  writeMessage({ seconds: String(seconds) }, Object.fromEntries(outputs));
}

try {
  const require = createRequire(path.resolve(modules, "runner.js"));
  const ort = require("onnxruntime-node");
  const version = JSON.parse(fs.readFileSync(path.join(path.dirname(require.resolve("onnxruntime-node")), "..", "package.json"))).version;
  const session = await ort.InferenceSession.create(file, { logSeverityLevel: 3 });
  writeMessage({ margay_runner: "1", name: "onnxruntime-node", version });
  for (;;) await answer(ort, session);
} catch (problem) {
  writeMessage({ error: String(problem.message ?? problem) });
  process.exit(1);
}
