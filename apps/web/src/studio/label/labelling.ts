// What the studio says of a dataset that is being made, as JSON.
import type { Estimate } from '../clean/review';

export interface Labelled {
  number: number;
  image_id: string;
  name: string;
  label: string;
  who: string;
  time: string;
  undone: boolean;
}

/** A label that was taken back. */
export interface TakenBack extends Labelled {
  /** The image among those to label; null: it is none of them. */
  waits_as: string | null;
}

export interface LabellingState {
  folder: string;
  path: string;
  is_read_only: boolean;
  classes: { label: string; images: number }[];
  labelled: number;
  /** The served folder whose images are to be labelled. */
  source: string;
  waiting: number;
  probe: { state: string; done: number; total: number; problem: string };
  curve: { known: number; error: Estimate | null; random_error: Estimate | null; random_images: number }[];
  warnings: string[];
  history: Labelled[];
}

export interface ToLabel {
  image_id: string;
  name: string;
  shares: [string, number][];
  uncertainty: number;
  is_random: boolean;
}

export interface NextImages {
  folder: string;
  waiting: number;
  images: ToLabel[];
}
