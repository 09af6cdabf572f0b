// Two runs or more: which is better and whether that is noise, their curves, and the settings in which they differ.
import { useMemo, useState } from 'preact/hooks';
import { count } from '../../parts/numbers';
import { type Column, SortableTable } from '../../parts/sortable_table';
import { useGet } from '../api';
import { useKeys } from '../keys';
import { address, go } from '../place';
import { words } from '../words';
import { RunCurves } from './run_curves';
import { valueText } from './run_list';
import { settingText } from './run_page';
import type { Compared, RunList } from './runs_api';

function Verdicts({ compared }: { compared: Compared }) {
  const metric = compared.metric ?? '';
  return (
    <section class="card" aria-label={words.runs.verdict}>
      <h2>{words.runs.verdict}</h2>
      <ul class="verdicts">
        {(compared.comparisons ?? []).map((each) => (
          <li key={each.b} class={each.is_beyond_noise ? 'beyond' : ''}>{each.verdict}.</li>
        ))}
      </ul>
      <dl class="results">
        {(compared.runs ?? []).map((each) => (
          <div key={each.run}>
            <dt><bdi>{each.run}</bdi></dt>
            <dd>{valueText(metric, each.mean)}{each.standard_error !== null && ` ± ${valueText(metric, each.standard_error)}`}
              {each.values.length > 1 && <span class="soft"> {words.runs.ofRepeats(each.values.length)}</span>}
              {each.valid_images !== null && <span class="soft"> {words.runs.onImages(count(each.valid_images))}</span>}</dd>
          </div>
        ))}
      </dl>
      {(compared.caveats ?? []).map((each) => <p key={each} class="soft small">{each}</p>)}
    </section>
  );
}

function Settings({ compared }: { compared: Compared }) {
  const columns = useMemo((): Column<Compared['settings'][number]>[] => [
    { key: 'setting', title: words.runs.setting, align: 'left', firstDirection: 'ascending', sort: (row) => row.setting, cell: (row) => <code>{row.setting}</code> },
    ...compared.results.map((result, i): Column<Compared['settings'][number]> => ({
      key: `${i} ${result}`, title: result, align: 'left', cell: (row) => <bdi>{settingText(row.values[i])}</bdi>,
    })),
  ], [compared]);
  return (
    <section class="card">
      <h2>{words.runs.differing}</h2>
      {compared.settings.length === 0
        ? <p class="soft">{words.runs.sameSettings}</p>
        : <SortableTable caption={words.runs.differing} columns={columns} rows={compared.settings} rowKey={(row) => row.setting}
            filterText={(row) => row.setting} />}
    </section>
  );
}

export function ComparePage({ folders }: { folders: string[] }) {
  const [metric, setMetric] = useState('');
  const list = useGet<RunList>('/api/runs', {}, ['runs']);
  const query = new URLSearchParams([...folders.map((folder) => ['of', folder]), ...(metric ? [['metric', metric]] : [])]);
  const { data: compared, problem } = useGet<Compared>(`/api/compare?${query}`, {}, ['runs'], true);
  const runs = useMemo(() => folders.flatMap((folder, i) => {
    const run = list.data?.runs.find((each) => each.folder === folder);
    return run ? [{ folder, name: run.name, colour: i, metrics: run.metric === 'valid_loss' ? [] : [run.metric] }] : [];
  }), [list.data, folders.join('/')]);
  const names = new Set(runs.map(({ name }) => name));
  const shown = useMemo(() => (names.size < runs.length ? runs.map((run) => ({ ...run, name: run.folder })) : runs), [runs]);
  const metrics = [...new Set(['valid_loss', ...runs.flatMap((run) => run.metrics)])];
  useKeys(words.runs.compare, [{ keys: ['Escape', 'u'], text: words.runs.keyBack, run: () => go(address('runs')) }]);
  return (
    <>
      <p><a href={address('runs')}>{words.runs.back}</a></p>
      <div class="row spread">
        <h1>{words.runs.compare}</h1>
        <label class="row">{words.runs.by}
          <select value={metric || compared?.metric} onChange={(event) => setMetric(event.currentTarget.value)}>
            {metrics.map((each) => <option key={each} value={each}>{each}</option>)}
          </select>
        </label>
      </div>
      {problem && <p class="wrong" role="status">{problem.message}</p>}
      {compared?.comparisons && <Verdicts compared={compared} />}
      {shown.length > 0 && <RunCurves runs={shown} />}
      {compared && <Settings compared={compared} />}
    </>
  );
}
