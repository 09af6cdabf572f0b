// What the numbers say, in sentences.
import { percent } from '../../parts/numbers';
import { lossText } from './loss_curve';
import { type LossNumbers, largestOf, widestGap } from './loss_math';
import { type XraySetting, type XraySubject, inputOf } from './subject';
import { words as all } from '../words';

const words = all.xray.verdict;

function pushWords(subject: XraySubject, numbers: LossNumbers): string[] {
  let [up, down] = [0, 0];
  numbers.gradient.forEach((gradient, k) => {
    if (gradient < numbers.gradient[up]!) up = k;
    if (gradient > numbers.gradient[down]!) down = k;
  });
  const moves = numbers.gradient[up]! < -0.005 && numbers.gradient[down]! > 0.005;
  return moves ? [words.push(subject.classes[up]!, subject.classes[down]!)] : [];
}

function softmaxVerdict(subject: XraySubject, setting: XraySetting, numbers: LossNumbers): string[] {
  const name = (k: number) => subject.classes[k]!;
  const best = largestOf(numbers.probability);
  const p = percent(numbers.probability[best]!);
  if (setting.logits.filter((z) => z !== -Infinity).length === 1 && numbers.loss !== Infinity) return [words.certain];
  if (numbers.loss === undefined) return [words.noTarget(name(best), p)];
  const label = setting.targets![0]!;
  if (setting.logits[label] === -Infinity) return [words.impossible(name(label))];
  const sentences = [best === label ? words.right(name(best), p)
    : words.wrong(name(best), p, name(label), percent(numbers.probability[label]!))];
  const gap = widestGap(inputOf('softmax', setting), numbers);
  if (gap && subject.classes.length > 2 && numbers.loss > 0.01) {
    sentences.push(words.gap(percent(gap.share), name(gap.index), lossText(gap.lossWithout)));
  }
  return [...sentences, ...pushWords(subject, numbers)];
}

function sigmoidVerdict(subject: XraySubject, setting: XraySetting, numbers: LossNumbers): string[] {
  const classes = subject.classes.length;
  const best = largestOf(numbers.probability);
  if (numbers.loss === undefined) return [words.noTarget(subject.classes[best]!, percent(numbers.probability[best]!))];
  const right = setting.logits.filter((z, k) => (z > 0) === setting.targets!.includes(k)).length;
  const heaviest = largestOf(numbers.part);
  const sentences = [words.several(right, classes)];
  if (numbers.loss > 0 && Number.isFinite(numbers.loss)) {
    sentences.push(words.heaviest(subject.classes[heaviest]!, percent(numbers.part[heaviest]! / numbers.loss)));
  }
  return sentences;
}

/** Whether it is right, what the loss is made of, and what a step would do. */
export function verdictOf(subject: XraySubject, setting: XraySetting, numbers: LossNumbers): string[] {
  return subject.kind === 'softmax' ? softmaxVerdict(subject, setting, numbers) : sigmoidVerdict(subject, setting, numbers);
}
