// Bars: a share with its 95 % interval in a table's cell, and a list of names with bars.
import type { ComponentChildren } from 'preact';
import { type Estimate, type NumberStyle, interval, level, withInterval, written } from './numbers';
import './bars.css';

const place = (share: number) => `${(Math.min(1, Math.max(0, share)) * 100).toFixed(2)}%`;

/** A share of 0 … 1 as a bar, the interval as a line over it. `full` is the share that fills the bar. */
export function ShareBar({ estimate, full = 1 }: { estimate: Estimate; full?: number }) {
  const { value, low, high } = estimate;
  if (!Number.isFinite(value)) return null;
  return (
    <span class="share-bar" aria-hidden="true">
      <span class="fill" style={{ width: place(value / full) }} />
      {low !== undefined && high !== undefined && (
        <span class="whisker" style={{ left: place(low / full), width: place((high - low) / full) }} />
      )}
    </span>
  );
}

/** The number, its bar, and the interval on hover. */
export function ShareCell({ estimate }: { estimate: Estimate | undefined }) {
  if (!estimate || !Number.isFinite(estimate.value)) return <span class="soft">–</span>;
  return (
    <span class="share-cell" title={withInterval(estimate, 'percent')}>
      {written(estimate.value, 'percent')}
      <ShareBar estimate={estimate} />
    </span>
  );
}

/** A number of the summary, large, with its interval below. */
export function MetricTile({ title, estimate, style, confidence, help }: {
  title: string; estimate: Estimate; style: NumberStyle; confidence: number; help?: string;
}) {
  const bounds = interval(estimate, style);
  return (
    <div class="tile" title={help ?? ''}>
      <div class="soft small">{title}</div>
      <div class="value">{written(estimate.value, style)}</div>
      {style === 'percent' && <ShareBar estimate={estimate} />}
      <div class="soft small">{bounds && `${level(confidence)}: ${bounds}`}</div>
    </div>
  );
}

export interface Bar {
  key: string | number;
  name: ComponentChildren;
  value: number;
  text: string;
}

/** Names with bars; `full` is the value of a full one, by default the largest. */
export function BarList({ bars, label, full }: { bars: Bar[]; label: string; full?: number }) {
  const largest = full ?? Math.max(0, ...bars.map((bar) => bar.value));
  return (
    <ul class="bar-list" aria-label={label}>
      {bars.map((bar) => (
        <li key={bar.key}>
          <span class="name">{bar.name}</span>
          <ShareBar estimate={{ value: largest > 0 ? bar.value / largest : 0 }} />
          <span class="text">{bar.text}</span>
        </li>
      ))}
    </ul>
  );
}
