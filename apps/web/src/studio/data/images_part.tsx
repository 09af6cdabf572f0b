// All images of a folder as a grid, filtered by class, set, finding and name.
import { useCallback, useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { type GridImage, ImageGrid } from '../../parts/image_grid';
import { count, counted } from '../../parts/numbers';
import { thumbnailSide, thumbnailUrl } from '../../parts/thumbnail';
import { ClassChoice } from '../class_choice';
import { useKeys } from '../keys';
import { address, go, type Place } from '../place';
import { words } from '../words';
import { type Dataset, dataPath, dataQuery, type FolderState, type ImageRow, type Source } from './data_api';
import { ImagePages } from './image_pages';
import { OpenImage } from './open_image';

const text = words.data;
const kFilters = ['label', 'side', 'finding', 'text', 'order'] as const;
type Filter = Partial<Record<typeof kFilters[number], string>>;
const kTiles = [64, 96, 128, 160, 208, 272, 360];

interface Props {
  source: Source;
  state: FolderState & { dataset: Dataset };
  place: Place;
}

/** The rows of a selection; those before stay until the first page of the new ones is there. */
function useImagePages(source: Source, filter: Filter, revision: string): ImagePages {
  const key = JSON.stringify([source, filter, revision]);
  const [, setChanges] = useState(0);
  const shown = useRef<{ key: string; pages: ImagePages } | undefined>(undefined);
  const next = useMemo(() => {
    const pages = new ImagePages(dataPath(source, 'images'), { ...dataQuery(source), ...filter }, () => setChanges((n) => n + 1));
    pages.want(0, 1);
    return pages;
  }, [key]);
  useEffect(() => () => next.end(), [next]);
  if (!shown.current || next.total !== undefined || next.problem) shown.current = { key, pages: next };
  return shown.current.pages;
}

function FilterRow({ filter, dataset, check, total, tile, onFilter, onTile }: {
  filter: Filter; dataset: Dataset; check: FolderState['check']; total: number | undefined; tile: number;
  onFilter: (filter: Filter) => void; onTile: (tile: number) => void;
}) {
  const set = (name: keyof Filter, value: string) => {
    const changed = { ...filter };
    if (value) changed[name] = value;
    else delete changed[name];
    onFilter(changed);
  };
  const choice = (name: keyof Filter, title: string, options: [string, string][]) => (
    <label>
      {title}{' '}
      <select value={filter[name] ?? ''} onChange={(event) => set(name, event.currentTarget.value)}>
        {options.map(([value, shown]) => <option key={value} value={value}>{shown}</option>)}
      </select>
    </label>
  );
  const all: [string, string] = ['', text.filter.all];
  const names = useMemo(() => dataset.classes.map(([name]) => name), [dataset]);
  const hasFilter = kFilters.some((name) => name !== 'order' && filter[name]);
  return (
    <div class="row filters" role="search">
      <ClassChoice title={text.filter.label} names={names} shown={(at) => `${names[at]!} (${count(dataset.classes[at]![1])})`} all={text.filter.all}
        more={dataset.unlabelled > 0 ? [['none', text.filter.unlabelled]] : []} value={filter.label ?? ''} onValue={(value) => set('label', value)} />
      {choice('side', text.filter.side, [all, ['train', text.filter.train], ['valid', text.filter.valid], ['none', text.filter.none]])}
      {check.kinds && choice('finding', text.filter.finding, [
        all, ['any', text.filter.any],
        ...check.kinds.filter((kind) => kind.images > 0).map((kind): [string, string] => [kind.name, `${kind.title} (${count(kind.images)})`]),
      ])}
      <label>
        {text.filter.text}{' '}
        <input type="search" id="data-filter" value={filter.text ?? ''} onInput={(event) => set('text', event.currentTarget.value)} />
      </label>
      {choice('order', text.filter.order, [['', text.filter.name], ['class', text.filter.class], ['random', text.filter.random]])}
      <label class="size">
        {text.filter.size}{' '}
        <input type="range" min={0} max={kTiles.length - 1} value={kTiles.indexOf(tile)}
               onInput={(event) => onTile(kTiles[Number(event.currentTarget.value)]!)} />
      </label>
      <span role="status" class="soft small">{total === undefined ? '' : text.filter.found(counted(total, 'image'))}</span>
      {hasFilter && <button type="button" onClick={() => onFilter(filter.order ? { order: filter.order } : {})}>{text.filter.clear}</button>}
    </div>
  );
}

/** How a row is shown; the same object for the same row, so that its tile is not drawn again. */
function useTiles(source: Source, dataset: Dataset, tile: number): (row: ImageRow) => GridImage {
  return useMemo(() => {
    const made = new WeakMap<ImageRow, GridImage>();
    const side = thumbnailSide(tile);
    return (row: ImageRow) => {
      let image = made.get(row);
      if (!image) {
        const name = row.name ?? row.id;
        const labels = row.labels.map((label) => dataset.classes[label]?.[0] ?? '').join(', ');
        image = {
          source: thumbnailUrl(source.folder, row.id, side, { version: row.version, bits: dataset.deep_bits }),
          name, badge: row.finding, tone: row.finding === undefined ? undefined : row.harms ? 'wrong' : 'unsure',
          caption: (
            <>
              <div class="line"><bdi>{labels || text.facts.noLabel}</bdi>{row.side === 'valid' && <span class="side soft"> · {text.filter.valid}</span>}</div>
              <div class="line soft"><bdi>{name.slice(name.lastIndexOf('/') + 1)}</bdi></div>
            </>
          ),
        };
        made.set(row, image);
      }
      return image;
    };
  }, [source.folder, dataset, tile]);
}

export function ImagesPart({ source, state, place }: Props) {
  const { dataset, check } = state;
  const filter: Filter = Object.fromEntries(kFilters.flatMap((name) => {
    const value = place.query.get(name);
    return value ? [[name, value]] : [];
  }));
  const revision = `${state.revision} ${check.revision}`;
  const pages = useImagePages(source, filter, revision);
  const [current, setCurrent] = useState(0);
  const [tile, setTile] = useState(() => (innerWidth < 560 ? 128 : 160));
  const tileOf = useTiles(source, dataset, tile);
  const open = place.query.get('image') ?? undefined;

  const query = { ...filter, options: source.options };
  const to = (more: Record<string, string | undefined>) => address('data', [source.folder, 'images'], { ...query, ...more });
  const show = (id: string | undefined) => go(to({ image: id }), id !== undefined && open === undefined ? 'push' : 'replace');
  const showAt = (i: number) => {
    const row = pages.row(i);
    setCurrent(i);
    pages.want(Math.max(0, i - 1), i + 2);
    if (row) show(row.id);
  };
  const onRange = useCallback((first: number, end: number) => pages.want(first, end), [pages]);
  const changeTile = (by: number) => setTile(kTiles[Math.max(0, Math.min(kTiles.length - 1, kTiles.indexOf(tile) + by))]!);
  const total = pages.total ?? 0;
  useEffect(() => setCurrent((now) => Math.min(now, Math.max(0, total - 1))), [total]);
  useKeys(text.keys.title, [
    { keys: ['f', '/'], text: text.keys.filter, run: () => document.getElementById('data-filter')?.focus() },
    { keys: ['+', '='], text: text.keys.larger, run: () => changeTile(1) },
    { keys: ['-'], text: text.keys.larger, run: () => changeTile(-1) },
    { keys: ['v'], text: text.keys.seen, run: () => {
      const row = pages.row(current);
      if (row) go(address('data', [source.folder, 'seen'], { options: source.options, image: row.id }));
    } },
  ]);
  const at = open === undefined ? undefined : pages.row(current)?.id === open ? current : pages.find(open);
  return (
    <section class="images-part" aria-label={text.images}>
      <FilterRow filter={filter} dataset={dataset} check={check} total={pages.total} tile={tile} onTile={setTile}
                 onFilter={(changed) => {
                   setCurrent(0);
                   go(address('data', [source.folder, 'images'], { ...changed, options: source.options }), 'replace');
                 }} />
      {pages.problem && <p class="wrong" role="alert">{pages.problem.message}</p>}
      {pages.total === 0 && <p>{text.filter.nothing}</p>}
      {total > 0 && (
        <ImageGrid label={text.grid} count={total} tilePx={tile} missing={text.missing} current={Math.min(current, total - 1)}
                   onCurrent={setCurrent} onRange={onRange} onOpen={showAt}
                   image={(i) => {
                     const row = pages.row(i);
                     return row && tileOf(row);
                   }}
                   onKey={(event, i) => {
                     const step = event.key === 'j' ? 1 : event.key === 'k' ? -1 : 0;
                     if (step === 0 || event.ctrlKey || event.metaKey || event.altKey) return false;
                     setCurrent(Math.max(0, Math.min(total - 1, i + step)));
                     event.preventDefault();
                     return true;
                   }} />
      )}
      {open !== undefined && (
        <OpenImage source={source} dataset={dataset} id={open} revision={String(check.revision)} onClose={() => show(undefined)}
                   onPrevious={at !== undefined && at > 0 ? () => showAt(at - 1) : undefined}
                   onNext={at !== undefined && at + 1 < total ? () => showAt(at + 1) : undefined} onImage={show} />
      )}
    </section>
  );
}
