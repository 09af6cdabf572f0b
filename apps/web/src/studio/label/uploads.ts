// Images on their way to a class: each is kept in the page, visibly, until the studio has it on its disk.
import { StudioError, send, textOf } from '../api';
import { newId } from '../clean/outbox';
import type { LabellingState } from './labelling';

export interface Upload {
  id: string;
  label: string;
  name: string;
  file: Blob;
  problem?: string;
  isRefused?: boolean;
}

const kPauses = [500, 1000, 2000, 5000, 10000];
const ofPath = new Map<string, Uploads>();

export class Uploads {
  private items: Upload[] = [];
  private isSending = false;
  private tries = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly listeners = new Set<(state?: LabellingState) => void>();

  private constructor(private readonly path: string) {
    addEventListener('beforeunload', (event) => { if (this.items.some(({ isRefused }) => !isRefused)) event.preventDefault(); });
  }

  /** Those to a path, "/api/label/pets": the same for every view that shows them, as files are sent while another view is open. */
  static to(path: string): Uploads {
    const uploads = ofPath.get(path) ?? new Uploads(path);
    ofPath.set(path, uploads);
    return uploads;
  }

  all(): readonly Upload[] {
    return this.items;
  }

  /** listener: hears of each change, and the studio's state after each success. */
  listen(listener: (state?: LabellingState) => void): () => void {
    this.listeners.add(listener);
    return () => { this.listeners.delete(listener); };
  }

  add(files: { file: Blob; name: string }[], label: string): void {
    this.items = [...this.items, ...files.map(({ file, name }) => ({ id: newId(), label, name, file }))];
    this.tell();
    this.wake();
  }

  dismiss(id: string): void {
    this.items = this.items.filter((item) => item.id !== id);
    this.tell();
  }

  wake(): void {
    clearTimeout(this.timer);
    if (!this.isSending) void this.sendNext();
  }

  private tell(state?: LabellingState) {
    for (const listener of this.listeners) listener(state);
  }

  private change(id: string, change: Partial<Upload>) {
    this.items = this.items.map((item) => (item.id === id ? { ...item, ...change } : item));
  }

  private async sendNext(): Promise<void> {
    const item = this.items.find(({ isRefused }) => !isRefused);
    if (!item) return;
    this.isSending = true;
    let isDone = true;
    try {
      const { label, name, id } = item;
      const who = localStorage.getItem('margay.who') ?? '';
      const answer = await send<{ state: LabellingState }>('POST', `${this.path}/image`, item.file, { label, name, id, who });
      this.items = this.items.filter((each) => each.id !== id);
      this.tell(answer.state);
    } catch (error) {
      const isRefused = error instanceof StudioError && [400, 404, 413, 415, 422].includes(error.status);
      this.change(item.id, { problem: textOf(error), isRefused });
      isDone = isRefused;
    }
    this.isSending = false;
    this.tries = isDone ? 0 : this.tries + 1;
    this.tell();
    if (isDone) return this.sendNext();
    this.timer = setTimeout(() => this.wake(), kPauses[Math.min(this.tries, kPauses.length) - 1] ?? 1000);
  }
}
