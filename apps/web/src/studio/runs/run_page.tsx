// One run: where it stands, its curves, its epochs and the settings that are not the defaults.
import { useMemo, useState } from 'preact/hooks';
import { count, number } from '../../parts/numbers';
import { type Column, SortableTable } from '../../parts/sortable_table';
import { useGet } from '../api';
import { useKeys } from '../keys';
import { RunActions } from '../train/run_actions';
import { address, go } from '../place';
import { words } from '../words';
import { RunCurves, timeText } from './run_curves';
import { startedText, Status, valueText, valueWithError } from './run_list';
import { concerns, type Epoch, type Run, type RunSummary } from './runs_api';

export const settingText = (value: unknown) =>
  value === null || value === undefined ? '–' : typeof value === 'string' ? value || '“”' : JSON.stringify(value);

function Facts({ run, steps }: { run: Run; steps: number }) {
  const { facts } = words.runs;
  const rows: [string, string][] = [
    [facts.result, `${run.metric} ${valueWithError({ ...run, epochs: run.epochs.length } as RunSummary)}`],
    [facts.started, startedText(run.started)],
    [facts.time, run.seconds === null ? '–' : timeText(run.seconds)],
    [facts.network, run.arch ?? '–'],
    [facts.steps, count(steps)],
    [facts.seed, String(run.seed)],
    [facts.validImages, run.valid_images === null ? '–' : count(run.valid_images)],
    [facts.folder, run.path],
  ];
  return (
    <dl class="facts">
      {rows.map(([name, value]) => <div key={name}><dt>{name}</dt><dd><bdi>{value}</bdi></dd></div>)}
    </dl>
  );
}

function epochColumns(metrics: string[]): Column<Epoch & { at: number }>[] {
  const of = (key: string, title: string, value: (epoch: Epoch) => number | null, text = number): Column<Epoch & { at: number }> => ({
    key, title, sort: (epoch) => value(epoch) ?? undefined, cell: (epoch) => (value(epoch) === null ? '–' : text(value(epoch)!)),
  });
  return [
    { key: 'stage', title: words.runs.stage, align: 'left', cell: (epoch) => <bdi>{epoch.stage}</bdi> },
    { key: 'epoch', title: words.runs.epoch, firstDirection: 'ascending', sort: (epoch) => epoch.at, cell: (epoch) => count(epoch.epoch) },
    of('train', words.runs.trainLoss, (epoch) => epoch.train_loss),
    of('valid', words.runs.validLoss, (epoch) => epoch.valid_loss),
    ...metrics.map((metric) => of(metric, metric, (epoch) => epoch.metrics[metric] ?? null, (value) => valueText(metric, value))),
    of('seconds', words.runs.time, (epoch) => epoch.seconds, timeText),
  ];
}

const settingColumns: Column<Run['changed_settings'][number]>[] = [
  { key: 'setting', title: words.runs.setting, align: 'left', firstDirection: 'ascending', sort: (row) => row.setting, cell: (row) => <code>{row.setting}</code> },
  { key: 'value', title: words.runs.value, align: 'left', cell: (row) => <bdi>{settingText(row.value)}</bdi> },
  { key: 'default', title: words.runs.defaultValue, align: 'left', cell: (row) => <span class="soft">{settingText(row.default)}</span> },
];

function Tables({ run, metrics }: { run: Run; metrics: string[] }) {
  return (
    <>
      {run.epochs.length > 0 && (
        <section class="card">
          <h2>{words.runs.epochsTitle}</h2>
          <SortableTable caption={words.runs.epochs} columns={epochColumns(metrics)} rows={run.epochs.map((epoch, at) => ({ ...epoch, at }))} rowKey={(row) => row.at} />
        </section>
      )}
      <section class="card">
        <h2>{words.runs.changedSettings}</h2>
        {run.changed_settings.length === 0 && <p class="soft">{words.runs.allDefaults}</p>}
        {run.changed_settings.length > 0 && (
          <SortableTable caption={words.runs.changedSettings} columns={settingColumns} rows={run.changed_settings} rowKey={(row) => row.setting} />
        )}
      </section>
    </>
  );
}

export function RunPage({ folder }: { folder: string }) {
  const { data: run, problem } = useGet<Run>(`/api/runs/${encodeURIComponent(folder)}`, {}, ['runs'], false, concerns([folder]));
  const [steps, setSteps] = useState<Record<string, number>>({});
  const metrics = useMemo(() => Object.keys(run?.epochs[0]?.metrics ?? {}), [run?.epochs[0]]);
  const metricText = metrics.join(' ');
  const shown = useMemo(() => [{ folder, name: run?.name ?? folder, colour: 0, metrics }], [folder, run?.name, metricText]);
  useKeys(words.runs.one, [{ keys: ['Escape', 'u'], text: words.runs.keyBack, run: () => go(address('runs')) }]);
  // The same elements are not looked at again while only the number of steps grows.
  const curves = useMemo(() => <RunCurves runs={shown} onSteps={setSteps} />, [shown]);
  const tables = useMemo(() => run && <Tables run={run} metrics={metrics} />, [run]);
  const back = <p><a href={address('runs')}>{words.runs.back}</a></p>;
  if (!run) {
    return (
      <>
        {back}
        <h1><bdi>{folder}</bdi></h1>
        <p role="status" class={problem ? 'wrong' : ''}>{problem ? problem.message : words.loading}</p>
      </>
    );
  }
  return (
    <>
      {back}
      <div class="row spread">
        <h1><bdi>{run.name}</bdi></h1>
        <span class="row"><Status run={run} /> <RunActions run={run} /></span>
      </div>
      {problem && <p class="wrong" role="status">{words.runs.gone(problem.message)}</p>}
      {run.message && <p class={run.status === 'failed' ? 'wrong' : 'soft'}>{run.message}</p>}
      {run.problems.map((each) => <p key={each} class="unsure">{each}</p>)}
      {run.broken_lines > 0 && <p class="unsure">{words.runs.brokenLines(run.broken_lines)}</p>}
      <section class="card" aria-label={words.runs.facts.title}><Facts run={run} steps={steps[folder] ?? run.steps} /></section>
      {curves}
      {tables}
    </>
  );
}
