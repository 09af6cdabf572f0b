// What the page asks the server for.
import type { Prediction } from '../parts/prediction';
import { reasonOf } from '../parts/reason';

export interface Model {
  name: string;
  version: string;
  state: string;
  reason: string;
}

/** A response that is no success: what the server says is wrong. */
export class ServerError extends Error {
  constructor(readonly status: number, message: string) {
    super(message);
  }
}

async function send(path: string, token: string, body: Blob | string): Promise<Response> {
  const headers: Record<string, string> = token ? { Authorization: `Bearer ${token}` } : {};
  const response = await fetch(path, { method: 'POST', body, headers });
  if (response.ok) return response;
  throw new ServerError(response.status, await reasonOf(response));
}

export async function models(token: string): Promise<Model[]> {
  return (await send('/v2/repository/index', token, '{}')).json() as Promise<Model[]>;
}

const place = (kind: string, model: string, query: Record<string, string>) =>
  `/${kind}/${encodeURIComponent(model)}?${new URLSearchParams(query)}`;

export async function predict(model: string, image: File, token: string): Promise<Prediction> {
  const query = { top: '5', name: image.name || 'image' };
  return (await send(place('predictions', model, query), token, image)).json() as Promise<Prediction>;
}

/** The image with the map of a class over it, or of the predicted one. */
export async function map(model: string, image: File, label: string | undefined, token: string): Promise<Blob> {
  return (await send(place('maps', model, label === undefined ? {} : { label }), token, image)).blob();
}
