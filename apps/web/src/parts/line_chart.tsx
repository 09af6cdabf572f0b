// Curves and points with error bars as SVG: learning curves, reliability, risk and coverage. The numbers stand in a table
// below, for those who cannot see the drawing.
import { useId, useMemo, useState } from 'preact/hooks';
import { type NumberStyle, tickStep, ticks, written } from './numbers';
import './line_chart.css';

export interface Point {
  x: number;
  y: number;
  /** Of the 95 % interval. */
  low?: number;
  high?: number;
  /** Shown with the point. */
  note?: string;
}

export interface Series {
  name: string;
  points: Point[];
  /** 'line' joins the points; 'points' draws them with error bars; 'bars' stands on the axis, `barWidth` wide. */
  mark: 'line' | 'points' | 'bars';
  barWidth?: number;
  /** Which of the theme's colours. */
  colour: number;
  dashed?: boolean;
}

export interface Axis {
  title: string;
  style: NumberStyle;
  low?: number;
  high?: number;
}

interface Props {
  /** What the chart shows in one sentence. */
  label: string;
  series: Series[];
  x: Axis;
  y: Axis;
  /** A line from corner to corner, as where confidence equals accuracy. */
  diagonal?: string;
  square?: boolean;
}

const kTicks = 5;
const kMargin = { left: 58, right: 26, top: 12, bottom: 42 };

interface Scale {
  low: number;
  high: number;
  at: (value: number) => number;
}

/** The least and the largest value, or the axis's own ends. */
function ends(axis: Axis, values: number[]): [number, number] {
  const finite = values.filter(Number.isFinite);
  const low = axis.low ?? finite.reduce((a, b) => Math.min(a, b), Infinity);
  const high = axis.high ?? finite.reduce((a, b) => Math.max(a, b), -Infinity);
  if (!Number.isFinite(low) || !Number.isFinite(high)) return [0, 1];
  return high > low ? [low, high] : [low - (axis.low === undefined ? 0.5 : 0), low + 0.5];
}

/** The same, to the next tick where the axis has no end of its own. */
function endsAtTicks(axis: Axis, values: number[]): [number, number] {
  const [low, high] = ends(axis, values);
  const step = tickStep(low, high, kTicks);
  return [axis.low ?? Math.floor(low / step) * step, axis.high ?? Math.ceil(high / step) * step];
}

function scaleOf(range: [number, number], from: number, to: number): Scale {
  const [low, high] = range;
  return { low, high, at: (value) => from + ((value - low) / (high - low)) * (to - from) };
}

function pathOf(points: Point[], x: Scale, y: Scale): string {
  let path = '';
  let isBroken = true;
  for (const point of points) {
    if (!Number.isFinite(point.y)) {
      isBroken = true;
      continue;
    }
    path += `${isBroken ? 'M' : 'L'}${x.at(point.x).toFixed(1)} ${y.at(point.y).toFixed(1)}`;
    isBroken = false;
  }
  return path;
}

export function LineChart(props: Props) {
  const titleId = useId();
  const [near, setNear] = useState<{ series: Series; point: Point } | undefined>();
  const width = props.square ? 440 : 620;
  const height = props.square ? 400 : 320;
  const [x, y] = useMemo(() => {
    const points = props.series.flatMap((series) => series.points);
    const heights = points.flatMap((p) => [p.y, p.low ?? p.y, p.high ?? p.y]);
    return [
      scaleOf(ends(props.x, points.map((p) => p.x)), kMargin.left, width - kMargin.right),
      scaleOf(endsAtTicks(props.y, heights), height - kMargin.bottom, kMargin.top),
    ] as const;
  }, [props.series, props.x, props.y, width, height]);

  function find(event: PointerEvent) {
    const box = (event.currentTarget as SVGSVGElement).getBoundingClientRect();
    const px = ((event.clientX - box.left) / box.width) * width;
    const py = ((event.clientY - box.top) / box.height) * height;
    let best: { series: Series; point: Point } | undefined;
    let nearest = 30;
    for (const series of props.series) {
      for (const point of series.points) {
        const distance = Math.hypot(x.at(point.x) - px, (y.at(point.y) - py) * (series.mark === 'bars' ? 0.2 : 1));
        if (Number.isFinite(point.y) && distance < nearest) {
          nearest = distance;
          best = { series, point };
        }
      }
    }
    setNear(best);
  }

  const hasLegend = props.series.length + (props.diagonal ? 1 : 0) > 1;
  return (
    <figure class="line-chart">
      <svg viewBox={`0 0 ${width} ${height}`} role="img" aria-labelledby={titleId} onPointerMove={find}
           onPointerLeave={() => setNear(undefined)}>
        <title id={titleId}>{props.label}</title>
        <Frame x={x} y={y} xAxis={props.x} yAxis={props.y} width={width} height={height} />
        {props.diagonal && (
          <line class="diagonal" x1={x.at(x.low)} y1={y.at(y.low)} x2={x.at(x.high)} y2={y.at(y.high)} />
        )}
        {props.series.map((series) => <Marks key={series.name} series={series} x={x} y={y} />)}
        {near && <circle class="near" r={6} cx={x.at(near.point.x)} cy={y.at(near.point.y)} />}
      </svg>
      <figcaption>
        {hasLegend && (
          <span class="legend">
            {props.series.map((series) => (
              <span key={series.name} class="entry">
                <span class={`swatch ${series.mark} colour-${series.colour}${series.dashed ? ' dashed' : ''}`} />{series.name}
              </span>
            ))}
            {props.diagonal && <span class="entry"><span class="swatch line diagonal" />{props.diagonal}</span>}
          </span>
        )}
        <span class="soft small near-text no-print">{near ? pointText(near, props) : ' '}</span>
      </figcaption>
      <details class="small no-print">
        <summary class="soft">Numbers</summary>
        <ChartTable {...props} />
      </details>
    </figure>
  );
}

function pointText({ series, point }: { series: Series; point: Point }, { x, y }: Props): string {
  const bounds = point.low === undefined || point.high === undefined
    ? '' : ` (${written(point.low, y.style)} – ${written(point.high, y.style)})`;
  const note = point.note ? `; ${point.note}` : '';
  return `${series.name}: ${written(point.y, y.style)}${bounds} at ${x.title.toLowerCase()} ${written(point.x, x.style)}${note}`;
}

function Frame({ x, y, xAxis, yAxis, width, height }: {
  x: Scale; y: Scale; xAxis: Axis; yAxis: Axis; width: number; height: number;
}) {
  const bottom = height - kMargin.bottom;
  return (
    <g aria-hidden="true">
      {ticks(y.low, y.high, kTicks).map((tick) => (
        <g key={tick}>
          <line class="grid" x1={kMargin.left} x2={width - kMargin.right} y1={y.at(tick)} y2={y.at(tick)} />
          <text class="end" x={kMargin.left - 8} y={y.at(tick) + 4}>{tickText(tick, yAxis.style)}</text>
        </g>
      ))}
      {ticks(x.low, x.high, 6).filter((tick) => xAxis.style !== 'count' || Number.isInteger(tick)).map((tick) => (
        <g key={tick}>
          <line class="axis" x1={x.at(tick)} x2={x.at(tick)} y1={bottom} y2={bottom + 4} />
          <text class="mid" x={x.at(tick)} y={bottom + 18}>{tickText(tick, xAxis.style)}</text>
        </g>
      ))}
      <line class="axis" x1={kMargin.left} x2={width - kMargin.right} y1={bottom} y2={bottom} />
      <text class="mid" x={(kMargin.left + width - kMargin.right) / 2} y={height - 6}>{xAxis.title}</text>
      <text class="mid" transform={`translate(13 ${(kMargin.top + bottom) / 2}) rotate(-90)`}>{yAxis.title}</text>
    </g>
  );
}

function tickText(value: number, style: NumberStyle): string {
  if (style === 'percent') return `${Number((value * 100).toPrecision(6))}\u00a0%`;
  if (style === 'count') return written(value, 'count');
  return String(Number(value.toPrecision(6))).replace('-', '−');
}

function Marks({ series, x, y }: { series: Series; x: Scale; y: Scale }) {
  const colour = `colour-${series.colour}`;
  if (series.mark === 'line') {
    return (
      <g class={`${colour}${series.dashed ? ' dashed' : ''}`}>
        <path class="curve" d={pathOf(series.points, x, y)} />
        {series.points.length <= 40 && series.points.filter((p) => Number.isFinite(p.y)).map((point) => (
          <circle key={point.x} class="dot" r={2.6} cx={x.at(point.x)} cy={y.at(point.y)} />
        ))}
      </g>
    );
  }
  const finite = series.points.filter((point) => Number.isFinite(point.y));
  if (series.mark === 'bars') {
    const half = (series.barWidth ?? 0) / 2;
    return (
      <g class={colour}>
        {finite.map((point) => (
          <rect key={point.x} class="bar" x={x.at(point.x - half) + 1} width={Math.max(1, x.at(point.x + half) - x.at(point.x - half) - 2)}
                y={y.at(point.y)} height={Math.max(0, y.at(Math.max(0, y.low)) - y.at(point.y))} />
        ))}
      </g>
    );
  }
  return (
    <g class={colour}>
      {finite.map((point) => (
        <g key={point.x}>
          {point.low !== undefined && point.high !== undefined && (
            <line class="error" x1={x.at(point.x)} x2={x.at(point.x)} y1={y.at(point.low)} y2={y.at(point.high)} />
          )}
          <circle class="dot" r={4} cx={x.at(point.x)} cy={y.at(point.y)} />
        </g>
      ))}
    </g>
  );
}

function ChartTable({ series, x, y, label }: Props) {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={`Numbers of: ${label}`}>
      <table>
        <thead>
          <tr><th scope="col" class="left">Curve</th><th scope="col">{x.title}</th><th scope="col">{y.title}</th>
            <th scope="col">95 % interval</th><th scope="col" class="left">Note</th></tr>
        </thead>
        <tbody>
          {series.flatMap((one) => one.points.map((point, i) => (
            <tr key={`${one.name} ${i}`}>
              <th scope="row" class="left">{one.name}</th>
              <td>{written(point.x, x.style)}</td>
              <td>{written(point.y, y.style)}</td>
              <td>{point.low === undefined || point.high === undefined
                ? '' : `${written(point.low, y.style)} – ${written(point.high, y.style)}`}</td>
              <td class="left">{point.note ?? ''}</td>
            </tr>
          )))}
        </tbody>
      </table>
    </div>
  );
}
