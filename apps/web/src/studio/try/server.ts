// What the view asks for.
import type { Prediction } from '../../parts/prediction';
import { post } from '../api';

export interface ModelFacts {
  id: string;
  name: string;
  version: string;
  architecture: string;
  device: string;
  labels: string[];
  is_multi_label: boolean;
  size: number;
  temperature: number;
  alpha?: number;
}

export interface NearImage {
  name: string;
  labels: string[];
  similarity: number;
  image?: string;
  problem?: string;
}

/** What a model says of an image. */
export interface Tried extends Prediction {
  logits: number[];
  map: { label: string; image: string };
  /** What the network saw, as a data: address. */
  seen: string;
  times: { decoded_ms: number; predicted_ms: number; mapped_ms: number };
  nearest?: NearImage[];
  /** Why they could not be found. */
  nearest_problem?: string;
}

/** How far the features of a model's training images are. */
export interface Examples {
  model: string;
  state: 'none' | 'working' | 'ready' | 'failed';
  done: number;
  total: number;
  problem?: string;
  reason?: string;
  warnings?: string[];
}

export const modelFacts = (model: string, signal?: AbortSignal) => post<ModelFacts>('/api/try/model', undefined, { model }, signal);

export const tryImage = (model: string, image: Blob, name: string, label: string | undefined, signal: AbortSignal) =>
  post<Tried>('/api/try', image, { model, name, label }, signal);

export const findExamples = (model: string) => post<Examples>('/api/try/examples', undefined, { model });
export const stopExamples = (model: string) => post<Examples>('/api/try/examples', undefined, { model, stop: 1 });
