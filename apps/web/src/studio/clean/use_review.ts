// The review of a folder: the studio's state, the decisions on their way, and the name that they bear.
import { useEffect, useMemo, useReducer, useRef, useState } from 'preact/hooks';
import { apiPath, onChange, useConnection, useGet } from '../api';
import { Outbox, type Waiting } from './outbox';
import { type Decided, type Entry, type Made, type ReviewState, decisionOf } from './review';

export interface Review {
  path: string;
  state: ReviewState;
  problem: string | undefined;
  who: string;
  setWho: (who: string) => void;
  unsaved: readonly Waiting[];
  decide: (made: { entry: Entry; made: Made }[]) => void;
  undo: () => void;
  dismiss: (id: string) => void;
  retry: () => void;
  /** The last decision that was taken back, so that its image is shown again. */
  undone: Decided | undefined;
  reload: () => void;
  take: (state: ReviewState) => void;
}

/** The name that decisions bear; kept in the browser. */
export function useWho(otherwise: string): [string, (who: string) => void] {
  const [who, setWho] = useState(() => localStorage.getItem('margay.who') ?? '');
  const keep = (name: string) => {
    localStorage.setItem('margay.who', name);
    setWho(name);
  };
  return [who || otherwise, keep];
}

/** Events of other folders are of no interest here. */
const isAbout = (folder: string, data: unknown) =>
  data === undefined || (data as { folder?: string }).folder === folder;

/**
 * What the studio holds of a folder for a view, and what a change of this page's own has given since (setNewer). options: how
 * the folder is read, JSON.
 */
export function useFolderState<State>(view: string, folder: string, options = '') {
  const path = apiPath(view, folder) + (options && `?${new URLSearchParams({ options })}`);
  const got = useGet<State>(path);
  const [newer, setNewer] = useState<State>();
  // Several changes in a row are asked for once.
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => onChange(view, (data) => {
    if (!isAbout(folder, data)) return;
    clearTimeout(timer.current);
    timer.current = setTimeout(got.reload, 60);
  }), [view, folder, got.reload]);
  useEffect(() => setNewer(undefined), [got.data]);
  return { path, got, state: newer ?? got.data, setNewer };
}

export function useReview(folder: string, options: string): { review?: Review; problem?: string; isLoading: boolean; again: () => void } {
  const { path, got, state, setNewer } = useFolderState<ReviewState>('clean', folder, options);
  const [undone, setUndone] = useState<Decided>();
  const [, redraw] = useReducer((n: number) => n + 1, 0);
  const outbox = useMemo(
    () => new Outbox<ReviewState>(path, setNewer, (what) => setUndone((what as Decided | null) ?? undefined)), [path]);
  useEffect(() => outbox.listen(() => redraw(undefined)), [outbox]);
  const connection = useConnection();
  useEffect(() => {
    if (connection === 'open') outbox.wake();
  }, [connection, outbox]);
  useEffect(() => {
    const wake = () => outbox.wake();
    addEventListener('online', wake);
    return () => removeEventListener('online', wake);
  }, [outbox]);
  const [who, setWho] = useWho(state?.who ?? '');
  if (!state) {
    return { ...(got.problem && { problem: got.problem.message }), isLoading: got.isLoading, again: got.reload };
  }
  return {
    isLoading: false,
    again: got.reload,
    review: {
      path, state, who, setWho, undone,
      problem: got.problem?.message,
      unsaved: outbox.waiting(),
      decide: (all) => outbox.add('decide', who, all.map(({ entry, made }) => decisionOf(entry, made))),
      undo: () => outbox.add('undo', who, [{}]),
      dismiss: (id) => outbox.dismiss(id),
      retry: () => outbox.wake(),
      reload: got.reload,
      take: setNewer,
    },
  };
}
