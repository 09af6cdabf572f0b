// Train: a form made from the flags of `margay train`, the command line that it stands for, and the trainings that run.
import { useEffect, useMemo, useState } from 'preact/hooks';
import { post, textOf, useGet } from '../api';
import { useAbout } from '../app';
import type { BatchForms } from '../data/data_api';
import { useKeys } from '../keys';
import { address } from '../place';
import { Status } from '../runs/run_list';
import type { RunList } from '../runs/runs_api';
import { takeSettings, type TrainSettings } from '../train_settings';
import { words } from '../words';
import { FlagForm, type Flag, type FlagValues } from './flag_form';
import { RunActions, type Started } from './run_actions';
import './train.css';

/** What the form stands for, kept while the page is. */
const kept: { folder: string | undefined; values: FlagValues } = { folder: undefined, values: {} };

/** The form's values with what other views suggested, such as a learning rate that was found. */
function withSuggested(values: FlagValues, { flags }: TrainSettings): FlagValues {
  const all = Object.entries({ ...values, ...flags });
  return Object.fromEntries(all.filter((entry): entry is [string, string | boolean] => entry[1] !== null));
}

/** The words of a command line, each of which stays on its line as long as there is room. */
const partsOf = (command: string) => (command.match(/(?:'[^']*'|[^ '])+/g) ?? []).map((part, i) => <>{i > 0 && ' '}<span key={i}>{part}</span></>);

function CommandLine({ command, problem }: { command: string | undefined; problem: string | undefined }) {
  const [isCopied, setCopied] = useState(false);
  useEffect(() => setCopied(false), [command]);
  const copy = () => command && navigator.clipboard.writeText(command).then(() => setCopied(true), () => setCopied(false));
  useKeys(words.train.title, [{ keys: ['y'], text: words.train.keyCopy, run: () => void copy() }]);
  return (
    <div class="command">
      <h2>{words.train.command}</h2>
      <pre tabIndex={0} role="region" aria-label={words.train.command}><code>{command ? partsOf(command) : ' '}</code></pre>
      <button type="button" disabled={!command} onClick={() => void copy()}>{isCopied ? words.train.copied : words.train.copy}</button>
      <p role="status" class="wrong">{problem ?? ''}</p>
    </div>
  );
}

function StartedList({ started }: { started: Started[] }) {
  if (started.length === 0) return null;
  return (
    <section class="card">
      <h2>{words.train.started}</h2>
      {started.map((each) => (
        <details key={each.number} open={each.number === started[0]!.number}>
          <summary>
            <code>{each.command}</code> <span class={each.ended === null ? 'right' : each.ended === 0 ? 'soft' : 'wrong'}>
              {each.ended === null ? words.train.runsAs(each.pid) : words.train.endedWith(each.ended)}</span>
          </summary>
          <pre class="printed" tabIndex={0} role="region" aria-label={words.train.printed}>{each.printed || (each.ended === null ? words.train.nothingPrinted : words.train.nothingKept)}</pre>
          <p class="soft small"><bdi>{each.log}</bdi></p>
        </details>
      ))}
    </section>
  );
}

/** Runs that can be stopped or gone on with. */
function Unfinished() {
  const { data } = useGet<RunList>('/api/runs', {}, ['runs', 'trainings']);
  const runs = (data?.runs ?? []).filter((run) => run.status !== 'done' && run.kind === 'training' && run.problems.length === 0).slice(0, 20);
  if (runs.length === 0) return null;
  return (
    <section class="card">
      <h2>{words.train.unfinished}</h2>
      <ul class="unfinished">
        {runs.map((run) => (
          <li key={run.folder} class="row">
            <a href={address('runs', [run.folder])}><bdi>{run.name}</bdi></a>
            <Status run={run} /> <span class="soft small">{run.message}</span>
            <RunActions run={run} />
          </li>
        ))}
      </ul>
    </section>
  );
}

export function TrainView() {
  const about = useAbout();
  const form = useGet<{ flags: Flag[] }>('/api/train/form');
  const networks = useGet<BatchForms>('/api/batch-options');
  const started = useGet<{ started: Started[] }>('/api/train/started', {}, ['trainings', 'runs']);
  const [suggested] = useState(takeSettings);
  const [folder, setFolder] = useState(suggested.folder ?? kept.folder ?? about.folders[0]?.id);
  const [values, setValues] = useState<FlagValues>(() => withSuggested(kept.values, suggested));
  const [problem, setProblem] = useState('');
  const [isStarting, setStarting] = useState(false);
  Object.assign(kept, { folder, values });
  const wanted = useMemo(() => ({ folder, flags: values }), [folder, values]);
  const command = useGet<{ command?: string; problem?: string }>(
    folder === undefined ? undefined : '/api/train/command', { wanted: JSON.stringify(wanted) }, [], true);
  const start = async () => {
    setProblem('');
    setStarting(true);
    try {
      await post('/api/train', wanted);
      started.reload();
    } catch (error) {
      setProblem(textOf(error));
    }
    setStarting(false);
  };
  if (about.folders.length === 0) {
    return <><h1>{words.train.title}</h1><section class="card"><p>{words.train.noFolder}</p></section><Unfinished /></>;
  }
  const isReady = command.data?.command !== undefined && !isStarting && !about.read_only;
  return (
    <>
      <h1>{words.train.title}</h1>
      {form.problem && <p class="wrong" role="status">{form.problem.message}</p>}
      <div class="train-parts">
        <section class="card" aria-label={words.train.settings}>
          <FlagForm flags={form.data?.flags ?? []} values={values} suggestions={{ '--arch': networks.data?.architectures ?? [] }} onValues={setValues}>
            <label>{words.train.folder}{' '}
              <select value={folder} onChange={(event) => setFolder(event.currentTarget.value)}>
                {about.folders.map(({ id, path }) => <option key={id} value={id}>{path}</option>)}
              </select></label>
          </FlagForm>
        </section>
        <section class="card start">
          <CommandLine command={command.data?.command} problem={problem || command.problem?.message || command.data?.problem} />
          <p class="row">
            <button type="button" class="primary" disabled={!isReady} onClick={() => void start()}>{words.train.start}</button>
            <button type="button" onClick={() => setValues({})} disabled={Object.keys(values).length === 0}>{words.train.reset}</button>
          </p>
          <p class="soft small">{about.read_only ? words.readOnlyHelp : words.train.outlives}</p>
        </section>
      </div>
      <StartedList started={started.data?.started ?? []} />
      <Unfinished />
    </>
  );
}
