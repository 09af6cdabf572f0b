// The curves of one run or several, over steps or over time, with one window for all plots; what they need is asked for in
// the width that is drawn.
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { clamped, type Curve, CurvePlot, moved, type Window, zoomed } from '../../parts/curve_plot';
import { count, number, percent } from '../../parts/numbers';
import { useGet } from '../api';
import { useKeys } from '../keys';
import { words } from '../words';
import { concerns, type Curves, isShare } from './runs_api';

export interface ShownRun {
  folder: string;
  name: string;
  /** Which of the theme's colours. */
  colour: number;
  metrics: string[];
}

type Axis = 'steps' | 'seconds';

const kPause = 120; // ms that a window stands still before its points are asked for

/** "1 h 05 min", "4:07", "12 s" */
export function timeText(seconds: number): string {
  const s = Math.round(seconds);
  if (Math.abs(s) < 60) return `${Number(seconds.toPrecision(2))} s`;
  if (s < 3600) return `${Math.floor(s / 60)}:${String(s % 60).padStart(2, '0')} min`;
  return `${Math.floor(s / 3600)}:${String(Math.floor((s % 3600) / 60)).padStart(2, '0')} h`;
}

/** The value, once it has not changed for a moment. */
function useRested<T>(value: T): T {
  const [rested, setRested] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setRested(value), kPause);
    return () => clearTimeout(timer);
  }, [value]);
  return rested;
}

/** How many pixels the plots are wide, in steps of 200, so that a small change asks for nothing new. */
function useColumns() {
  const holder = useRef<HTMLDivElement>(null);
  const [columns, setColumns] = useState(1000);
  useEffect(() => {
    const measure = () => setColumns(Math.max(200, Math.ceil(((holder.current?.clientWidth ?? 0) * devicePixelRatio) / 200) * 200));
    const observer = new ResizeObserver(measure);
    observer.observe(holder.current!);
    return () => observer.disconnect();
  }, []);
  return { holder, columns };
}

interface Panel {
  title: string;
  names: { name: string; style?: Curve['style'] }[];
}

/** Losses in one plot, each metric and the learning rate in its own. */
function panelsOf(metrics: string[], showsRaw: boolean, showsRates: boolean): Panel[] {
  const losses: Panel['names'] = [
    ...(showsRaw ? [{ name: 'loss', style: 'faint' as const }] : []),
    { name: 'smooth_loss' },
    { name: 'valid_loss', style: 'points' },
  ];
  return [
    { title: words.runs.loss, names: losses },
    ...metrics.map((metric) => ({ title: metric, names: [{ name: metric, style: 'points' as const }] })),
    ...(showsRates ? [{ title: words.runs.rate, names: [{ name: 'lr' }] }] : []),
  ];
}

/** onSteps: hears of the last step of each folder, as often as the curves grow. */
export function RunCurves({ runs, onSteps }: { runs: ShownRun[]; onSteps?: (steps: Curves['steps']) => void }) {
  const [axis, setAxis] = useState<Axis>('steps');
  const [isLog, setLog] = useState(false);
  const [showsRaw, setRaw] = useState(runs.length === 1);
  const [showsRates, setRates] = useState(runs.length === 1);
  const [window, setWindow] = useState<Window>();
  const { holder, columns } = useColumns();
  const metrics = useMemo(() => [...new Set(runs.flatMap((run) => run.metrics))], [runs]);
  const panels = useMemo(() => panelsOf(metrics, showsRaw, showsRates), [metrics, showsRaw, showsRates]);
  const rested = useRested(window);
  const names = [...new Set(panels.flatMap((panel) => panel.names.map(({ name }) => name)))];
  const path = `/api/curves?${new URLSearchParams([
    ...runs.map(({ folder }) => ['of', folder]), ...names.map((name) => ['name', name]), ['axis', axis],
    ['columns', String(columns)], ...(rested ? [['low', String(rested.low)], ['high', String(rested.high)]] : []),
  ])}`;
  const { data, problem } = useGet<Curves>(path, {}, ['runs', 'steps'], true, concerns(runs.map(({ folder }) => folder)));
  useEffect(() => data && onSteps?.(data.steps), [data]);
  const end = Math.max(1, ...(data?.curves.map((curve) => curve.end) ?? []));
  const changeAxis = (now: Axis) => { setAxis(now); setWindow(undefined); };

  const plots = useMemo(() => panels.map((panel) => ({
    ...panel,
    curves: (data?.curves ?? []).flatMap((curve): Curve[] => {
      const run = runs.find(({ folder }) => folder === curve.folder);
      const style = panel.names.find(({ name }) => name === curve.name);
      if (!run || !style) return [];
      const colour = runs.length > 1 ? run.colour : panel.names.indexOf(style) === panel.names.length - 1 && panel.names.length > 1 ? 1 : 0;
      const ofRun = runs.length > 1 ? `${run.name} · ${curve.name}` : curve.name;
      return [{ name: ofRun, x: curve.x, y: curve.y, colour, ...(style.style && { style: style.style }) }];
    }),
  })).filter((panel) => panel.curves.length > 0), [panels, data, runs]);

  useKeys(words.runs.curves, [
    { keys: ['+', '='], text: words.runs.keyZoomIn, run: () => setWindow(zoomed(window, end, 0.5)) },
    { keys: ['-'], text: words.runs.keyZoomOut, run: () => setWindow(zoomed(window, end, 2)) },
    { keys: ['ArrowLeft'], text: words.runs.keyLeft, run: () => setWindow(moved(window, end, -0.25)) },
    { keys: ['ArrowRight'], text: words.runs.keyRight, run: () => setWindow(moved(window, end, 0.25)) },
    { keys: ['0'], text: words.runs.keyAll, run: () => setWindow(undefined) },
    { keys: ['t'], text: words.runs.keyAxis, run: () => changeAxis(axis === 'steps' ? 'seconds' : 'steps') },
    { keys: ['l'], text: words.runs.keyLog, run: () => setLog(!isLog) },
  ]);
  const xText = (value: number) => (axis === 'steps' ? count(value) : timeText(value));
  return (
    <section class="card" aria-label={words.runs.curves}>
      <h2 class="visually-hidden">{words.runs.curves}</h2>
      <div class="row no-print">
        <span class="row" role="group" aria-label={words.runs.axis}>
          {(['steps', 'seconds'] as const).map((each) => (
            <button key={each} type="button" aria-pressed={axis === each} onClick={() => changeAxis(each)}>{words.runs.axes[each]}</button>
          ))}
        </span>
        <label><input type="checkbox" checked={isLog} onChange={() => setLog(!isLog)} /> {words.runs.log}</label>
        <label><input type="checkbox" checked={showsRaw} onChange={() => setRaw(!showsRaw)} /> {words.runs.everyStep}</label>
        <label><input type="checkbox" checked={showsRates} onChange={() => setRates(!showsRates)} /> {words.runs.rate}</label>
        {window && (
          <button type="button" onClick={() => setWindow(undefined)}>
            {words.runs.showAll(xText(window.low), xText(window.high))}
          </button>
        )}
      </div>
      {problem && <p class="wrong" role="status">{problem.message}</p>}
      {data && plots.length === 0 && <p class="soft">{words.runs.noCurves}</p>}
      <div class="plots" ref={holder}>
        {plots.map((panel) => (
          <CurvePlot
            key={panel.title} title={panel.title} curves={panel.curves} label={words.runs.plotLabel(panel.title, runs.map(({ name }) => name))}
            xTitle={words.runs.axes[axis]} isCount={axis === 'steps'} xText={xText} isShare={isShare(panel.title)} yText={isShare(panel.title) ? percent : number} end={end} window={clamped(window?.low ?? 0, window?.high ?? 0, end)}
            onWindow={setWindow} isLog={isLog} group="runs"
          />
        ))}
      </div>
    </section>
  );
}
