// A grid of any number of images, of which only those in view and next to it are in the page. Arrow keys, Home, End and the
// page keys walk through it, Enter opens an image, Space chooses it.
import { Component, type ComponentChildren } from 'preact';
import { useEffect, useId, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { preload, Thumbnail } from './thumbnail';
import { type RowLayout, scrollHeight, scrollTo, shownRows } from './virtual_rows';
import './image_grid.css';

export interface GridImage {
  /** The thumbnail's address (thumbnailUrl). */
  source: string;
  /** Its name, for those who do not see it. */
  name: string;
  /** Up to `captionPx` pixels high. */
  caption?: ComponentChildren;
  /** The colour of the frame. */
  tone?: 'right' | 'wrong' | 'unsure' | undefined;
  /** A few words over the image's upper corner, such as a finding. */
  badge?: string | undefined;
}

export interface Props {
  /** The grid's name for screen readers. */
  label: string;
  count: number;
  /** Image i of 0 … count-1; undefined while it is not known. The same object as long as nothing about it changes. */
  image: (i: number) => GridImage | undefined;
  /** Told the images in and near the view, end excluded, whenever these change: to fetch what `image` lacks. */
  onRange?: (first: number, end: number) => void;
  /** The image that the keys act on. */
  current: number;
  onCurrent: (i: number) => void;
  /** Enter, or a click (a double click where images can be chosen). */
  onOpen?: (i: number) => void;
  isChosen?: (i: number) => boolean;
  /** A click or Space: with Ctrl `toggle`, with Shift `range` (from the current image on), else `one`. */
  onChoose?: (i: number, how: 'one' | 'toggle' | 'range') => void;
  /** Keys of the view itself; true: the grid does nothing more. */
  onKey?: (event: KeyboardEvent, current: number) => boolean;
  /** The least width of a tile and the height of its caption, pixels. */
  tilePx?: number;
  captionPx?: number;
  /** What stands where an image cannot be loaded. */
  missing: string;
}

const kGapPx = 8;

interface Size {
  width: number;
  height: number;
}

function useSize(element: { current: HTMLElement | null }): Size {
  const [size, setSize] = useState<Size>({ width: 0, height: 0 });
  useLayoutEffect(() => {
    const place = element.current;
    if (!place) return undefined;
    const measure = () => setSize({ width: place.clientWidth, height: place.clientHeight });
    const observer = new ResizeObserver(measure);
    observer.observe(place);
    measure();
    return () => observer.disconnect();
  }, []);
  return size;
}

interface Layout extends RowLayout {
  columns: number;
}

function layoutOf({ width, height }: Size, count: number, tilePx: number, captionPx: number): Layout {
  const columns = Math.max(1, Math.floor((width - kGapPx) / (tilePx + kGapPx)));
  const tile = Math.max(1, (width - kGapPx) / columns - kGapPx);
  return { columns, rows: Math.ceil(count / columns), rowPx: Math.round(tile) + captionPx + kGapPx, viewPx: height };
}

/** Where a key leads from image i; undefined for other keys. */
function target(key: string, i: number, { columns, rowPx, viewPx }: Layout, count: number): number | undefined {
  const page = columns * Math.max(1, Math.floor(viewPx / rowPx));
  const moves: Record<string, number> = {
    ArrowLeft: i - 1, ArrowRight: i + 1, ArrowUp: i - columns, ArrowDown: i + columns,
    PageUp: i - page, PageDown: i + page, Home: 0, End: count - 1,
  };
  const to = moves[key];
  if (to === undefined) return undefined;
  const isVertical = key === 'ArrowUp' || key === 'ArrowDown';
  if (isVertical && (to < 0 || (to >= count && Math.floor(i / columns) === Math.floor((count - 1) / columns)))) return i;
  return Math.max(0, Math.min(count - 1, to));
}

interface TileProps {
  id: string;
  i: number;
  count: number;
  image: GridImage | undefined;
  isCurrent: boolean;
  /** undefined: images cannot be chosen. */
  isChosen: boolean | undefined;
  missing: string;
  captionPx: number;
}

/** Drawn again only when something about it changed: a hundred of them are there while the list scrolls. */
class Tile extends Component<TileProps> {
  override shouldComponentUpdate(next: TileProps) {
    return (Object.keys(next) as (keyof TileProps)[]).some((key) => next[key] !== this.props[key]);
  }

  override render({ id, i, count, image, isCurrent, isChosen, missing, captionPx }: TileProps) {
    return (
      <div id={id} data-i={i} role="option" aria-selected={isChosen ?? isCurrent} aria-setsize={count} aria-posinset={i + 1}
           aria-label={image ? undefined : `${i + 1}`}
           class={`tile ${image?.tone ?? ''} ${isCurrent ? 'current' : ''} ${isChosen ? 'chosen' : ''}`}>
        <div class="frame">
          <Thumbnail source={image?.source} name={image?.name ?? ''} missing={missing} />
          {image?.badge && <span class="badge small">{image.badge}</span>}
        </div>
        <div class="words small" style={{ height: `${captionPx}px` }}>{image?.caption}</div>
      </div>
    );
  }
}

/** The number of the image that an event is about. */
function tileOf(event: Event): number | undefined {
  const tile = (event.target as Element).closest<HTMLElement>('.tile');
  return tile?.dataset['i'] === undefined ? undefined : Number(tile.dataset['i']);
}

/** What is drawn: the rows at a place of the scroll bar; pinned: held in view although the scroll bar has gone on. */
interface Drawn {
  scrollTop: number;
  isPinned: boolean;
}

const kLeapMs = 300;

/**
 * Where to draw. Scrolling on shows the next rows at once. A leap to rows that are not there, as by the scroll bar, keeps what
 * is in view until half of the images there have been loaded, a third of a second at most; then those are shown, and the next
 * leap begins if the scroll bar has gone on. So a fast way through very many images shows images, not empty frames.
 */
function useDrawn(place: { current: HTMLElement | null }, layout: Layout, props: Props) {
  const [drawn, setDrawn] = useState<Drawn>({ scrollTop: 0, isPinned: false });
  const leap = useRef<{ target: number; ends: Map<number, () => void>; done: number; timer: number } | undefined>(undefined);
  const more = Math.ceil(layout.viewPx / layout.rowPx);  // one view before and after: a fling of the wheel finds images there
  const rows = shownRows(layout, drawn.scrollTop, drawn.isPinned ? 0 : more);
  const now = useRef({ layout, props, rows, drawn });
  now.current = { layout, props, rows, drawn };

  const imagesAt = (scrollTop: number): [number, number] => {
    const { first, end } = shownRows(now.current.layout, scrollTop, 0);
    const { columns } = now.current.layout;
    return [first * columns, Math.min(now.current.props.count, end * columns)];
  };
  const isDrawn = (scrollTop: number) => {
    const { first, end } = shownRows(now.current.layout, scrollTop, 0);
    return first < now.current.rows.end && end > now.current.rows.first;
  };
  const finish = () => {
    const { current: ended } = leap;
    if (!ended) return;
    leap.current = undefined;
    clearTimeout(ended.timer);
    for (const end of ended.ends.values()) end();
    const at = place.current?.scrollTop ?? 0;
    const { first, end } = shownRows(now.current.layout, ended.target, 0);
    const seen = shownRows(now.current.layout, at, 0);
    const isThere = seen.first < end && seen.end > first;
    setDrawn({ scrollTop: isThere ? at : ended.target, isPinned: !isThere });
    if (!isThere) begin(at);
  };
  /** Loads what the leap leads to, as far as it is known by now. */
  const advance = () => {
    const { current: running } = leap;
    if (!running) return;
    const [first, end] = imagesAt(running.target);
    for (let i = first; i < end; ++i) {
      const source = running.ends.has(i) ? undefined : now.current.props.image(i)?.source;
      if (source === undefined) continue;
      running.ends.set(i, () => {});
      running.ends.set(i, preload(source, () => {
        running.done += 1;
        if (leap.current === running && running.done * 2 >= end - first) queueMicrotask(() => leap.current === running && finish());
      }));
    }
  };
  const begin = (target: number) => {
    leap.current = { target, ends: new Map(), done: 0, timer: setTimeout(finish, kLeapMs) };
    now.current.props.onRange?.(...imagesAt(target));
    advance();
  };
  const scroll = () => {
    const at = place.current?.scrollTop ?? 0;
    if (leap.current) return;  // looked at when it ends
    if (isDrawn(at)) {
      const next = shownRows(now.current.layout, at, more);
      const { rows: before, drawn: was } = now.current;
      if (was.isPinned || next.first !== before.first || next.end !== before.end || next.topPx !== before.topPx) {
        setDrawn({ scrollTop: at, isPinned: false });
      }
      return;
    }
    setDrawn((before) => ({ ...before, isPinned: true }));
    begin(at);
  };
  useEffect(advance);  // rows may have come
  useEffect(() => {
    finish();
    setDrawn({ scrollTop: place.current?.scrollTop ?? 0, isPinned: false });
  }, [layout.columns, layout.rowPx, layout.viewPx, props.count]);
  useEffect(() => () => {
    clearTimeout(leap.current?.timer);
    for (const end of leap.current?.ends.values() ?? []) end();
    leap.current = undefined;
  }, []);
  return { drawn, rows, scroll, isLeaping: leap.current !== undefined };
}

export function ImageGrid(props: Props) {
  const { count, current, tilePx = 150, captionPx = 40 } = props;
  const id = useId();
  const place = useRef<HTMLDivElement>(null);
  const size = useSize(place);
  const layout = layoutOf(size, count, tilePx, captionPx);
  const { columns, rowPx, viewPx } = layout;
  const { drawn, rows, scroll } = useDrawn(place, layout, props);
  const first = rows.first * columns;
  const end = Math.min(count, rows.end * columns);

  useEffect(() => {
    if (viewPx > 0 && !drawn.isPinned) props.onRange?.(first, end);
  }, [first, end, viewPx, drawn.isPinned, props.onRange]);
  // The current image stays in view when keys or another view move it, or when the grid gets other columns.
  useLayoutEffect(() => {
    const list = place.current;
    if (list && viewPx > 0) list.scrollTop = scrollTo(layout, list.scrollTop, Math.floor(current / columns));
  }, [current, columns, rowPx, viewPx, count]);

  const press = (event: KeyboardEvent) => {
    if (props.onKey?.(event, current) || event.altKey || event.metaKey) return;
    const to = target(event.key, current, layout, count);
    if (to !== undefined) {
      if (event.shiftKey) props.onChoose?.(to, 'range');
      props.onCurrent(to);
    } else if (event.key === 'Enter' && props.onOpen) props.onOpen(current);
    else if (event.key === ' ' && props.onChoose) props.onChoose(current, 'toggle');
    else return;
    event.preventDefault();
  };
  const click = (event: MouseEvent) => {
    const i = tileOf(event);
    if (i === undefined) return;
    if (props.onChoose) props.onChoose(i, event.shiftKey ? 'range' : event.ctrlKey || event.metaKey ? 'toggle' : 'one');
    else props.onOpen?.(i);
    props.onCurrent(i);
  };

  const tiles = [];
  for (let i = first; i < end; ++i) {
    tiles.push(
      <Tile key={i} id={`${id}-${i}`} i={i} count={count} image={props.image(i)} isCurrent={i === current}
            isChosen={props.isChosen?.(i)} missing={props.missing} captionPx={captionPx} />,
    );
  }
  const isShown = current >= first && current < end;
  return (
    <div class="virtual-grid" ref={place} role="listbox" tabIndex={0} aria-label={props.label}
         aria-multiselectable={props.onChoose !== undefined}
         {...(isShown ? { 'aria-activedescendant': `${id}-${current}` } : {})}
         onKeyDown={press} onScroll={scroll} onClick={click}
         onDblClick={(event) => {
           const i = tileOf(event);
           if (i !== undefined && props.onChoose) props.onOpen?.(i);
         }}>
      <div role="presentation" style={{ height: `${scrollHeight(layout) + kGapPx}px` }}>
        <div role="presentation" class={drawn.isPinned ? 'pinned' : ''} style={{ height: `${drawn.isPinned ? viewPx : 0}px` }}>
          <div role="presentation" class="tiles" style={{
            transform: `translateY(${drawn.isPinned ? rows.topPx - drawn.scrollTop : rows.topPx}px)`,
            gridTemplateColumns: `repeat(${columns}, minmax(0, 1fr))`,
            gridAutoRows: `${rowPx - kGapPx}px`, gap: `${kGapPx}px`, padding: `${kGapPx}px`,
          }}>
            {tiles}
          </div>
        </div>
      </div>
    </div>
  );
}
