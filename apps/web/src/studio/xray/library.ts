// The same numbers from the C++ library, to compare with.
import { post } from '../api';
import type { LossInput } from './loss_math';
import type { LibraryNumbers } from './xray';

type Written = number | 'inf' | '-inf';
const numberOf = (value: Written): number => (typeof value === 'number' ? value : value === 'inf' ? Infinity : -Infinity);

interface WrittenNumbers {
  probability: Written[];
  negative_log: Written[];
  gradient: Written[];
  loss: Written | null;
}

export async function askLibrary(input: LossInput): Promise<LibraryNumbers> {
  const given = await post<WrittenNumbers>('/api/xray', {
    kind: input.kind, logits: Array.from(input.logits, (z) => (z === -Infinity ? '-inf' : z)), targets: input.targets ?? null,
    temperature: input.temperature, smoothing: input.smoothing,
  });
  return {
    probability: given.probability.map(numberOf), negative_log: given.negative_log.map(numberOf), gradient: given.gradient.map(numberOf),
    loss: given.loss === null ? null : numberOf(given.loss),
  };
}
