// "Save page": a view as one file of HTML that opens from disk. The file holds the studio's own script and style, and what the
// view had asked for: the answers to its GETs, the images that it showed, and the state that its parts keep (useKept). Opened, the
// same script runs, and these stand in place of the server. So every view can be saved without knowing of it.
import { useEffect, useState } from 'preact/hooks';

interface SavedPage {
  title: string;
  /** Where in the studio it was: "#/runs". */
  hash: string;
  /** ISO 8601 */
  saved: string;
  answers: Record<string, unknown>;
  /** data: addresses, by the path that the view asks for. */
  images: Record<string, string>;
  kept: Record<string, unknown>;
  /** Images that had no room, or could not be read. */
  left_out: number;
}

/** What a saved page may weigh, without the script. */
const kMostBytes = 30_000_000;
/** Asked for by the page itself, whatever the view. */
const kOfAllViews = ['/api/studio'];

function readSaved(): SavedPage | undefined {
  const text = document.getElementById('page-data')?.textContent;
  return text ? (JSON.parse(text) as SavedPage) : undefined;
}

/** The page that this is a saved copy of; undefined: the page talks to a studio. */
export const savedPage = readSaved();

// ---- while the studio is there: what the view has asked for

const viewNow = () => location.hash.replace(/^#?\/?/, '').split(/[/?]/, 1)[0] ?? '';
let answers = new Map<string, unknown>();
let answersOf = viewNow();
const kept = new Map<string, unknown>();

/** Notes the answer to a GET; those of another view are forgotten. */
export function noteAnswer(path: string, answer: unknown): void {
  const view = viewNow();
  if (view !== answersOf) {
    answers = new Map([...answers].filter(([known]) => kOfAllViews.includes(known)));
    answersOf = view;
  }
  answers.delete(path); // the newest stand last
  answers.set(path, answer);
}

/** useState whose value goes into a saved page. key: one of its kind on the page. Only what JSON can hold. */
export function useKept<T>(key: string, initial: T | (() => T)): [T, (value: T) => void] {
  const [value, setValue] = useState<T>(() => {
    if (savedPage && key in savedPage.kept) return savedPage.kept[key] as T;
    return initial instanceof Function ? initial() : initial;
  });
  useEffect(() => {
    kept.set(key, value);
    return () => { kept.delete(key); };
  }, [key, value]);
  return [value, setValue];
}

async function dataUrl(path: string): Promise<string> {
  const response = await fetch(path, { credentials: 'same-origin' });
  if (!response.ok) throw new Error(response.statusText);
  const blob = await response.blob();
  return new Promise((done, fail) => {
    const reader = new FileReader();
    reader.onload = () => done(String(reader.result));
    reader.onerror = () => fail(reader.error ?? new Error(path));
    reader.readAsDataURL(blob);
  });
}

/** The images that stand on the page now, as far as there is room. */
async function shownImages(): Promise<{ images: Record<string, string>; leftOut: number }> {
  const paths = new Set<string>();
  for (const image of document.querySelectorAll('img')) {
    const address = new URL(image.src || 'data:,', location.href);
    if (address.origin === location.origin && address.pathname.startsWith('/api/')) paths.add(address.pathname + address.search);
  }
  const images: Record<string, string> = {};
  let [bytes, leftOut] = [0, 0];
  for (const path of paths) {
    try {
      const image = bytes < kMostBytes ? await dataUrl(path) : '';
      if (image === '' || bytes + image.length > kMostBytes) leftOut += 1;
      else images[path] = image;
      bytes += image.length;
    } catch {
      leftOut += 1;
    }
  }
  return { images, leftOut };
}

/** "<" cannot begin a tag in a script element (the HTML standard, 4.12.1.3). */
const scriptJson = (data: unknown) => JSON.stringify(data).replaceAll('<', '\\u003c');

/** The text of a file that shows the view as it is now. */
export async function pageText(title: string): Promise<string> {
  const response = await fetch(`/api/empty-page?${new URLSearchParams({ title })}`, { credentials: 'same-origin' });
  if (!response.ok) throw new Error(await response.text());
  const { before, after } = (await response.json()) as { before: string; after: string };
  const { images, leftOut } = await shownImages();
  const page: SavedPage = {
    title, hash: location.hash, saved: new Date().toISOString(), answers: Object.fromEntries(answers), images,
    kept: Object.fromEntries(kept), left_out: leftOut,
  };
  return `${before}<script type="application/json" id="page-data">${scriptJson(page)}</script>\n${after}`;
}

/** Gives the browser the file to save. */
export async function savePage(title: string): Promise<void> {
  const address = URL.createObjectURL(new Blob([await pageText(title)], { type: 'text/html' }));
  const link = document.createElement('a');
  link.href = address;
  link.download = `${title.replace(/[^\p{L}\p{N}]+/gu, '-').replace(/^-|-$/g, '') || 'margay'}.html`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

// ---- in a saved page

/** Parts of a query that do not change what is meant, only how fine it is, or who asks since when. */
const kIncidental = ['columns', 'after', 'found', 'watcher'];

/** An address without what is incidental, so that a page of another width finds its curves. */
function meantBy(path: string): string {
  const at = path.indexOf('?');
  if (at < 0) return path;
  const query = new URLSearchParams(path.slice(at + 1));
  for (const name of kIncidental) query.delete(name);
  query.sort();
  return `${path.slice(0, at)}?${query}`;
}

/** By what is meant; of several the newest, which stand last. */
const savedAnswers = new Map(Object.entries(savedPage?.answers ?? {}).map(([path, answer]) => [meantBy(path), answer]));

/** The saved answer to a GET; undefined: the view had not asked for it. */
export function savedAnswer(path: string): unknown {
  const answer = savedPage?.answers[path] ?? savedAnswers.get(meantBy(path));
  return path === '/api/studio' && answer ? { ...answer, read_only: true } : answer;
}

/**
 * Makes a saved page what it was: at its place, and with its images, which views ask for by the server's addresses. Whoever sets
 * an image's source, as Preact and parts with a line of loads do, sets this property.
 */
export function beginSavedPage(): void {
  if (!savedPage) return;
  if (!location.hash) history.replaceState(null, '', savedPage.hash);
  const { images } = savedPage;
  const own = Object.getOwnPropertyDescriptor(HTMLImageElement.prototype, 'src')!;
  Object.defineProperty(HTMLImageElement.prototype, 'src', {
    ...own,
    set(this: HTMLImageElement, address: string) {
      own.set!.call(this, address.startsWith('/api/') ? (images[address] ?? 'data:,') : address);
    },
  });
}
