// An evaluation of a model: asked for, waited for, and left when the page leaves.
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { type PageData, type PageImage } from '../../report/document';
import { get, isAbort, onChange, post, textOf } from '../api';
import { savedPage, useKept } from '../saved_page';

export interface Question {
  model: string;
  /** A served folder; "": where the images of the training lie. */
  folder: string;
  /** "valid", "train", "new", "all"; "": as fits. */
  part: string;
  leaves_unknown_out: boolean;
  unlabelled: boolean;
}

export interface Status {
  id: string;
  state: 'waiting' | 'working' | 'done' | 'failed' | 'left';
  done: number;
  total: number;
  problem?: string;
}

/** What the report's parts show, with a sentence about the images. */
export interface JudgedPage extends PageData {
  reason: string;
  warnings: string[];
}

/** This page among those that wait for an evaluation. */
const watcher = Array.from({ length: 4 }, () => Math.floor(Math.random() * 2 ** 32).toString(36)).join('');
/** Says that the page still waits; far below the server's patience, even where a hidden tab's timers run once a minute. */
const kRenewMs = 5000;

const isInWork = (status: Status | undefined) => status?.state === 'waiting' || status?.state === 'working';

export interface Asked {
  status: Status | undefined;
  problem: string;
  /** Judges anew, as images may have changed. */
  again: () => void;
  cancel: () => void;
}

function leaveIt(status: Status) {
  if (!isInWork(status)) return;
  const path = `/api/mistakes/${status.id}/leave?watcher=${watcher}`;
  void fetch(path, { method: 'POST', credentials: 'same-origin', keepalive: true }).catch(() => undefined); // also when the tab closes
}

/** Asks for the evaluation, and leaves it when another one is asked for or the view goes. */
export function useEvaluation(question: Question | undefined): Asked {
  const [status, setStatus] = useKept<Status | undefined>('mistakes.status', undefined);
  const [problem, setProblem] = useState('');
  const now = useRef<Status | undefined>(undefined);
  const asked = useRef<object | undefined>(undefined);
  const key = question ? JSON.stringify(question) : '';
  const take = useCallback((next: Status | undefined) => {
    now.current = next;
    setStatus(next);
  }, []);
  const ask = useCallback((again: boolean) => {
    if (!key || savedPage) return;
    setProblem('');
    const mine = {};
    asked.current = mine;
    post<Status>('/api/mistakes', JSON.parse(key), { watcher, again: again || undefined }).then(
      (next) => {
        if (asked.current === mine) take(next);
        else leaveIt(next); // another question was asked meanwhile, or the view is gone
      },
      (error: unknown) => {
        if (asked.current !== mine) return;
        take(undefined);
        setProblem(textOf(error));
      });
  }, [key]);
  const leave = useCallback(() => {
    asked.current = undefined;
    if (now.current) leaveIt(now.current);
  }, []);

  useEffect(() => {
    if (savedPage) return undefined;
    take(undefined);
    ask(false);
    const renew = () => {
      if (!now.current || !isInWork(now.current)) return;
      const { id } = now.current;
      get<Status>(`/api/mistakes/${id}`, { watcher }).then(
        (next) => { if (now.current?.id === id) take(next); },
        (error: unknown) => { if (!isAbort(error)) setProblem(textOf(error)); });
    };
    const timer = setInterval(renew, kRenewMs);
    const end = onChange('mistakes', (data) => {
      if (data === undefined) renew();
      else if ((data as Status).id === now.current?.id) take(data as Status);
    });
    addEventListener('pagehide', leave);
    return () => {
      clearInterval(timer);
      end();
      removeEventListener('pagehide', leave);
      leave();
      now.current = undefined;
    };
  }, [key]);
  // Somebody left it for us, as after a night's sleep: it begins again.
  useEffect(() => { if (status?.state === 'left' && now.current) ask(false); }, [status?.state]);
  const cancel = useCallback(() => { leave(); take(undefined); }, []);
  return { status, problem, again: () => ask(true), cancel };
}

interface Cell {
  images: number[];
  facts: Record<string, PageImage>;
}

export interface Judged {
  page: JudgedPage | undefined;
  byCell: Map<string, number[]>;
  problem: string;
  wantCell: (row: number, column: number) => void;
}

/** The document of an evaluation that is done, and the images of the cells that were asked for. */
export function useJudged(id: string | undefined): Judged {
  const [document, setDocument] = useState<JudgedPage>();
  const [cells, setCells] = useState<Map<string, Cell>>(new Map());
  const [problem, setProblem] = useState('');
  const asked = useRef(new Set<string>());
  useEffect(() => {
    setDocument(undefined);
    setCells(new Map());
    setProblem('');
    asked.current = new Set();
    if (id === undefined) return undefined;
    const controller = new AbortController();
    get<JudgedPage>(`/api/mistakes/${id}/document`, {}, controller.signal)
      .then(setDocument, (error: unknown) => { if (!isAbort(error)) setProblem(textOf(error)); });
    return () => controller.abort();
  }, [id]);
  const wantCell = useCallback((row: number, column: number) => {
    const key = `${row},${column}`;
    if (id === undefined || asked.current.has(key)) return;
    asked.current.add(key);
    get<Cell>(`/api/mistakes/${id}/cell`, { row, column }).then(
      (cell) => setCells((before) => new Map(before).set(key, cell)),
      (error: unknown) => {
        asked.current.delete(key);
        setProblem(textOf(error));
      });
  }, [id]);
  const facts = Object.assign({}, ...[...cells.values()].map((cell) => cell.facts)) as Record<string, PageImage>;
  const page = document && { ...document, images: withMaps(document, { ...document.images, ...facts }) };
  return { page, byCell: new Map([...cells].map(([key, cell]) => [key, cell.images])), problem, wantCell };
}

/** The classes whose maps are offered: what was predicted, and the label. */
function withMaps(page: JudgedPage, images: Record<string, PageImage>): Record<string, PageImage> {
  const { vocab } = page.document;
  return Object.fromEntries(Object.entries(images).map(([row, image]) => {
    const classes = [...new Set([...image.predicted, ...(image.labels ?? [])])].slice(0, 4);
    return [row, { ...image, maps: classes.map((k) => vocab[k] ?? '') }];
  }));
}
