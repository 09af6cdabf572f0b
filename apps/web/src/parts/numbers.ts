// How the pages write numbers.

/** A number and its 95 % interval, where one is known. */
export interface Estimate {
  value: number;
  low?: number;
  high?: number;
}

export type NumberStyle = 'percent' | 'number' | 'count' | 'p_value';

/** "%" after a space at which no line breaks. */
const kPercent = '\u00a0%';

/** 0.8342 as "83.4 %"; more digits where a share is close to 0 or 1, so that 99.96 % does not read as 100 %. */
export function percent(share: number): string {
  if (!Number.isFinite(share)) return '–';
  const value = share * 100;
  const fromEdge = Math.min(Math.abs(value), Math.abs(100 - value));
  if (fromEdge > 0 && fromEdge < 0.005) return value < 50 ? `< 0.01${kPercent}` : `> 99.99${kPercent}`;
  const digits = fromEdge === 0 ? 0 : fromEdge < 0.1 ? 2 : 1;
  return `${value.toFixed(digits)}${kPercent}`;
}

/** A chosen level, .95 as "95 %". */
export const level = (share: number) => `${Number((share * 100).toPrecision(4))}${kPercent}`;

export function count(value: number): string {
  return Number.isFinite(value) ? Math.round(value).toLocaleString('en-US') : '–';
}

/** Three significant digits, and never "0.00" for what is not zero. */
export function number(value: number): string {
  if (!Number.isFinite(value)) return '–';
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size >= 1000) return count(value);
  if (size < 0.0001) return value.toExponential(1).replace('-', '−');
  return value.toPrecision(3).replace('-', '−');
}

export function pValue(value: number): string {
  if (!Number.isFinite(value)) return '–';
  return value < 0.0001 ? '< .0001' : value.toFixed(value < 0.001 ? 4 : 3).replace(/^0/, '');
}

export function written(value: number, style: NumberStyle): string {
  if (style === 'percent') return percent(value);
  if (style === 'count') return count(value);
  return style === 'p_value' ? pValue(value) : number(value);
}

/** "81.2 – 85.4 %", or "" without an interval. */
export function interval(estimate: Estimate, style: NumberStyle): string {
  if (estimate.low === undefined || estimate.high === undefined) return '';
  const low = written(estimate.low, style);
  const high = written(estimate.high, style);
  return style === 'percent' ? `${low.replace(kPercent, '')}\u00a0–\u00a0${high}` : `${low}\u00a0–\u00a0${high}`;
}

/** "83.4 % (81.2 – 85.4 %)" */
export function withInterval(estimate: Estimate, style: NumberStyle): string {
  const bounds = interval(estimate, style);
  return bounds ? `${written(estimate.value, style)} (${bounds})` : written(estimate.value, style);
}

/** "1 image", "2 images" */
export function counted(amount: number, one: string, many = `${one}s`): string {
  return `${count(amount)} ${amount === 1 ? one : many}`;
}

/** 1, 2 or 5 times a power of ten that divides low … high into at most `wanted` parts. */
export function tickStep(low: number, high: number, wanted: number): number {
  const rough = (high - low) / Math.max(1, wanted);
  const power = 10 ** Math.floor(Math.log10(rough));
  return ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10) * power;
}

/** The multiples of that step in low … high. */
export function ticks(low: number, high: number, wanted: number): number[] {
  if (!(high > low)) return [low];
  const step = tickStep(low, high, wanted);
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}
