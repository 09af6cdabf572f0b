// What is taken apart: the logits of one image, and how they may be changed.
import { type LossInput, type LossKind, type LossNumbers, afterStep, lossNumbers } from './loss_math';

/** The logits of an image, as a model gave them. */
export interface XraySubject {
  name: string;
  kind: LossKind;
  classes: string[];
  /** -Infinity: ruled out. */
  logits: number[];
  /** Classes of the label; undefined: not known. */
  targets: number[] | undefined;
  /** That of the model's calibration. */
  temperature: number;
}

/** Everything that can be moved. */
export interface XraySetting {
  logits: number[];
  targets: number[] | undefined;
  temperature: number;
  smoothing: number;
}

export interface XrayState {
  setting: XraySetting;
  /** What Undo goes back to, the last change last. */
  past: XraySetting[];
  /** The change in hand; moving the same slider on is no new one. */
  moving: string;
  /** Losses before the first step and after each one. */
  trace: number[];
}

export type XrayAction =
  | { type: 'logit'; index: number; value: number }
  | { type: 'mask'; index: number; original: number }
  | { type: 'shift'; by: number }
  | { type: 'target'; index: number }
  | { type: 'temperature'; value: number }
  | { type: 'smoothing'; value: number }
  | { type: 'step'; rate: number }
  | { type: 'undo' }
  | { type: 'reset'; subject: XraySubject };

const kMostUndo = 500;

export const kTemperatures = { low: 0.1, high: 10 } as const;

export function firstSetting(subject: XraySubject): XraySetting {
  return { logits: [...subject.logits], targets: subject.targets, temperature: subject.temperature, smoothing: 0 };
}

export const firstState = (subject: XraySubject): XrayState =>
  ({ setting: firstSetting(subject), past: [], moving: '', trace: [] });

export const inputOf = (kind: LossKind, setting: XraySetting): LossInput => ({ kind, ...setting });

/** Whether a softmax has a class that is possible; without one there is none. */
export function isPossible(kind: LossKind, logits: number[]): boolean {
  return kind === 'sigmoid' || logits.some((z) => z !== -Infinity);
}

function withLogit(setting: XraySetting, index: number, value: number): XraySetting {
  return { ...setting, logits: setting.logits.map((z, k) => (k === index ? value : z)) };
}

function toggled(targets: number[] | undefined, index: number): number[] {
  const now = targets ?? [];
  return now.includes(index) ? now.filter((k) => k !== index) : [...now, index].sort((a, b) => a - b);
}

/** What a change makes of the setting; undefined: nothing, as it would leave no class possible. */
function changed(kind: LossKind, setting: XraySetting, action: XrayAction, numbers: () => LossNumbers): XraySetting | undefined {
  switch (action.type) {
    case 'logit': return withLogit(setting, action.index, action.value);
    case 'mask': {
      const masked = setting.logits[action.index] === -Infinity;
      const back = action.original === -Infinity ? 0 : action.original;
      return withLogit(setting, action.index, masked ? back : -Infinity);
    }
    case 'shift': return { ...setting, logits: setting.logits.map((z) => z + action.by) };
    case 'target':
      return { ...setting, targets: kind === 'softmax' ? [action.index] : toggled(setting.targets, action.index) };
    case 'temperature': return { ...setting, temperature: action.value };
    case 'smoothing': return { ...setting, smoothing: action.value };
    case 'step': {
      const { loss, gradient } = numbers();
      return loss === undefined ? undefined : { ...setting, logits: afterStep(setting.logits, gradient, action.rate) };
    }
    default: return undefined;
  }
}

/** Which changes are one: moving a slider on is the same change. */
function movingOf(action: XrayAction): string {
  if (action.type === 'logit') return `logit ${action.index}`;
  return action.type === 'temperature' || action.type === 'smoothing' ? action.type : '';
}

/** The state after a change. Only steps keep the trace. */
export function reducerOf(kind: LossKind) {
  return (state: XrayState, action: XrayAction): XrayState => {
    if (action.type === 'reset') return { ...firstState(action.subject), past: [...state.past, state.setting].slice(-kMostUndo) };
    if (action.type === 'undo') {
      const before = state.past.at(-1);
      return before ? { setting: before, past: state.past.slice(0, -1), moving: '', trace: [] } : state;
    }
    const numbers = () => lossNumbers(inputOf(kind, state.setting));
    const setting = changed(kind, state.setting, action, numbers);
    if (!setting || !isPossible(kind, setting.logits)) return state;
    const moving = movingOf(action);
    const past = moving !== '' && moving === state.moving ? state.past : [...state.past, state.setting].slice(-kMostUndo);
    if (action.type !== 'step') return { setting, past, moving, trace: [] };
    const before = state.trace.length > 0 ? state.trace : [numbers().loss!];
    return { setting, past, moving, trace: [...before, lossNumbers(inputOf(kind, setting)).loss!] };
  };
}

/** "-inf", "1e3", "−2,5" as a logit; undefined for what is none. */
export function readLogit(text: string): number | undefined {
  const plain = text.trim().replace('−', '-').replace(',', '.').toLowerCase();
  if (/^-(inf|infinity|∞)$/.test(plain)) return -Infinity;
  if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/.test(plain)) return undefined;
  const value = Number(plain);
  return Number.isFinite(value) ? value : undefined;
}

/** Which rows are shown: few classes in their order; of many the most probable and the labels, the most probable first. */
export function shownClasses(probability: ArrayLike<number>, targets: number[] | undefined, most: number): number[] {
  const all = Array.from({ length: probability.length }, (_, k) => k);
  if (all.length <= most) return all;
  const order = all.sort((a, b) => probability[b]! - probability[a]! || a - b);
  const shown = order.slice(0, most);
  for (const target of (targets ?? []).slice(0, most)) if (!shown.includes(target)) shown.push(target);
  return shown;
}

/** The ends of the sliders: round, with room beyond what is there. */
export function sliderRange(logits: ArrayLike<number>): { low: number; high: number } {
  let [low, high] = [0, 0];
  for (let k = 0; k < logits.length; k += 1) {
    const z = logits[k]!;
    if (!Number.isFinite(z)) continue;
    low = Math.min(low, z);
    high = Math.max(high, z);
  }
  const room = Math.max(4, (high - low) * 0.25);
  return { low: Math.min(-10, Math.floor(low - room)), high: Math.max(10, Math.ceil(high + room)) };
}

/** The setting as PyTorch takes it, to check the numbers elsewhere. */
export function pytorchCode(kind: LossKind, setting: XraySetting): string {
  const numbers = setting.logits.map((z) => (z === -Infinity ? "-float('inf')" : String(z))).join(', ');
  const scale = setting.temperature === 1 ? 'z' : `z / ${setting.temperature}`;
  const head = ['import torch', 'import torch.nn.functional as F',
    `z = torch.tensor([[${numbers}]], dtype=torch.float64, requires_grad=True)`];
  if (kind === 'softmax') {
    head.push(`p = F.softmax(${scale}, dim=1)`);
    if (setting.targets?.length === 1) {
      const smoothing = setting.smoothing > 0 ? `, label_smoothing=${setting.smoothing}` : '';
      head.push(`loss = F.cross_entropy(${scale}, torch.tensor([${setting.targets[0]}])${smoothing})`);
    }
  } else {
    head.push(`p = torch.sigmoid(${scale})`);
    if (setting.targets) {
      head.push('y = torch.zeros_like(z)');
      if (setting.targets.length > 0) head.push(`y[0, [${setting.targets.join(', ')}]] = 1`);
      if (setting.smoothing > 0) head.push(`y = y * ${1 - setting.smoothing} + ${setting.smoothing / 2}`);
      head.push(`loss = F.binary_cross_entropy_with_logits(${scale}, y)`);
    }
  }
  if (setting.targets && (kind === 'sigmoid' || setting.targets.length === 1)) head.push('loss.backward()', 'print(p, loss, z.grad)');
  else head.push('print(p)');
  return head.join('\n');
}
