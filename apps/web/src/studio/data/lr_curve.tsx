// The loss over a growing learning rate, with suggested rates that can be taken by a click.
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { words } from '../words';
import type { Suggestion } from './data_api';

const text = words.data.rating;

/** "1.2e-3" */
export const rateText = (lr: number) => lr.toExponential(1).replace('e+', 'e').replace('-', '−');

/** What the y axis shows: a loss that diverges at the end would flatten all that stands before it. */
function lossRange(losses: number[]): [number, number] {
  const least = losses.reduce((a, b) => Math.min(a, b), Infinity);
  const high = losses.slice(0, losses.indexOf(least) + 1).reduce((a, b) => Math.max(a, b), least);
  const span = high - least || Math.abs(least) || 1;
  return [least - 0.15 * span, high + 0.6 * span];
}

const colour = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

export function LrCurve({ lrs, losses, suggestions, onTake }: {
  lrs: number[]; losses: number[]; suggestions: Suggestion[]; onTake: (suggestion: Suggestion) => void;
}) {
  const place = useRef<HTMLDivElement>(null);
  const take = useRef(onTake);
  take.current = onTake;
  useEffect(() => {
    const element = place.current!;
    let plot: uPlot | undefined;
    const axis = { stroke: colour('--soft'), grid: { stroke: colour('--line'), width: 1 }, ticks: { stroke: colour('--line'), width: 1 } };
    const markers = (chart: uPlot) => {
      const context = chart.ctx;
      context.save();
      for (const [i, each] of suggestions.entries()) {
        const x = chart.valToPos(each.lr, 'x', true);
        context.strokeStyle = colour(`--series-${(i % 4) + 1}`);
        context.lineWidth = 2 * devicePixelRatio;
        context.beginPath();
        context.moveTo(x, chart.bbox.top);
        context.lineTo(x, chart.bbox.top + chart.bbox.height);
        context.stroke();
      }
      context.restore();
    };
    const draw = () => {
      plot?.destroy();
      plot = new uPlot({
        width: Math.max(200, element.clientWidth), height: 300, legend: { show: true },
        cursor: { drag: { x: false, y: false } },
        scales: { x: { time: false, distr: 3 }, y: { range: lossRange(losses) } },
        axes: [{ ...axis, label: text.rate, values: (_, ticks) => ticks.map((tick) => (tick === null ? null : rateText(tick).replace('.0', ''))) }, { ...axis, label: text.loss }],
        series: [{ label: text.rate, value: (_, value) => (value === null ? '–' : rateText(value)) },
          { label: text.loss, stroke: colour('--series-0'), width: 2, value: (_, value) => (value === null ? '–' : value.toPrecision(4)) }],
        hooks: { draw: [markers] },
      }, [lrs, losses], element);
      plot.over.addEventListener('click', (event) => {
        const near = suggestions.map((each) => ({ each, away: Math.abs(plot!.valToPos(each.lr, 'x') - event.offsetX) }))
          .sort((a, b) => a.away - b.away)[0];
        if (near && near.away < 12) take.current(near.each);
      });
    };
    draw();
    const observer = new ResizeObserver(() => plot?.setSize({ width: Math.max(200, element.clientWidth), height: 300 }));
    observer.observe(element);
    const scheme = matchMedia('(prefers-color-scheme: dark)');
    scheme.addEventListener('change', draw);
    return () => {
      observer.disconnect();
      scheme.removeEventListener('change', draw);
      plot?.destroy();
    };
  }, [lrs, losses, suggestions]);
  return <div ref={place} class="lr-curve" role="img" aria-label={text.chart} />;
}
