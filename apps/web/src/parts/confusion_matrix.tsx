// The confusion matrix: rows actual, columns predicted. It is drawn on a canvas, cell by cell of those that are not empty,
// so 1,000 classes are as quick as 37; it scrolls as any box does, zooms, and is walked through with the arrow keys.
import { useEffect, useId, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { drawMatrix } from './draw_matrix';
import {
  type PlacedCell, type View, fittingCell, kHitCell, kLargestCell, kNumberedCell, nearestCell, placeAt, scrollTo,
} from './matrix_view';
import { count, counted, percent } from './numbers';
import './confusion_matrix.css';

export interface MatrixCell {
  /** Index of the actual class. */
  row: number;
  /** Index of the predicted class. */
  column: number;
  count: number;
}

interface Props {
  rowNames: string[];
  columnNames: string[];
  cells: MatrixCell[];
  /** Which class stands at each place of the axes. */
  rowOrder: number[];
  columnOrder: number[];
  values: 'counts' | 'shares';
  showsRight: boolean;
  /** The chosen cell, as classes. */
  chosen?: { row: number; column: number } | undefined;
  onChoose: (row: number, column: number) => void;
}

type Place = [row: number, column: number];

function invert(order: number[]): number[] {
  const places: number[] = [];
  order.forEach((index, place) => (places[index] = place));
  return places;
}

/** The cells at their places, right ones first, then the weakest, so that strong ones are drawn over them where cells are tiny. */
function usePlacedCells({ cells, rowOrder, columnOrder, showsRight }: Props): Map<number, PlacedCell> {
  return useMemo(() => {
    const totals = new Map<number, number>();
    for (const cell of cells) totals.set(cell.row, (totals.get(cell.row) ?? 0) + cell.count);
    const rows = invert(rowOrder);
    const columns = invert(columnOrder);
    const placed = cells
      .filter((cell) => cell.count > 0 && (showsRight || cell.row !== cell.column))
      .map((cell) => ({
        row: rows[cell.row] ?? -1,
        column: columns[cell.column] ?? -1,
        count: cell.count,
        share: cell.count / (totals.get(cell.row) ?? 1),
        isRight: cell.row === cell.column,
      }))
      .filter((cell) => cell.row >= 0 && cell.column >= 0)
      .sort((a, b) => Number(b.isRight) - Number(a.isRight) || a.share - b.share);
    return new Map(placed.map((cell) => [cell.row * columnOrder.length + cell.column, cell]));
  }, [cells, rowOrder, columnOrder, showsRight]);
}

export function ConfusionMatrix(props: Props) {
  const { rowOrder, columnOrder, rowNames, columnNames, values } = props;
  const rows = rowOrder.length;
  const columns = columnOrder.length;
  const box = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const helpId = useId();
  const placed = usePlacedCells(props);
  const [size, setSize] = useState({ width: 600, height: 600 });
  const [zoom, setZoom] = useState<number | 'fit'>('fit');
  const [hovered, setHovered] = useState<Place>();
  const [focus, setFocus] = useState<Place>([0, 0]);
  const [isFocused, setIsFocused] = useState(false);

  const gutter = useMemo(() => gutters(rowNames, columnNames, size.width), [rowNames, columnNames, size.width]);
  const fit = fittingCell(rows, columns, size.width - gutter.left - 2, size.height - gutter.top - 2);
  const cell = zoom === 'fit' ? fit : Math.min(kLargestCell, Math.max(fit, zoom));
  const wholeHeight = gutter.top + rows * Math.min(kLargestCell, (size.width - gutter.left - 2) / columns) + 4;
  const boxHeight = `min(${Math.ceil(wholeHeight)}px, max(360px, 82vh))`;
  const chosenPlace: Place | undefined = props.chosen &&
    [rowOrder.indexOf(props.chosen.row), columnOrder.indexOf(props.chosen.column)];

  const viewNow = (): View => ({
    cell, gutterLeft: gutter.left, gutterTop: gutter.top, scrollLeft: box.current?.scrollLeft ?? 0,
    scrollTop: box.current?.scrollTop ?? 0, width: size.width, height: size.height,
  });
  const draw = () => {
    if (!canvas.current) return;
    drawMatrix(canvas.current, viewNow(), {
      cells: placed, rows, columns, values, hovered: hovered ?? (isFocused ? focus : undefined), chosen: chosenPlace,
      rowName: (place) => rowNames[rowOrder[place]!] ?? '', columnName: (place) => columnNames[columnOrder[place]!] ?? '',
    });
  };
  useEffect(() => {
    if (chosenPlace && chosenPlace[0] >= 0 && chosenPlace[1] >= 0) setFocus(chosenPlace);
  }, [props.chosen, rowOrder, columnOrder]);
  const latestDraw = useRef(draw);
  latestDraw.current = draw;

  useLayoutEffect(draw);
  useEffect(() => {
    const redraw = () => latestDraw.current();
    const watched = new ResizeObserver(() => {
      if (box.current) setSize({ width: box.current.clientWidth, height: box.current.clientHeight });
    });
    watched.observe(box.current!);
    const dark = matchMedia('(prefers-color-scheme: dark)');
    dark.addEventListener('change', redraw);
    document.fonts?.ready.then(redraw);
    for (const event of ['beforeprint', 'afterprint']) addEventListener(event, redraw);
    return () => {
      watched.disconnect();
      dark.removeEventListener('change', redraw);
      for (const event of ['beforeprint', 'afterprint']) removeEventListener(event, redraw);
    };
  }, []);

  /** Keeps what is under (x, y) where it is. */
  function zoomTo(wanted: number, x = size.width / 2, y = size.height / 2) {
    const next = Math.min(kLargestCell, Math.max(fit, wanted));
    const view = viewNow();
    const left = ((x - gutter.left + view.scrollLeft) / cell) * next - (x - gutter.left);
    const top = ((y - gutter.top + view.scrollTop) / cell) * next - (y - gutter.top);
    setZoom(next <= fit ? 'fit' : next);
    requestAnimationFrame(() => box.current?.scrollTo(left, top));
  }

  function placeOf(event: MouseEvent): Place | undefined {
    const frame = canvas.current!.getBoundingClientRect();
    const [x, y] = [event.clientX - frame.left, event.clientY - frame.top];
    const place = placeAt(viewNow(), x, y, rows, columns);
    return (cell < kHitCell ? nearestCell(viewNow(), x, y, placed.values()) : undefined) ?? place;
  }

  function choose(place: Place | undefined) {
    if (!place) return;
    setFocus(place);
    props.onChoose(rowOrder[place[0]]!, columnOrder[place[1]]!);
  }

  function moveTo(row: number, column: number) {
    const next: Place = [Math.min(rows - 1, Math.max(0, row)), Math.min(columns - 1, Math.max(0, column))];
    setFocus(next);
    setHovered(undefined);
    const { left, top } = scrollTo(viewNow(), ...next);
    box.current?.scrollTo(left, top);
  }

  /** The next cell that is not empty, in reading order: 1 forwards, -1 back. */
  function moveToNext(direction: 1 | -1) {
    const here = focus[0] * columns + focus[1];
    const places = [...placed.keys()].sort((a, b) => a - b);
    const next = direction === 1 ? places.find((place) => place > here) : places.findLast((place) => place < here);
    if (next !== undefined) moveTo(Math.floor(next / columns), next % columns);
  }

  function onKey(event: KeyboardEvent) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const [row, column] = focus;
    const actions: Record<string, () => void> = {
      ArrowUp: () => moveTo(row - 1, column), ArrowDown: () => moveTo(row + 1, column),
      ArrowLeft: () => moveTo(row, column - 1), ArrowRight: () => moveTo(row, column + 1),
      Home: () => moveTo(row, 0), End: () => moveTo(row, columns - 1),
      PageUp: () => moveTo(row - 10, column), PageDown: () => moveTo(row + 10, column),
      n: () => moveToNext(1), p: () => moveToNext(-1),
      Enter: () => choose(focus), ' ': () => choose(focus),
      '+': () => zoomTo(cell * 1.5), '=': () => zoomTo(cell * 1.5), '-': () => zoomTo(cell / 1.5), '0': () => setZoom('fit'),
    };
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  }

  const onWheel = (event: WheelEvent) => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    const frame = canvas.current!.getBoundingClientRect();
    zoomTo(cell * Math.exp(-event.deltaY / 300), event.clientX - frame.left, event.clientY - frame.top);
  };

  const pointed = hovered ?? focus;
  const words = cellWords(props, placed.get(pointed[0] * columns + pointed[1]), pointed);
  const cutNames = cell < kNumberedCell && zoom === 'fit' && rows > 60;
  return (
    <div class="confusion-matrix">
      <div class="row no-print" role="group" aria-label="Zoom of the confusion matrix">
        <button type="button" onClick={() => zoomTo(cell * 1.6)} disabled={cell >= kLargestCell} aria-label="Zoom in">+</button>
        <button type="button" onClick={() => zoomTo(cell / 1.6)} disabled={cell <= fit} aria-label="Zoom out">−</button>
        <button type="button" onClick={() => setZoom('fit')} aria-pressed={zoom === 'fit'}>Whole</button>
        {cutNames && <span class="soft small">Zoom in for names and numbers, or point at a cell.</span>}
      </div>
      <div class="box" ref={box} style={{ height: boxHeight }} data-cell={cell} tabIndex={0} role="application" aria-roledescription="confusion matrix"
           aria-label={`Confusion matrix of ${counted(rows, 'class', 'classes')}, rows actual, columns predicted`}
           aria-describedby={helpId} onKeyDown={onKey} onScroll={() => latestDraw.current()} onWheel={onWheel}
           onFocus={() => setIsFocused(true)} onBlur={() => setIsFocused(false)}
           onPointerMove={(event) => setHovered(placeOf(event))} onPointerLeave={() => setHovered(undefined)}
           onClick={(event) => choose(placeOf(event))}>
        <div class="whole" style={{ width: `${gutter.left + columns * cell + 1}px`, height: `${gutter.top + rows * cell + 1}px` }}>
          <canvas ref={canvas} aria-hidden="true" />
        </div>
      </div>
      <p class="words no-print" role="status">{words}</p>
      <Legend />
      <p id={helpId} class="soft small no-print">
        Click a cell for its images. Keys: arrows move, n and p go to the next cell that is not empty, Enter opens, + and − zoom, 0 shows
        all. Ctrl and the wheel zoom, too.
      </p>
    </div>
  );
}

function Legend() {
  return (
    <div class="row soft small legend-row" aria-hidden="true">
      {(['right', 'wrong'] as const).map((kind) => (
        <span key={kind} class="row">
          {kind === 'right' ? 'right' : 'wrong'}: 0 %<span class={`ramp ${kind}`} />100 % of the row
        </span>
      ))}
    </div>
  );
}

function cellWords(props: Props, cell: PlacedCell | undefined, [row, column]: Place): string {
  const actual = props.rowNames[props.rowOrder[row]!] ?? '';
  const predicted = props.columnNames[props.columnOrder[column]!] ?? '';
  const amount = cell ? `${count(cell.count)} ${cell.count === 1 ? 'image' : 'images'}, ${percent(cell.share)} of the row` : 'no image';
  return `Actual ⁨${actual}⁩, predicted ⁨${predicted}⁩: ${amount}.`;
}

let measuring: CanvasRenderingContext2D | null | undefined;

/** Room for the names: what the longest takes, but no more than a quarter of the width. */
function gutters(rowNames: string[], columnNames: string[], width: number): { left: number; top: number } {
  measuring ??= document.createElement('canvas').getContext('2d');
  if (measuring) measuring.font = '12px system-ui, sans-serif';
  const widest = (names: string[]) =>
    names.reduce((most, name) => Math.max(most, measuring?.measureText(name.slice(0, 60)).width ?? 80), 24);
  const most = Math.max(72, Math.min(180, width / 4));
  return { left: Math.min(most, widest(rowNames) + 16), top: Math.min(Math.min(most, 150), widest(columnNames) + 16) };
}
