// Curves of many points on a canvas (uPlot): drag to zoom, the wheel zooms at the pointer, a double click shows all. The
// window may be shared by several plots, and whoever shows them fetches the points that it needs.
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { number } from './numbers';
import './line_chart.css';
import './curve_plot.css';

export interface Curve {
  name: string;
  x: number[];
  /** null: no number, such as where a loss diverged; the line breaks there. */
  y: (number | null)[];
  /** Which of the theme's colours, 0 … 7. */
  colour: number;
  /** 'faint' for what lies behind another curve; 'points' marks each value, as of epochs. */
  style?: 'faint' | 'dashed' | 'points';
}

/** What of the x axis is shown; undefined: all. */
export type Window = { low: number; high: number } | undefined;

interface Props {
  /** What the plot shows in one sentence, for those who do not see it. */
  label: string;
  title: string;
  curves: Curve[];
  xTitle: string;
  /** The x axis counts: its marks are whole numbers. */
  isCount?: boolean;
  /** Writes a value of the x axis. */
  xText?: (value: number) => string;
  /** The y axis is of shares 0 … 1, written in percent. */
  isShare?: boolean;
  yText?: (value: number) => string;
  /** The end of the whole axis; it begins at 0. */
  end: number;
  window: Window;
  onWindow: (window: Window) => void;
  isLog?: boolean;
  height?: number;
  /** Plots of one group share the pointer. */
  group?: string;
}

const kColours = 8;
const colourOf = (index: number) =>
  getComputedStyle(document.documentElement).getPropertyValue(`--series-${index % kColours}`).trim() || '#888';
const themeColour = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** All curves over one list of x: undefined where a curve has no point, which its line passes over. */
export function aligned(curves: Pick<Curve, 'x' | 'y'>[]): uPlot.AlignedData {
  if (curves.length === 0) return [[], []];
  if (curves.length === 1) return [curves[0]!.x, curves[0]!.y];
  const x: number[] = [];
  const ys = curves.map((): (number | null | undefined)[] => []);
  const at = curves.map(() => 0);
  while (true) {
    let next = Infinity;
    curves.forEach((curve, i) => { next = Math.min(next, curve.x[at[i]!] ?? Infinity); });
    if (next === Infinity) return [x, ...ys];
    x.push(next);
    curves.forEach((curve, i) => ys[i]!.push(curve.x[at[i]!] === next ? curve.y[at[i]!++] : undefined));
  }
}

function seriesOf(curve: Curve): uPlot.Series {
  const isFaint = curve.style === 'faint';
  return {
    label: curve.name,
    stroke: () => colourOf(curve.colour) + (isFaint ? '55' : ''),
    width: isFaint ? 1 : 2,
    spanGaps: false,
    ...(curve.style === 'dashed' && { dash: [6, 4] }),
    points: curve.style === 'points'
      ? { show: true, size: 6, fill: () => colourOf(curve.colour), stroke: () => colourOf(curve.colour) }
      : { show: false },
  };
}

/** 1, 2 and 5 times the powers of ten. */
const kWholeSteps = Array.from({ length: 12 }, (_, power) => [1, 2, 5].map((digit) => digit * 10 ** power)).flat();

const tickText = (value: number) => String(Number(value.toPrecision(6))).replace('-', '−');
const shareText = (value: number) => `${tickText(100 * value)} %`;

/** Keeps a window within the axis, and undefined where it shows all of it. */
export function clamped(low: number, high: number, end: number): Window {
  const width = Math.min(high - low, end);
  if (!(width > 0) || width >= end) return undefined;
  const from = Math.min(Math.max(low, 0), end - width);
  return { low: from, high: from + width };
}

/** The window `factor` times as wide around a place, or moved by a share of its width. */
export function zoomed(window: Window, end: number, factor: number, at?: number): Window {
  const { low, high } = window ?? { low: 0, high: end };
  const centre = at ?? (low + high) / 2;
  return clamped(centre - (centre - low) * factor, centre + (high - centre) * factor, end);
}
export function moved(window: Window, end: number, share: number): Window {
  if (!window) return window;
  const by = (window.high - window.low) * share;
  return clamped(window.low + by, window.high + by, end);
}

export function CurvePlot(props: Props) {
  const holder = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const latest = useRef(props);
  latest.current = props;
  const [pointed, setPointed] = useState<{ x: number; values: (number | null | undefined)[] } | undefined>();
  const { curves, isLog = false, height = 260 } = props;
  const data = useMemo(() => aligned(curves), [curves]);
  // A plot is made anew only where its lines are other ones, not for new points.
  const shape = `${isLog} ${curves.map(({ name, colour, style }) => `${name}/${colour}/${style}`).join('|')}`;

  useEffect(() => {
    const at = holder.current!;
    const made = new uPlot({
      width: Math.max(at.clientWidth, 200),
      height,
      legend: { show: false },
      cursor: {
        drag: { x: true, y: false, setScale: false },
        focus: { prox: 24 },
        points: { size: 7 },
        ...(props.group && { sync: { key: props.group } }),
      },
      scales: {
        x: { time: false, range: () => {
          const { window, end } = latest.current;
          return window ? [window.low, window.high] : [0, Math.max(end, 1)];
        } },
        y: { distr: isLog ? 3 : 1 },
      },
      axes: ['x', 'y'].map((scale) => ({
        scale,
        stroke: () => themeColour('--soft'),
        grid: { stroke: () => themeColour('--line'), width: 1 },
        ticks: { stroke: () => themeColour('--line'), width: 1 },
        font: '12px system-ui, sans-serif',
        ...(scale === 'x'
          ? { size: 44, label: props.xTitle, labelSize: 16, labelFont: '12px system-ui, sans-serif', space: 70,
              ...(props.isCount && { incrs: kWholeSteps }),
              values: (_: uPlot, splits: number[]) => splits.map((split) => latest.current.xText?.(split) ?? number(split)) }
          : { size: 64, values: (_: uPlot, splits: (number | null)[]) => splits.map((split) => (split === null ? '' : (props.isShare ? shareText : tickText)(split))) }),
      })),
      series: [{}, ...latest.current.curves.map(seriesOf)],
      hooks: {
        setSelect: [(self) => {
          if (self.select.width < 4) return;
          const low = self.posToVal(self.select.left, 'x');
          const high = self.posToVal(self.select.left + self.select.width, 'x');
          self.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          latest.current.onWindow(clamped(low, high, latest.current.end));
        }],
        setCursor: [(self) => {
          const index = self.cursor.idx;
          setPointed(index == null ? undefined
            : { x: self.data[0][index]!, values: self.data.slice(1).map((values) => values[index]) });
        }],
      },
    }, data, at);
    made.over.addEventListener('dblclick', () => latest.current.onWindow(undefined));
    made.over.addEventListener('wheel', (event) => {
      if (!event.ctrlKey && !event.shiftKey && !latest.current.window && event.deltaY > 0) return; // the page scrolls
      event.preventDefault();
      const { window, end, onWindow } = latest.current;
      const isSideways = Math.abs(event.deltaX) > Math.abs(event.deltaY) || event.shiftKey;
      const by = isSideways ? event.deltaX || event.deltaY : event.deltaY;
      onWindow(isSideways ? moved(window, end, by / 800) : zoomed(window, end, 1.0016 ** by, made.posToVal(made.cursor.left ?? 0, 'x')));
    }, { passive: false });
    plot.current = made;
    const resized = new ResizeObserver(() => made.setSize({ width: Math.max(at.clientWidth, 200), height }));
    resized.observe(at);
    const theme = matchMedia('(prefers-color-scheme: dark)');
    const redraw = () => made.redraw(false, true);
    theme.addEventListener('change', redraw);
    return () => {
      resized.disconnect();
      theme.removeEventListener('change', redraw);
      made.destroy();
      plot.current = undefined;
    };
  }, [shape, height, props.xTitle, props.isCount]);
  useEffect(() => plot.current?.setData(data), [data, props.window?.low, props.window?.high, props.end]);

  const xText = (value: number) => props.xText?.(value) ?? number(value);
  const yText = (value: number) => props.yText?.(value) ?? number(value);
  return (
    <figure class="curve-plot">
      <h3>{props.title}</h3>
      <div class="canvas" ref={holder} role="img" aria-label={props.label} />
      <figcaption class="small">
        {curves.map((curve, i) => {
          const value = pointed?.values[i];
          return (
            <span key={curve.name} class="entry legend">
              <span class={`swatch ${curve.style === 'points' ? 'points' : 'line'} colour-${curve.colour % kColours}${curve.style === 'dashed' || curve.style === 'faint' ? ` ${curve.style}` : ''}`} />
              <bdi>{curve.name}</bdi>
              {typeof value === 'number' && <span class="value" aria-hidden="true">{yText(value)}</span>}
            </span>
          );
        })}
        {pointed && <span class="soft" aria-hidden="true">{props.xTitle} {xText(pointed.x)}</span>}
      </figcaption>
    </figure>
  );
}
