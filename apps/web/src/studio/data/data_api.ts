// What the view Data asks the studio for.
import type { OptionField } from '../../parts/option_form';
import { apiPath, type Query } from '../api';
import { flagOf, flagValue } from '../train_settings';

/** [name, images, of training, of validation] */
export type ClassSize = [string, number, number, number];

export interface Dataset {
  images: number;
  train: number;
  valid: number;
  unlabelled: number;
  is_multi_label: boolean;
  deep_bits: number;
  classes: ClassSize[];
  labels_by: string;
  split_by: string;
  split_problem: string;
  warnings: string[];
  left_out: string[];
  change: '' | 'changed' | 'gone';
}

export interface Finding {
  kind: string;
  title: string;
  severity: 'harm' | 'note';
  classes: string[];
  text: string;
  suggestion: string[];
  remedy: string;
  /** Ids of the images that it is about; of one image's findings only. */
  images?: string[];
}

export interface FindingKind {
  name: string;
  title: string;
  severity: 'harm' | 'note';
  remedy: string;
  count: number;
  images: number;
}

export interface Check {
  state: JobState;
  done: number;
  total: number;
  problem: string;
  revision: number;
  origin: string;
  is_of_this_data?: boolean;
  kinds?: FindingKind[];
  others?: Finding[];
}

export type JobState = 'idle' | 'running' | 'done' | 'stopped' | 'failed';

export interface FolderState {
  folder: string;
  path: string;
  state: JobState;
  problem: string;
  revision: number;
  /** Why thumbnails are not kept; "" where they are. */
  not_kept: string;
  dataset?: Dataset;
  check: Check;
}

export interface ImageRow {
  i: number;
  id: string;
  /** Where it is another text than the id. */
  name?: string;
  labels: number[];
  side: 'train' | 'valid' | 'none';
  version: string;
  finding?: string;
  harms?: boolean;
}

export interface ImagePage {
  revision: number;
  findings: number;
  total: number;
  at: number;
  images: ImageRow[];
}

export interface ImageFacts extends ImageRow {
  file: {
    path: string; modified?: number; bytes?: number; format?: string; bits?: number; width?: number; height?: number;
    problem?: string;
  };
  findings: Finding[];
}

export interface DataForms {
  data: OptionField[];
  check: OptionField[];
}

export interface BatchForms {
  transforms: OptionField[];
  lr_find: OptionField[];
  architectures: string[];
}

export interface SeenImage {
  caption: string;
  source: string;
  id?: string;
}

export interface Draws {
  seed: number;
  size: number;
  images: SeenImage[];
}

export interface TensorFacts {
  type: string;
  shape: number[];
  mean?: number[];
  std?: number[];
  low?: number;
  high?: number;
}

export interface Batch {
  images: SeenImage[];
  pixels: TensorFacts;
  targets: TensorFacts;
  skipped: string[];
  warnings: string[];
  epoch: number;
}

export interface Summary {
  steps: { stage: string; before: string; after: string; details: string }[];
  warnings: string[];
  failure: null | { stage: string; file: string; input: string; problem: string; remedy: string };
}

export interface Suggestion {
  name: string;
  lr: number;
  rule: string;
}

export interface LrSearch {
  state: JobState;
  folder: string;
  done: number;
  total: number;
  problem: string;
  says: string[];
  lrs?: number[];
  losses?: number[];
  suggestions?: Suggestion[];
  arch?: string;
  unfrozen?: boolean;
}

/** A served folder and how it is read; `options` is the JSON of the options that are not their defaults, or "". */
export interface Source {
  folder: string;
  /** Where it lies. */
  path: string;
  options: string;
}

export const dataPath = (source: Source, ...rest: string[]) => apiPath('data', source.folder, ...rest);
export const dataQuery = (source: Source): Query => ({ options: source.options || undefined });

/** The path of one image, whose id keeps its slashes. */
export const imagePath = (source: Source, part: string, id: string) =>
  `${dataPath(source, part)}/${id.split('/').map(encodeURIComponent).join('/')}`;

const kFiles = ['labels_csv', 'valid_csv', 'valid_list', 'journal'];

/** How the folder is read, as flags of a training. */
export function dataFlags(source: Source): Record<string, string | boolean | null> {
  const options = JSON.parse(source.options || '{}') as Record<string, unknown>;
  return Object.fromEntries(Object.entries(options).map(([name, value]) => [
    flagOf(name), kFiles.includes(name) ? `${source.path}/${String(value)}` : flagValue(value),
  ]));
}
