// Numbers to play with where there is no model yet.
import type { XraySubject } from './subject';

const softmax = (classes: string[], logits: number[], target: number): XraySubject =>
  ({ name: '', kind: 'softmax', classes, logits, targets: [target], temperature: 1 });

export const kPresets = {
  // those of docs/guide/chapter5.md
  breeds: softmax(['beagle', 'boxer', 'pug', 'basset'], [1.2, 3.1, -0.5, 1.9], 1),
  two: softmax(['3', '7'], [0.02, 1.25], 0),
  large: softmax(['cat', 'dog', 'horse'], [1000, 1001, 999.5], 0),
  one: softmax(['cat'], [2], 0),
  masked: softmax(['cat', 'dog', 'horse'], [1, -Infinity, 1.5], 0),
  several: {
    name: '', kind: 'sigmoid', classes: ['person', 'bicycle', 'car', 'dog', 'bench'], logits: [2.5, -1, 0.2, 4, -3.5], targets: [0, 1, 3], temperature: 1,
  } satisfies XraySubject as XraySubject,
};

export type PresetName = keyof typeof kPresets;
