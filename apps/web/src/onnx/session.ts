// The model in onnxruntime-web, whose two files lie beside the page.
import { words } from './words';
import type { Pixels } from './pixels';

/** What `margay export` says of the model (apps/cli/exported_page.cpp). */
export interface ExportedModel {
  name: string;
  version: string;
  file: string;
  bytes: number;
  sha256: string;
  integrity: string;
  classes: string[];
  task: 'single_label' | 'multi_label';
  alpha: number | null;
  deep_bits: number;
  runtime: { script: string; wasm: string; version: string };
}

export interface Outputs {
  logits: Float32Array;
  probabilities: Float32Array;
  pKnown: number | undefined;
  milliseconds: number;
}

// The part of onnxruntime-web's interface that is used.
interface Tensor {
  data: Float32Array;
}
interface Session {
  run(feeds: Record<string, Tensor>): Promise<Record<string, Tensor>>;
}
interface Runtime {
  env: { logLevel?: string; wasm: { proxy?: boolean; wasmBinary?: ArrayBuffer } };
  InferenceSession: { create(model: Uint8Array, options: object): Promise<Session> };
  Tensor: new (type: string, data: Uint8Array, dims: number[]) => Tensor;
}

/** integrity: of what the file must be; what is sent instead of a file that is not there is something else, too. */
async function bytesOf(file: string, integrity?: string): Promise<ArrayBuffer> {
  const problem = new Error(words.notLoaded(file, Boolean(integrity)));
  const isThere = (response: Response) => { if (!response.ok) throw new Error(words.missing(file, response.status)); };
  const response = await fetch(file, integrity ? { integrity } : {}).catch(async () => {
    isThere(await fetch(file, { method: 'HEAD' }).catch(() => { throw problem; }));
    throw problem;
  });
  isThere(response);
  return response.arrayBuffer();
}

/** A model that is ready to run. */
export class LoadedModel {
  private constructor(private readonly runtime: Runtime, private readonly session: Session) {}

  /** Throws Error: the page is opened without a server, a file is missing or another, the runtime refuses. */
  static async load(model: ExportedModel): Promise<LoadedModel> {
    if (location.protocol === 'file:') throw new Error(words.fromDisk);
    if (typeof WebAssembly === 'undefined') throw new Error(words.noWebAssembly);
    const script = new URL(model.runtime.script, document.baseURI).href;
    const runtime = (await import(script).catch(() => { throw new Error(words.notLoaded(model.runtime.script, false)); })) as Runtime;
    runtime.env.wasm.wasmBinary = await bytesOf(model.runtime.wasm);
    runtime.env.wasm.proxy = true; // in a worker, so that the page stays alive
    const session = await runtime.InferenceSession.create(new Uint8Array(await bytesOf(model.file, model.integrity)), { executionProviders: ['wasm'] });
    return new LoadedModel(runtime, session);
  }

  async run({ rgb, width, height }: Pixels): Promise<Outputs> {
    const begin = performance.now();
    const outputs = await this.session.run({ pixels: new this.runtime.Tensor('uint8', rgb, [1, height, width, 3]) });
    const milliseconds = performance.now() - begin;
    const { logits, probabilities, p_known: known } = outputs;
    if (!logits || !probabilities) throw new Error(words.otherOutputs);
    return { logits: logits.data, probabilities: probabilities.data, pKnown: known?.data[0], milliseconds };
  }
}
