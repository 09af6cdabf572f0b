// What the studio tells about runs (apps/studio/runs_view.cpp).

export type RunStatus = 'running' | 'done' | 'interrupted' | 'failed';

export interface RunSummary {
  folder: string;
  name: string;
  group: string;
  kind: 'training' | 'probe';
  status: RunStatus;
  message: string;
  started: string;
  ended: string;
  seconds: number | null;
  seed: number;
  arch: string | null;
  epochs: number;
  valid_images: number | null;
  valid_loss: number | null;
  metric: string;
  value: number | null;
  standard_error: number | null;
  /** The metric after each epoch. */
  over_epochs: (number | null)[];
  problems: string[];
}

export interface RunList {
  folder: string;
  is_there: boolean;
  runs: RunSummary[];
}

export interface Epoch {
  stage: string;
  epoch: number;
  train_loss: number | null;
  valid_loss: number | null;
  metrics: Record<string, number | null>;
  seconds: number | null;
}

export interface Run extends Omit<RunSummary, 'epochs'> {
  path: string;
  has_model: boolean;
  has_checkpoint: boolean;
  saved_epoch: number | null;
  epochs: Epoch[];
  changed_settings: { setting: string; default: unknown; value: unknown }[];
  steps: number;
  curves: string[];
  broken_lines: number;
  stages: { step: number; name: string }[];
}

/** Whether an event, "runs" or "steps", is of one of these folders. */
export const concerns = (folders: string[]) => (event: unknown) =>
  (event as { folders: string[] }).folders.some((folder) => folders.includes(folder));

export interface Curves {
  /** The last step of each folder. */
  steps: Record<string, number>;
  curves: { folder: string; name: string; points: number; end: number; x: number[]; y: (number | null)[] }[];
}

export interface Compared {
  metric?: string;
  runs?: { run: string; values: number[]; mean: number; standard_error: number | null; valid_images: number | null }[];
  comparisons?: { a: string; b: string; difference: number; noise?: number; is_beyond_noise?: boolean; verdict: string }[];
  caveats?: string[];
  settings: { setting: string; values: unknown[] }[];
  results: string[];
}

export const isShare = (metric: string) => ['error_rate', 'accuracy', 'exact_match'].includes(metric);
