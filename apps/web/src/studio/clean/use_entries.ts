// The entries of a review: their numbers at once, what is to be shown of them when it is needed.
import { useCallback, useEffect, useReducer, useRef, useState } from 'preact/hooks';
import { below, get, textOf } from '../api';
import type { Decided, Entry } from './review';

export interface Filter {
  kind: string;
  label: string;
  wanted: 'pending' | 'decided' | 'all';
}

export interface Entries {
  ids: number[];
  entry: (i: number) => Entry | undefined;
  /** Fetches the entries first … end - 1, those that are missing or old. */
  need: (first: number, end: number) => void;
  problem: string;
  isLoading: boolean;
}

const kAtOnce = 100;

/**
 * changes: another value when something was decided: what is shown is asked for anew, the list of numbers stays, so that
 * nothing moves under the pointer, but what was taken back (undone) has its place in it again. version: another one when the
 * entries are others.
 */
export function useEntries(path: string, filter: Filter, version: number, changes: string, undone: Decided | undefined): Entries {
  const [ids, setIds] = useState<number[]>([]);
  const [isLoading, setLoading] = useState(true);
  const [problem, setProblem] = useState('');
  const [, redraw] = useReducer((n: number) => n + 1, 0);
  const known = useRef(new Map<number, { entry: Entry; of: string }>());
  const asked = useRef(new Set<number>());
  const range = useRef<[number, number]>([0, 0]);
  const { kind, label, wanted } = filter;

  useEffect(() => {
    const controller = new AbortController();
    known.current.clear();
    setLoading(true);
    get<{ ids: number[] }>(below(path, 'ids'), { kind, label, wanted }, controller.signal).then(
      (got) => { setIds(got.ids); setProblem(''); setLoading(false); },
      (error: unknown) => { if (!controller.signal.aborted) { setProblem(textOf(error)); setLoading(false); } });
    return () => controller.abort();
  }, [path, kind, label, wanted, version]);

  useEffect(() => {
    if (!undone) return undefined;
    const controller = new AbortController();
    get<{ version: number; ids: number[] }>(below(path, 'ids'), { kind, label, wanted }, controller.signal).then(
      (got) => {
        if (got.version !== version) return; // all of them are asked for anew
        setIds((before) => [...new Set([...before, ...got.ids])].sort((a, b) => Math.abs(a) - Math.abs(b)));
      },
      () => undefined);
    return () => controller.abort();
  }, [undone]);

  const need = useCallback((first: number, end: number) => {
    range.current = [first, end];
    const missing = ids.slice(first, end).filter((id) => known.current.get(id)?.of !== changes && !asked.current.has(id));
    for (let at = 0; at < missing.length; at += kAtOnce) {
      const part = missing.slice(at, at + kAtOnce);
      part.forEach((id) => asked.current.add(id));
      get<{ entries: Entry[] }>(below(path, 'entries'), { ids: part.join(',') }).then(
        ({ entries }) => { for (const entry of entries) known.current.set(entry.id, { entry, of: changes }); setProblem(''); },
        (error: unknown) => setProblem(textOf(error)),
      ).finally(() => { part.forEach((id) => asked.current.delete(id)); redraw(undefined); });
    }
  }, [path, ids, changes]);
  useEffect(() => need(...range.current), [need]);

  return { ids, need, problem, isLoading, entry: (i) => known.current.get(ids[i] ?? NaN)?.entry };
}
