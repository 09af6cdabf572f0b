// The list of runs: results with their error bars, the way there as a small curve, a filter; some can be chosen and compared.
import { useMemo, useState } from 'preact/hooks';
import { count, number, percent } from '../../parts/numbers';
import { type Column, SortableTable } from '../../parts/sortable_table';
import { useGet } from '../api';
import { useKeys } from '../keys';
import { address, go } from '../place';
import { words } from '../words';
import { timeText } from './run_curves';
import { isShare, type RunList, type RunSummary } from './runs_api';

export const valueText = (metric: string, value: number | null) =>
  value === null ? '–' : isShare(metric) ? percent(value) : number(value);

export function valueWithError({ metric, value, standard_error: error }: RunSummary): string {
  return error === null ? valueText(metric, value) : `${valueText(metric, value)} ± ${valueText(metric, error)}`;
}

export const startedText = (started: string) => {
  const time = new Date(started);
  return Number.isNaN(time.getTime()) ? '–' : time.toLocaleString(undefined, { dateStyle: 'short', timeStyle: 'short' });
};

const kWidth = 110;
const kHeight = 26;

/** The metric after each epoch, between its least and its largest value. */
export function Sparkline({ values, label }: { values: (number | null)[]; label: string }) {
  const finite = values.filter((value): value is number => value !== null);
  if (finite.length < 2) return null;
  const low = Math.min(...finite);
  const span = Math.max(...finite) - low || 1;
  const x = (i: number) => 2 + (i / (values.length - 1)) * (kWidth - 4);
  const y = (value: number) => kHeight - 3 - ((value - low) / span) * (kHeight - 6);
  let path = '';
  values.forEach((value, i) => {
    if (value !== null) path += `${path === '' || values[i - 1] === null ? 'M' : 'L'}${x(i).toFixed(1)} ${y(value).toFixed(1)}`;
  });
  return <svg class="sparkline" width={kWidth} height={kHeight} role="img" aria-label={label}><path d={path} /></svg>;
}

/** One value with its 95 % interval on an axis that all rows share. */
function ErrorBar({ run, low, high }: { run: RunSummary; low: number; high: number }) {
  const { value, standard_error: error } = run;
  if (value === null || !(high > low)) return null;
  const x = (at: number) => 3 + (Math.min(Math.max((at - low) / (high - low), 0), 1)) * (kWidth - 6);
  const half = 1.96 * (error ?? 0);
  return (
    <svg class="error-bar" width={kWidth} height={kHeight} aria-hidden="true">
      <line class="axis" x1={0} x2={kWidth} y1={kHeight / 2} y2={kHeight / 2} />
      {half > 0 && <line class="interval" x1={x(value - half)} x2={x(value + half)} y1={kHeight / 2} y2={kHeight / 2} />}
      <circle cx={x(value)} cy={kHeight / 2} r={3.5} />
    </svg>
  );
}

export function Status({ run }: { run: Pick<RunSummary, 'status' | 'message' | 'problems'> }) {
  const style = { running: 'live', done: 'right', interrupted: 'unsure', failed: 'wrong' }[run.status];
  return (
    <span class={`status ${style}`} title={run.message}>
      {words.runs.status[run.status]}
      {run.problems.length > 0 && <span class="unsure" title={run.problems.join('\n')}> {words.runs.hasProblems}</span>}
    </span>
  );
}

/** The ends of the axis of the error bars; only runs of the same metric share one. */
function axisOf(runs: RunSummary[]): { metric: string; low: number; high: number } | undefined {
  const metric = runs.find((run) => run.value !== null)?.metric;
  const ends = runs.filter((run) => run.metric === metric && run.value !== null)
    .flatMap((run) => [run.value! - 1.96 * (run.standard_error ?? 0), run.value! + 1.96 * (run.standard_error ?? 0)]);
  return metric === undefined ? undefined : { metric, low: Math.max(Math.min(...ends), isShare(metric) ? 0 : -Infinity), high: Math.max(...ends) };
}

function columnsOf(runs: RunSummary[], chosen: Set<string>, onChoose: (folder: string) => void): Column<RunSummary>[] {
  const axis = axisOf(runs);
  const columns: Column<RunSummary>[] = [
    { key: 'name', title: words.runs.name, align: 'left', firstDirection: 'ascending', sort: (run) => run.name, cell: (run) => (
      <span class="run-name">
        <input type="checkbox" checked={chosen.has(run.folder)} aria-label={words.runs.choose(run.name)} onChange={() => onChoose(run.folder)} />
        <a class="run-link" href={address('runs', [run.folder])} data-folder={run.folder}><bdi>{run.name}</bdi></a>
        {run.group && <span class="soft small" title={words.runs.repeatOf(run.group)}>{words.runs.seed(run.seed)}</span>}
      </span>
    ) },
    { key: 'started', title: words.runs.started, align: 'left', sort: (run) => run.started, cell: (run) => startedText(run.started) },
    { key: 'arch', title: words.runs.network, align: 'left', firstDirection: 'ascending', sort: (run) => run.arch ?? undefined, cell: (run) => <bdi>{run.arch ?? '–'}</bdi> },
    { key: 'status', title: words.runs.statusTitle, align: 'left', sort: (run) => run.status, cell: (run) => <Status run={run} /> },
    { key: 'epochs', title: words.runs.epochs, sort: (run) => run.epochs, cell: (run) => (run.kind === 'probe' ? words.runs.probe : count(run.epochs)) },
    { key: 'loss', title: words.runs.validLoss, firstDirection: 'ascending', sort: (run) => run.valid_loss ?? undefined, cell: (run) => (run.valid_loss === null ? '–' : number(run.valid_loss)) },
    { key: 'result', title: axis?.metric ?? words.runs.result, help: words.runs.errorHelp, firstDirection: 'ascending', sort: (run) => run.value ?? undefined, cell: (run) => (
      <>{axis && run.metric !== axis.metric && <span class="soft">{run.metric} </span>}{valueWithError(run)}</>
    ) },
    { key: 'bar', title: words.runs.interval, align: 'left', cell: (run) => (axis && run.metric === axis.metric ? <ErrorBar run={run} low={axis.low} high={axis.high} /> : null) },
    { key: 'curve', title: words.runs.overEpochs, align: 'left', cell: (run) => <Sparkline values={run.over_epochs} label={words.runs.sparkline(run.metric, run.epochs)} /> },
    { key: 'time', title: words.runs.time, sort: (run) => run.seconds ?? undefined, cell: (run) => (run.seconds === null ? '–' : timeText(run.seconds)) },
  ];
  // On a phone the result stands beside the name.
  const first = ['name', 'result', 'status'];
  return innerWidth >= 560 ? columns : [...first.map((key) => columns.find((each) => each.key === key)!), ...columns.filter(({ key }) => !first.includes(key))];
}

/** Moves the focus among the rows' links. */
function focusRow(by: number) {
  const links = [...document.querySelectorAll<HTMLElement>('.run-link')];
  const now = links.indexOf(document.activeElement as HTMLElement);
  links[now < 0 ? 0 : Math.min(Math.max(now + by, 0), links.length - 1)]?.focus();
}

const textOfRun = (run: RunSummary) => `${run.name} ${run.folder} ${run.arch ?? ''} ${run.status} ${run.group} ${run.metric}`;

export function RunListView() {
  const { data, problem } = useGet<RunList>('/api/runs', {}, ['runs']);
  const [chosen, setChosen] = useState<Set<string>>(new Set());
  const runs = data?.runs ?? [];
  const onChoose = (folder: string) => setChosen((before) => {
    const after = new Set(before);
    if (!after.delete(folder)) after.add(folder);
    return after;
  });
  const known = runs.filter((run) => chosen.has(run.folder)).map((run) => run.folder);
  const compare = () => known.length > 1 && go(address('runs', ['compare'], { of: known }));
  const columns = useMemo(() => columnsOf(runs, chosen, onChoose), [data, chosen]);
  useKeys(words.runs.title, [
    { keys: ['j'], text: words.runs.keyNext, run: () => focusRow(1) },
    { keys: ['k'], text: words.runs.keyPrevious, run: () => focusRow(-1) },
    { keys: ['x'], text: words.runs.keyChoose, run: () => {
      const folder = (document.activeElement as HTMLElement | null)?.dataset['folder'];
      if (folder) onChoose(folder);
    } },
    { keys: ['c'], text: words.runs.keyCompare, run: compare },
  ]);
  return (
    <>
      <div class="row spread">
        <h1>{words.runs.title}</h1>
        <button type="button" disabled={known.length < 2} onClick={compare}>{words.runs.compareChosen(known.length)}</button>
      </div>
      {problem && <p class="wrong" role="status">{problem.message}</p>}
      {!data && !problem && <p role="status">{words.loading}</p>}
      {data && runs.length === 0 && (
        <section class="card"><p>{data.is_there ? words.runs.none(data.folder) : words.runs.noFolder(data.folder)}</p><p class="soft">{words.runs.howToBegin}</p></section>
      )}
      {runs.length > 0 && (
        <div class="card runs">
          <SortableTable caption={words.runs.title} columns={columns} rows={runs} rowKey={(run) => run.folder} filterText={textOfRun} limit={200} />
        </div>
      )}
    </>
  );
}
