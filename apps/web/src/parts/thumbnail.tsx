// A small image that is loaded when its turn comes. What came into view last is loaded first (of what came together, what
// stands first), and what left it is dropped from the line: after a long scroll the images that are seen come at once.
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import './thumbnail.css';

/**
 * The address of an image's thumbnail. folder: a served data folder's id. image: the id that the server gives for the
 * image. side: pixels; the server keeps thumbnails of the next larger of 128, 256 and 512. version: that the server gives
 * for the image; the browser then keeps the thumbnail. bits: of images of 16 bits, those that hold data.
 */
export function thumbnailUrl(folder: string, image: string, side = 256, { version = '', bits = 16 } = {}): string {
  const path = image.split('/').map(encodeURIComponent).join('/');
  const more = `${version && `&v=${version}`}${bits === 16 ? '' : `&bits=${bits}`}`;
  return `/api/data/${encodeURIComponent(folder)}/thumbnail/${path}?side=${side}${more}`;
}

/** The pixels that a tile of so many CSS pixels has on this screen, as thumbnailUrl takes them. */
export const thumbnailSide = (css: number) => {
  const wanted = css * (globalThis.devicePixelRatio || 1);
  return wanted <= 128 ? 128 : wanted <= 256 ? 256 : 512;
};

/** Loads begin here, the newest first. A browser opens six connections to a server; two stay free for other requests. */
class LoadingLine {
  private waiting: (() => void)[] = []; // the next one last
  private entering: (() => void)[] = [];
  private running = 0;

  constructor(private readonly most: number) {}

  /** Calls `begin` when there is room. The result ends the load, or takes it out of the line; it may be called twice. */
  enter(begin: () => void): () => void {
    let state: 'waiting' | 'running' | 'over' = 'waiting';
    const start = () => {
      state = 'running';
      this.running += 1;
      begin();
    };
    if (this.entering.push(start) === 1) queueMicrotask(() => this.admit());
    return () => {
      if (state === 'waiting') {
        this.waiting = this.waiting.filter((one) => one !== start);
        this.entering = this.entering.filter((one) => one !== start);
      }
      if (state === 'running') {
        this.running -= 1;
        this.next();
      }
      state = 'over';
    };
  }

  private admit() {
    this.waiting.push(...this.entering.reverse());
    this.entering = [];
    this.next();
  }

  private next() {
    while (this.running < this.most && this.waiting.length > 0) this.waiting.pop()!();
  }
}

const line = new LoadingLine(4);

/** Addresses of the images that were loaded last: the browser has them, so they need not stand in line. */
const known = new Set<string>();
const kMostKnown = 5000;

function remember(source: string) {
  if (known.size >= kMostKnown) known.clear();
  known.add(source);
}

/** Loads an image before it is shown. Calls `done` once it can be, or cannot be loaded. Gives what ends it. */
export function preload(source: string, done: () => void): () => void {
  if (known.has(source)) {
    done();
    return () => {};
  }
  const image = new Image();
  const leave = line.enter(() => {
    image.onload = () => { remember(source); leave(); done(); };
    image.onerror = () => { leave(); done(); };
    image.src = source;
  });
  return () => {
    image.onload = null;
    image.onerror = null;
    if (!image.complete) image.removeAttribute('src');
    leave();
  };
}

interface Props {
  /** The address; undefined: not known yet. */
  source: string | undefined;
  /** What is said of the image to those who do not see it. "": what stands beside it says it. */
  name: string;
  /** What stands in its place when it cannot be loaded. */
  missing: string;
}

/** The image, as large as its place allows and never cropped. */
export function Thumbnail({ source, name, missing }: Props) {
  const image = useRef<HTMLImageElement>(null);
  const [state, setState] = useState<'waiting' | 'loaded' | 'failed'>('waiting');

  useLayoutEffect(() => {
    const element = image.current;
    if (element && source !== undefined && known.has(source)) {
      element.src = source;
      setState('loaded');
      return undefined;
    }
    setState('waiting');
    if (!element || source === undefined) return undefined;
    const leave = line.enter(() => {
      element.onload = () => { remember(source); setState('loaded'); leave(); };
      element.onerror = () => { setState('failed'); leave(); };
      element.src = source;
    });
    return () => {
      element.onload = null;
      element.onerror = null;
      if (!element.complete) element.removeAttribute('src');  // ends the request
      leave();
    };
  }, [source]);

  return (
    <span class={`thumbnail ${state}`}>
      <img ref={image} alt={name} decoding="async" draggable={false} />
      {state === 'failed' && <span class="soft small">{missing}</span>}
    </span>
  );
}
