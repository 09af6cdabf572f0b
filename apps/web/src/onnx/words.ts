// Every text of the page of an exported model.
import { count } from '../parts/numbers';

const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;

export const words = {
  title: (name: string) => `${name} in your browser`,
  private: 'Images stay on this computer: the page computes by itself and sends nothing.',
  loading: (name: string, bytes: number) => `Loading ${name}, ${megabytes(bytes)} …`,
  computing: 'Computing …',
  result: 'What the model says',
  image: (name: string) => `The image ${name}`,
  best: 'The most probable classes',
  none: (p: string) => `None of these (p = ${p})`,
  labels: 'Labels:',
  noLabels: 'none of these',
  all: 'All numbers',
  columns: ['Class', 'Logit', 'Probability'],
  pKnown: 'p_known',
  took: (width: number, height: number, ms: number) => `${count(width)} × ${count(height)} pixels, computed in ${count(ms)} ms`,
  exact: 'A PNG: the page reads its pixels as Margay does, so the numbers are those of margay predict.',
  decoded: 'Decoded by this browser. Decoders of JPEG and others may differ from Margay’s by a grey level, and with them the last digits. Compare with margay predict --decode full.',
  noisy: 'This browser changes the pixels that pages read, to protect against fingerprinting; the numbers below are of changed pixels. PNGs are not concerned.',
  about: (runtime: string, version: string, sha256: string) => `ONNX Runtime Web ${runtime}; model version ${version}; the ONNX file’s SHA-256: ${sha256}`,
  tooLarge: (width: number, height: number) => `${count(width)} × ${count(height)} pixels are too many`,
  noImage: 'this browser cannot decode it. It reads JPEG, PNG, WebP, GIF and BMP, newer ones AVIF, too.',
  noCanvas: 'this browser gives no canvas to decode it on; close other pages, or take a smaller image',
  noWebAssembly: 'This browser has no WebAssembly, or it is turned off; the model needs it.',
  fromDisk: 'Opened from a disk (file://) a page may not read the files beside it, the model among them. Serve the folder instead, for instance with: python3 -m http.server --bind 127.0.0.1 --directory THIS_FOLDER, and open http://127.0.0.1:8000/.',
  missing: (file: string, status: number) => `${file} does not lie beside this page (status ${status}); copy the whole folder.`,
  notLoaded: (file: string, isChecked: boolean) =>
    isChecked ? `${file} could not be loaded, or is not the file that this page was made for; copy the whole folder again.` : `${file} could not be loaded; copy the whole folder again.`,
  otherOutputs: 'The ONNX file gives other outputs than the page expects.',
};
