// What a loss is made of, in float64: the same numbers that margay::loss computes (tests/golden/loss_anatomy.json holds both to it).
//
// Softmax with temperature T, u = z / T, and the largest m = max u:
//     log Σ exp(u) = m + log(1 + Σ_{k≠argmax} exp(u_k - m))         never overflows, and keeps its digits near 0
//     p_k = exp(u_k - m) / Σ_j exp(u_j - m),   -log p_k = (m - u_k) + log(1 + Σ_{j≠argmax} exp(u_j - m))
//     loss = -Σ_k q_k log p_k,   dL/dz_k = (p_k - q_k) / T,   q = (1 - ε) onehot(y) + ε / K
// Goodfellow, Bengio, Courville, "Deep Learning" (2016), §4.1, §6.2.2.3; Szegedy et al., arXiv:1512.00567, §7 (smoothing); Hinton
// et al., arXiv:1503.02531 (temperature).
//
// Sigmoid of each class, u = z / T: p = 1 / (1 + exp(-u)), -log p = softplus(-u), -log(1 - p) = softplus(u),
//     loss = mean_k of t_k (-log p_k) + (1 - t_k) (-log(1 - p_k)),   dL/dz_k = (p_k - t_k) / (K T),   t smoothed: t (1 - ε) + ε / 2

export type LossKind = 'softmax' | 'sigmoid';

export interface LossInput {
  kind: LossKind;
  /** [K], finite or -Infinity; of a softmax at least one is finite. */
  logits: ArrayLike<number>;
  /** The classes that are right: of a softmax exactly one. undefined: not known, then there is no loss. */
  targets: readonly number[] | undefined;
  /** > 0 */
  temperature: number;
  /** 0 … 1 */
  smoothing: number;
}

/** One number a class each. */
export interface LossNumbers {
  /** exp(u - max u); of sigmoids exp(-|u|) is not of use, so it is empty. */
  exp: Float64Array;
  probability: Float64Array;
  /** -log p */
  negativeLog: Float64Array;
  /** -log(1 - p), of sigmoids; else empty */
  negativeLogNot: Float64Array;
  /** What the probabilities should be, q or t. */
  target: Float64Array;
  gradient: Float64Array;
  /** Of each class: its part of the sum (softmax: q_k (-log p_k)) or of the mean (sigmoid). */
  part: Float64Array;
  loss: number | undefined;
  /** max u and log Σ exp(u), of a softmax. */
  largest: number;
  logSumExp: number;
}

/** 0 · ∞ is 0 here: what has no weight costs nothing. */
const times = (weight: number, cost: number) => (weight === 0 ? 0 : weight * cost);

function hasTarget(input: LossInput): boolean {
  if (input.targets === undefined) return false;
  return input.kind === 'sigmoid' || input.targets.length === 1;
}

function blank(classes: number): LossNumbers {
  const column = () => new Float64Array(classes);
  return {
    exp: column(), probability: column(), negativeLog: column(), negativeLogNot: new Float64Array(0), target: column(), gradient: column(),
    part: column(), loss: undefined, largest: NaN, logSumExp: NaN,
  };
}

/** The place of the largest, the first of equal ones. */
export function largestOf(values: ArrayLike<number>): number {
  let best = 0;
  for (let k = 1; k < values.length; k += 1) if (values[k]! > values[best]!) best = k;
  return best;
}

function softmaxNumbers(input: LossInput): LossNumbers {
  const classes = input.logits.length;
  const numbers = blank(classes);
  const top = largestOf(input.logits);
  const largest = input.logits[top]! / input.temperature;
  let others = 0;
  for (let k = 0; k < classes; k += 1) {
    numbers.exp[k] = k === top ? 1 : Math.exp(input.logits[k]! / input.temperature - largest);
    if (k !== top) others += numbers.exp[k]!;
  }
  const logSum = Math.log1p(others);
  const known = hasTarget(input);
  const right = known ? input.targets![0]! : -1;
  const rest = input.smoothing / classes;
  let loss = 0;
  for (let k = 0; k < classes; k += 1) {
    const p = numbers.exp[k]! / (1 + others);
    const cost = largest - input.logits[k]! / input.temperature + logSum;
    numbers.probability[k] = p;
    numbers.negativeLog[k] = cost;
    if (!known) continue;
    const wanted = (k === right ? 1 - input.smoothing : 0) + rest;
    numbers.target[k] = wanted;
    // 1 - p has no digits left where p is nearly 1; the share of all others has.
    const error = k === top && wanted === 1 ? -others / (1 + others) : p - wanted;
    numbers.gradient[k] = error / input.temperature;
    numbers.part[k] = times(wanted, cost);
    loss += numbers.part[k]!;
  }
  numbers.loss = known ? loss : undefined;
  numbers.largest = largest;
  numbers.logSumExp = largest + logSum;
  return numbers;
}

/** log(1 + exp(u)), to the last digits at both ends. */
export const softplus = (u: number) => (u === -Infinity ? 0 : Math.max(u, 0) + Math.log1p(Math.exp(-Math.abs(u))));

export function sigmoid(u: number): number {
  if (u >= 0) return 1 / (1 + Math.exp(-u));
  const e = Math.exp(u);
  return e / (1 + e);
}

function sigmoidNumbers(input: LossInput): LossNumbers {
  const classes = input.logits.length;
  const numbers = blank(classes);
  numbers.exp = new Float64Array(0);
  numbers.negativeLogNot = new Float64Array(classes);
  const known = hasTarget(input);
  const right = new Set(input.targets ?? []);
  let loss = 0;
  for (let k = 0; k < classes; k += 1) {
    const u = input.logits[k]! / input.temperature;
    const p = sigmoid(u);
    numbers.probability[k] = p;
    numbers.negativeLog[k] = softplus(-u);
    numbers.negativeLogNot[k] = softplus(u);
    if (!known) continue;
    const wanted = (right.has(k) ? 1 - input.smoothing : 0) + input.smoothing / 2;
    numbers.target[k] = wanted;
    numbers.gradient[k] = (wanted === 1 ? -sigmoid(-u) : p - wanted) / (classes * input.temperature);
    numbers.part[k] = (times(wanted, numbers.negativeLog[k]!) + times(1 - wanted, numbers.negativeLogNot[k]!)) / classes;
    loss += numbers.part[k]!;
  }
  numbers.loss = known ? loss : undefined;
  return numbers;
}

/** All numbers of a row of logits. */
export function lossNumbers(input: LossInput): LossNumbers {
  return input.kind === 'softmax' ? softmaxNumbers(input) : sigmoidNumbers(input);
}

/** The logits after one step against the gradient; those of -Infinity stay. */
export function afterStep(logits: ArrayLike<number>, gradient: ArrayLike<number>, step: number): number[] {
  return Array.from(logits, (z, k) => (z === -Infinity ? z : z - step * gradient[k]!));
}

/** A wrong class, and how much of the loss is the gap to it: 1 - L without it / L. */
export interface Gap {
  index: number;
  share: number;
  lossWithout: number;
}

/**
 * The wrong class with the largest share of a softmax's loss, without smoothing: L without j = log Σ_{i≠j} exp(u_i - u_y), as
 * interpret::softmax_xray. Nothing where the loss is 0, infinite or not known. It is the most probable of the wrong ones.
 */
export function widestGap(input: LossInput, numbers: LossNumbers): Gap | undefined {
  if (input.kind !== 'softmax' || input.smoothing > 0 || !numbers.loss || !Number.isFinite(numbers.loss)) return undefined;
  const right = input.targets![0]!;
  let index = -1;
  for (let k = 0; k < input.logits.length; k += 1) {
    if (k !== right && (index < 0 || input.logits[k]! > input.logits[index]!)) index = k;
  }
  if (index < 0) return undefined;
  const without = Array.from(input.logits, (z, k) => (k === index ? -Infinity : z));
  const lossWithout = lossNumbers({ ...input, logits: without }).loss!;
  return { index, share: Math.min(1, Math.max(0, 1 - lossWithout / numbers.loss)), lossWithout };
}

/** What softmax gives if nobody subtracts the largest first: the classes whose exp(u) overflows or vanishes make it NaN or 0. */
export function naiveSoftmax(logits: ArrayLike<number>, temperature: number): { exp: number[]; sum: number; probability: number[] } {
  const exp = Array.from(logits, (z) => Math.exp(z / temperature));
  const sum = exp.reduce((all, e) => all + e, 0);
  return { exp, sum, probability: exp.map((e) => e / sum) };
}

/** The largest difference between two columns, relative where numbers are above 1; equal infinities do not differ. */
export function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let most = 0;
  for (let k = 0; k < a.length; k += 1) {
    const [x, y] = [a[k]!, b[k] ?? NaN];
    if (x === y) continue;
    const difference = Math.abs(x - y) / Math.max(1, Math.abs(x));
    most = Math.max(most, Number.isNaN(difference) ? Infinity : difference);
  }
  return most;
}
