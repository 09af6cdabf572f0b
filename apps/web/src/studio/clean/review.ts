// What the studio says of a review, as JSON.
export interface Estimate {
  value: number;
  low: number;
  high: number;
}

export interface ReviewState {
  folder: string;
  path: string;
  images: number;
  /** Files have come or gone since the folder was read: "changed", "gone". */
  change: string;
  classes: string[];
  is_multi_label: boolean;
  journal: { path: string; is_beside: boolean; decisions: number };
  who: string;
  is_read_only: boolean;
  version: number;
  entries: Record<string, number>;
  progress: {
    kept: number; relabelled: number; deleted: number; distinct: number; changed_in_validation: number; pending: number; skipped: number;
    pending_by_kind: Record<string, number>;
  };
  remaining: {
    images: number; population: number; looked_at: number; wrong: number; confidence: number;
    at_most: number | null; share_at_most: number | null; estimate: number | null;
  };
  elsewhere: number;
  search: { state: string; done: number; total: number; problem: string; time: string; source: string; images: number };
  unfinished_apply: number | null;
  warnings: string[];
  validation?: { images: number; relabelled: number; deleted: number; before: Estimate; after: Estimate };
}

export interface Decided {
  number: number;
  time: string;
  who: string;
  kind: string;
  image: string;
  image_id: string;
  before: string[];
  after: string[];
  finding: string;
  undone: boolean;
  other?: string;
  undoes?: number;
  /** The number of its entry; null: it was about none. Only of what was just taken back. */
  entry?: number | null;
}

export interface Entry {
  id: number;
  image_id: string;
  name: string;
  kind: string;
  title: string;
  text: string;
  given: string[];
  labels: string[];
  suggestion: string[];
  probability: number;
  gain: number;
  validates: boolean;
  is_answered: boolean;
  was_skipped: boolean;
  evidence: Record<string, number>;
  shares: [string, number][];
  others: { image_id: string; name: string; labels: string[]; is_deleted: boolean; is_distinct: boolean }[];
  decision: Decided | null;
}

export type Choice = 'keep' | 'relabel' | 'delete' | 'skip' | 'not_duplicate';

/** What a person has chosen for an entry. */
export interface Made {
  choice: Choice;
  labels?: string[];
  newClass?: boolean;
}

export interface Plan {
  sentences: string[];
  deleted: { from: string; to: string }[];
  deleted_count: number;
  moved: { from: string; to: string }[];
  moved_count: number;
  new_table: string;
  relabelled: number;
  impossible: string[];
  is_empty: boolean;
  hash: string;
}

export interface Applied {
  number: number;
  moved: number;
  is_undone: boolean;
  /** Not: it counts as interrupted. */
  is_complete: boolean;
  new_table: string;
  problems: string[];
  state: ReviewState;
}

export const decisionOf = (entry: Entry, made: Made): Record<string, unknown> => ({
  image_id: entry.image_id,
  kind: made.choice,
  finding: entry.kind,
  ...(made.labels && { labels: made.labels }),
  ...(made.newClass && { new_class: true }),
  ...(made.choice === 'not_duplicate' && { others: entry.others.map(({ image_id: id }) => id) }),
});

/** The labels that the keys 1 … 9 give: by probability, else the suggested one and the first classes. */
export function keyedLabels(entry: Entry, classes: string[]): { label: string; share?: number }[] {
  if (entry.shares.length > 0) return entry.shares.map(([label, share]) => ({ label, share }));
  const first = [...entry.suggestion, ...classes.filter((label) => !entry.suggestion.includes(label))];
  return (classes.length <= 9 ? first : entry.suggestion).slice(0, 9).map((label) => ({ label }));
}
