// What a model says of an image: the one JSON object of the server, the studio and `margay predict --json`.

export interface Prediction {
  path: string;
  /** Of models of several labels: those above the threshold. */
  labels?: string[];
  none_of_these?: boolean;
  p_known?: number;
  /** The most probable first. */
  predictions: { label: string; probability: number }[];
  model: string;
  model_version: string;
}
