// Decisions on their way to the studio. Each is kept in the browser's storage until the studio says that it is on its
// disk, so that a studio that ends, a full disk, a laptop that sleeps or a browser that crashes loses none: they are sent
// again, also by the next page of this address. A repeated one counts once, as each bears an id.
import { below, StudioError, post, textOf } from '../api';

export interface Saved {
  id: string;
  number?: number | null;
  error?: string;
  may_retry?: boolean;
}

export interface Waiting {
  id: string;
  /** Milliseconds since 1970, and a count: the order in which they were made. */
  order: number;
  /** Where they are posted: "/api/clean/pets". */
  path: string;
  kind: 'decide' | 'label' | 'undo';
  who: string;
  /** What the studio gets, without the id. */
  body: Record<string, unknown>;
  /** Why it is not saved, after the first try. */
  problem?: string;
  /** The studio will never take it. */
  isRefused?: boolean;
}

const kPrefix = 'margay.unsaved.';
const kPauses = [500, 1000, 2000, 5000, 10000];
const kAtOnce = 200;

let count = 0;
const mostRecent = () => Date.now() + count++ / 1e6;
export const newId = () => `${Date.now().toString(36)}-${crypto.getRandomValues(new Uint32Array(2)).join('-')}`;

type Listener = () => void;

export class Outbox<State> {
  private items: Waiting[] = [];
  private readonly listeners = new Set<Listener>();
  private isSending = false;
  private tries = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;

  /** onState: hears the studio's state after each success; onUndone: what was taken back. */
  constructor(
    private readonly path: string,
    private readonly onState: (state: State) => void,
    private readonly onUndone: (undone: unknown) => void,
  ) {
    for (let i = 0; i < localStorage.length; ++i) {
      const key = localStorage.key(i);
      if (!key?.startsWith(kPrefix)) continue;
      try {
        const item = JSON.parse(localStorage.getItem(key) ?? '') as Waiting;
        if (item.path === path) this.items.push(item);
      } catch {
        // not ours
      }
    }
    this.items.sort((a, b) => a.order - b.order);
    this.wake();
  }

  /** All that is not saved, in order. */
  waiting(): readonly Waiting[] {
    return this.items;
  }

  listen(listener: Listener): () => void {
    this.listeners.add(listener);
    return () => { this.listeners.delete(listener); };
  }

  add(kind: Waiting['kind'], who: string, bodies: Record<string, unknown>[]): void {
    for (const body of bodies) {
      const item: Waiting = { id: newId(), order: mostRecent(), path: this.path, kind, who, body };
      this.items = [...this.items, item];
      this.keep(item);
    }
    this.tell();
    this.wake();
  }

  /** Forgets what the studio refused. */
  dismiss(id: string): void {
    this.remove([id]);
    this.tell();
    this.wake();
  }

  /** Sends now, as when the connection is back. */
  wake(): void {
    clearTimeout(this.timer);
    if (!this.isSending) void this.sendNext();
  }

  private keep(item: Waiting) {
    try {
      localStorage.setItem(kPrefix + item.id, JSON.stringify(item));
    } catch {
      // the browser's storage is full: it lives in the page until it is saved
    }
  }

  private remove(ids: string[]) {
    const gone = new Set(ids);
    this.items = this.items.filter(({ id }) => !gone.has(id));
    for (const id of ids) localStorage.removeItem(kPrefix + id);
  }

  private tell() {
    for (const listener of this.listeners) listener();
  }

  /** Those that go in one request: of one kind and one person, without those that were refused. */
  private batch(): Waiting[] {
    const left = this.items.filter((item) => !item.isRefused);
    const first = left[0];
    if (!first) return [];
    if (first.kind === 'undo') return [first];
    const end = left.findIndex((item) => item.kind !== first.kind || item.who !== first.who);
    return left.slice(0, Math.min(kAtOnce, end < 0 ? left.length : end));
  }

  private mark(ids: Map<string, Partial<Waiting>>) {
    this.items = this.items.map((item) => {
      const change = ids.get(item.id);
      if (!change) return item;
      const changed = { ...item, ...change };
      this.keep(changed);
      return changed;
    });
  }

  private async sendNext(): Promise<void> {
    const items = this.batch();
    const first = items[0];
    if (!first) return;
    this.isSending = true;
    let isDone = false;
    try {
      isDone = first.kind === 'undo' ? await this.sendUndo(first) : await this.sendDecisions(first.kind, items);
    } catch (error) {
      // 4xx: the request itself is wrong and would be again; 401: the page needs a new token, and the choice stays.
      const isRefused = error instanceof StudioError && error.status >= 400 && error.status < 500
        && ![401, 403, 408, 429].includes(error.status);
      this.mark(new Map(items.map(({ id }) => [id, { problem: textOf(error), isRefused }])));
    }
    this.isSending = false;
    this.tries = isDone ? 0 : this.tries + 1;
    this.tell();
    if (this.batch().length === 0) return;
    if (isDone) return this.sendNext();
    this.timer = setTimeout(() => this.wake(), kPauses[Math.min(this.tries, kPauses.length) - 1] ?? 1000);
  }

  private async sendUndo(item: Waiting): Promise<boolean> {
    const answer = await post<{ undone: unknown; state: State }>(below(this.path, 'undo'), { who: item.who, id: item.id });
    this.remove([item.id]);
    this.onUndone(answer.undone);
    this.onState(answer.state);
    return true;
  }

  private async sendDecisions(kind: string, items: Waiting[]): Promise<boolean> {
    const answer = await post<{ results: Saved[]; state: State }>(below(this.path, kind), {
      who: items[0]!.who, decisions: items.map(({ id, body }) => ({ ...body, id })),
    });
    const refused = answer.results.filter(({ error }) => error !== undefined);
    this.remove(answer.results.filter(({ error }) => error === undefined).map(({ id }) => id));
    this.mark(new Map(refused.map(({ id, error, may_retry: mayRetry }) =>
      [id, { problem: error ?? '', isRefused: !mayRetry }])));
    this.onState(answer.state);
    return refused.every(({ may_retry: mayRetry }) => !mayRetry);
  }
}
