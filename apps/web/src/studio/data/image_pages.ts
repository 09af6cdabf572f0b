// The rows of a long list of images, fetched in pages as they come into view: the newest wish first, two at a time.
import { get, isAbort, type Query, StudioError, textOf } from '../api';
import type { ImagePage, ImageRow } from './data_api';

const kPage = 200;
const kAtOnce = 2;
const kKept = 100;

export class ImagePages {
  /** undefined before the first page came. */
  total: number | undefined;
  problem: StudioError | undefined;
  private readonly pages = new Map<number, ImageRow[]>();
  private readonly running = new Map<number, AbortController>();
  private wanted: number[] = [];
  private isEnded = false;

  constructor(private readonly path: string, private readonly query: Query, private readonly onChange: () => void) {}

  row(i: number): ImageRow | undefined {
    return this.pages.get(Math.floor(i / kPage))?.[i % kPage];
  }

  /** Where an image stands, if its page is there. */
  find(id: string): number | undefined {
    for (const [page, rows] of this.pages) {
      const at = rows.findIndex((row) => row.id === id);
      if (at >= 0) return page * kPage + at;
    }
    return undefined;
  }

  /** These rows are needed, and no others; `end` is one past the last. */
  want(first: number, end: number): void {
    if (this.isEnded) return;
    const wanted: number[] = [];
    for (let page = Math.floor(first / kPage); page * kPage < Math.max(end, first + 1); ++page) {
      if (!this.pages.has(page)) wanted.push(page);
    }
    this.wanted = wanted;
    for (const [page, controller] of this.running) if (!wanted.includes(page)) controller.abort();
    this.next();
  }

  end(): void {
    this.isEnded = true;
    for (const controller of this.running.values()) controller.abort();
  }

  private next(): void {
    for (const page of this.wanted) {
      if (this.running.size >= kAtOnce) return;
      if (!this.running.has(page) && !this.pages.has(page)) void this.load(page);
    }
  }

  private async load(page: number): Promise<void> {
    const controller = new AbortController();
    this.running.set(page, controller);
    try {
      const got = await get<ImagePage>(this.path, { ...this.query, at: page * kPage, count: kPage }, controller.signal);
      this.take(page, got);
    } catch (error) {
      if (isAbort(error)) return this.settle(page);
      this.problem = error instanceof StudioError ? error : new StudioError(0, textOf(error));
      this.wanted = [];
    }
    this.settle(page);
    if (!this.isEnded) this.onChange();
  }

  private settle(page: number): void {
    this.running.delete(page);
    if (!this.isEnded) this.next();
  }

  private take(page: number, got: ImagePage): void {
    this.problem = undefined;
    this.total = got.total;
    this.pages.set(page, got.images);
    for (const old of this.pages.keys()) {
      if (this.pages.size <= kKept) break;
      if (old !== page) this.pages.delete(old);
    }
  }
}
