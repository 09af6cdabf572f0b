// What the page asks the studio for, and what the studio tells it.
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { reasonOf } from '../parts/reason';
import { noteAnswer, savedAnswer, savedPage } from './saved_page';
import { words } from './words';

/** A response that is no success: what the studio says is wrong. status 0: it did not answer at all. */
export class StudioError extends Error {
  constructor(readonly status: number, message: string) {
    super(message);
  }
}

export type Query = Record<string, string | number | boolean | undefined>;

function written(path: string, query: Query): string {
  const values = Object.entries(query).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]]));
  return values.length > 0 ? `${path}${path.includes('?') ? '&' : '?'}${new URLSearchParams(values)}` : path;
}

/** What lies below a path that may have a query: "/api/clean/pets/ids?options=…". */
export const below = (path: string, what: string) => path.replace(/(?=\?|$)/, `/${what}`);

/** "/api/data/my%20pets/images" of apiPath('data', 'my pets', 'images'). */
export const apiPath = (...parts: (string | number)[]) => `/api/${parts.map(encodeURIComponent).join('/')}`;

async function answered(path: string, init: RequestInit): Promise<Response> {
  if (savedPage) throw new StudioError(0, words.save.noStudio);
  let response: Response;
  try {
    response = await fetch(path, { credentials: 'same-origin', ...init });
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new StudioError(0, words.noAnswer);
  }
  if (response.ok) return response;
  throw new StudioError(response.status, await reasonOf(response));
}

export async function get<T>(path: string, query: Query = {}, signal?: AbortSignal): Promise<T> {
  const whole = written(path, query);
  if (savedPage) {
    const answer = savedAnswer(whole);
    if (answer === undefined) throw new StudioError(0, words.save.notHeld);
    return answer as T;
  }
  const answer = (await (await answered(whole, signal ? { signal } : {})).json()) as T;
  noteAnswer(whole, answer);
  return answer;
}

/** Sends JSON, or a file as it is, and gives the response's JSON (undefined without any). */
export async function send<T>(
  method: 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, body?: unknown, query: Query = {}, signal?: AbortSignal,
): Promise<T> {
  const isFile = body instanceof Blob;
  const init: RequestInit = { method };
  if (body !== undefined) {
    init.body = isFile ? body : JSON.stringify(body);
    if (!isFile) init.headers = { 'Content-Type': 'application/json' };
  }
  if (signal) init.signal = signal;
  const text = await (await answered(written(path, query), init)).text();
  return (text ? JSON.parse(text) : undefined) as T;
}

export const post = <T>(path: string, body?: unknown, query: Query = {}, signal?: AbortSignal) =>
  send<T>('POST', path, body, query, signal);

export const textOf = (error: unknown) => (error instanceof Error ? error.message : String(error));
export const isAbort = (error: unknown) => error instanceof DOMException && error.name === 'AbortError';

// ---- events: one stream for the whole page, only while it is looked at (a browser has six connections for all its tabs)

type Listener = (data: unknown) => void;
export type Connection = 'open' | 'lost' | 'asleep';

const listeners = new Map<string, Set<Listener>>();
const connectionListeners = new Set<(now: Connection) => void>();
let source: EventSource | undefined;
let connection: Connection = savedPage ? 'open' : 'asleep';
let start: string | undefined;
let isRefused = false;

function setConnection(now: Connection) {
  connection = now;
  for (const each of connectionListeners) each(now);
}

// A laptop that slept, or changed its network, may hold a stream on which nothing will ever come. The studio sends "beat" every
// 15 seconds; one that is missing for long, or a clock that has jumped, and the page connects anew.
const kSilence = 40_000;
const kWatch = 5000;
let lastHeard = 0;
let lastWatched = 0;
const heard = () => { lastHeard = Date.now(); };

function listenTo(topic: string) {
  source?.addEventListener(topic, (event) => {
    heard();
    const data: unknown = JSON.parse((event as MessageEvent<string>).data);
    for (const each of listeners.get(topic) ?? []) each(data);
  });
}

/** Whatever was missed while the page was asleep or the studio away: everybody asks anew. */
function everybodyAnew() {
  for (const each of new Set([...listeners.values()].flatMap((set) => [...set]))) each(undefined);
}

function open() {
  if (source || isRefused || document.hidden) return;
  source = new EventSource('/api/events');
  heard();
  source.addEventListener('beat', heard);
  source.addEventListener('hello', (event) => {
    const hello = JSON.parse((event as MessageEvent<string>).data) as { version: string; start: string };
    if (start !== undefined && start !== hello.start) return location.reload(); // perhaps of another version
    start = hello.start;
    heard();
    setConnection('open');
    everybodyAnew();
  });
  source.onerror = () => {
    setConnection('lost');
    if (source?.readyState !== EventSource.CLOSED) return; // it tries again by itself
    source = undefined;
    setTimeout(open, 2000);
  };
  for (const topic of listeners.keys()) listenTo(topic);
}

function openAnew() {
  source?.close();
  source = undefined;
  open();
}

function watch() {
  const now = Date.now();
  const hasSlept = now - lastWatched > kWatch + 20_000;
  lastWatched = now;
  if (source && (hasSlept || now - lastHeard > kSilence)) openAnew();
}

export function beginEvents(): void {
  if (savedPage) return;
  lastWatched = Date.now();
  setInterval(watch, kWatch);
  addEventListener('online', openAnew);
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden) return open();
    source?.close();
    source = undefined;
    setConnection('asleep');
  });
  addEventListener('pagehide', () => source?.close());
  open();
}

/** The studio asks for a token that this page lacks; with one, the page is loaded anew. */
export function endEvents(): void {
  isRefused = true;
  source?.close();
}

/** Calls `listener` for every event of a topic, with undefined where some may have been missed. Gives what ends it. */
export function onChange(topic: string, listener: Listener): () => void {
  if (!listeners.has(topic)) {
    listeners.set(topic, new Set());
    listenTo(topic);
  }
  listeners.get(topic)!.add(listener);
  return () => listeners.get(topic)?.delete(listener);
}

export function useConnection(): Connection {
  const [now, setNow] = useState(connection);
  useEffect(() => {
    setNow(connection);
    connectionListeners.add(setNow);
    return () => { connectionListeners.delete(setNow); };
  }, []);
  return now;
}

export interface Got<T> {
  /** The newest that came; it stays while it is asked for anew. */
  data?: T;
  /** What is wrong, of the newest request. */
  problem?: StudioError;
  isLoading: boolean;
  reload: () => void;
}

/**
 * What is at a path (undefined: nothing is asked for), asked for again when one of the topics changes. `keeps`: while
 * another path or query is loaded, what was there before stays, as when a filter changes. `concerns`: whether an event is
 * of what is shown.
 */
export function useGet<T>(
  path: string | undefined, query: Query = {}, topics: string[] = [], keeps = false, concerns?: (event: unknown) => boolean,
): Got<T> {
  const whole = path === undefined ? undefined : written(path, query);
  const [got, setGot] = useState<{ of: string | undefined; data?: T; problem?: StudioError; isLoading: boolean }>(
    { of: undefined, isLoading: false });
  const running = useRef<{ controller: AbortController; again: boolean } | undefined>(undefined);

  // What is asked for anew by itself does not say so: the view would be drawn twice each time.
  const load = useCallback((isTold?: boolean) => {
    if (whole === undefined) return;
    if (running.current) {
      running.current.again = true;
      return;
    }
    const mine = { controller: new AbortController(), again: false };
    running.current = mine;
    if (!isTold) setGot((before) => ({ ...before, isLoading: true }));
    const settle = (change: { data?: T; problem?: StudioError }) => {
      if (running.current !== mine) return; // another path is asked for, or nothing is shown any more
      running.current = undefined;
      setGot((before) => {
        const isKept = before.data !== undefined && (before.of === whole || keeps);
        return { of: whole, ...(isKept && { data: before.data! }), ...change, isLoading: false };
      });
      if (mine.again) load(isTold);
    };
    get<T>(whole, {}, mine.controller.signal).then(
      (data) => settle({ data }),
      (error: unknown) => isAbort(error) || settle({
        problem: error instanceof StudioError ? error : new StudioError(0, textOf(error)),
      }),
    );
  }, [whole, keeps]);

  useEffect(() => {
    load();
    return () => {
      running.current?.controller.abort();
      running.current = undefined;
    };
  }, [load]);
  const topicText = topics.join(' ');
  const isConcerned = useRef(concerns);
  isConcerned.current = concerns;
  useEffect(() => {
    const hear = (event: unknown) => {
      if (event === undefined || (isConcerned.current?.(event) ?? true)) load(true);
    };
    const ends = topicText.split(' ').filter(Boolean).map((topic) => onChange(topic, hear));
    return () => ends.forEach((end) => end());
  }, [topicText, load]);
  const isOfThis = got.of === whole;
  return {
    ...(got.data !== undefined && (isOfThis || keeps) && { data: got.data }),
    ...(got.problem && isOfThis && { problem: got.problem }),
    isLoading: got.isLoading || !isOfThis,
    reload: () => load(),
  };
}
