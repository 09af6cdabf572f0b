// What a check of the data found: run here in the background, or read from a file.
import { useEffect, useState } from 'preact/hooks';
import { count, counted } from '../../parts/numbers';
import { OptionForm, type OptionValues } from '../../parts/option_form';
import { onChange, post, send, textOf, useGet } from '../api';
import { useAbout } from '../app';
import { Marked } from '../marked';
import { address } from '../place';
import { words } from '../words';
import { type Check, type DataForms, dataPath, dataQuery, type FolderState, type Source } from './data_api';

const text = words.data;

function Kinds({ check, source }: { check: Check; source: Source }) {
  return (
    <ul class="kinds" aria-label={text.checking.kinds}>
      {check.kinds!.map((kind) => (
        <li key={kind.name} class="card">
          <h2>{kind.title} <span class="soft">{count(kind.count)}</span></h2>
          <p class={`small ${kind.severity === 'harm' ? 'wrong' : 'soft'}`}>
            {kind.severity === 'harm' ? text.checking.harm : text.checking.note}
          </p>
          <p class="small"><Marked text={kind.remedy} /></p>
          {kind.images > 0 && (
            <a href={address('data', [source.folder, 'images'], { options: source.options, finding: kind.name })}>
              {text.checking.show(counted(kind.images, 'image'))}
            </a>
          )}
        </li>
      ))}
    </ul>
  );
}

function Result({ check, source }: { check: Check; source: Source }) {
  if (!check.kinds) return null;
  return (
    <>
      {check.origin !== 'check' && <p class="soft small">{text.checking.origin(check.origin)}</p>}
      {check.is_of_this_data === false && <p class="unsure">{text.checking.old}</p>}
      {check.kinds.length === 0 ? <p class="right">{text.checking.nothing}</p> : <Kinds check={check} source={source} />}
      {(check.others?.length ?? 0) > 0 && (
        <details class="card">
          <summary>{text.checking.others} ({count(check.others!.length)})</summary>
          <ul>
            {check.others!.map((finding, i) => (
              <li key={i}><b>{finding.title}</b> {finding.classes.length > 0 && <bdi>{finding.classes.join(', ')}</bdi>} {finding.text}</li>
            ))}
          </ul>
        </details>
      )}
    </>
  );
}

/** A bar of how far the work is; without a total only that it goes on. */
export function WorkBar({ done, total, children }: { done: number; total: number; children: string }) {
  return (
    <div class="work row" role="status">
      {total > 0
        ? <progress value={done} max={total} aria-label={children} />
        : <progress aria-label={children} />}
      <span>{children}</span>
    </div>
  );
}

export function CheckPart({ source, state }: { source: Source; state: FolderState }) {
  const { check } = state;
  const { read_only: isReadOnly } = useAbout();
  const forms = useGet<DataForms>('/api/data-options');
  const [values, setValues] = useState<OptionValues>({});
  const [problem, setProblem] = useState('');
  const attempt = async (work: () => Promise<unknown>) => {
    setProblem('');
    try {
      const said = (await work()) as { warnings?: string[] } | undefined;
      setProblem(said?.warnings?.join(' ') ?? '');
    } catch (error) {
      setProblem(textOf(error));
    }
  };
  const isRunning = check.state === 'running';
  const [progress, setProgress] = useState({ done: 0, total: 0 });
  useEffect(() => setProgress(check), [check]);
  useEffect(() => onChange('check', (data) => {
    const now = data as { folder: string; done: number; total: number } | undefined;
    if (now?.folder === source.folder) setProgress(now);
  }), [source.folder]);
  return (
    <>
      <div class="card">
        <p>{text.checking.about}</p>
        {isReadOnly && <p class="soft">{text.checking.readOnly}</p>}
        <div class="row">
          {isRunning
            ? <button type="button" onClick={() => void attempt(() => send('DELETE', dataPath(source, 'check'), undefined, dataQuery(source)))}>{text.checking.stop}</button>
            : <button type="button" class="primary" disabled={isReadOnly}
                      onClick={() => void attempt(() => post(dataPath(source, 'check'), values, dataQuery(source)))}>
                {check.kinds ? text.checking.again : text.checking.start}
              </button>}
          <label>
            <input type="checkbox" checked={values['near_duplicates'] === true} disabled={isRunning || isReadOnly}
                   onChange={(event) => setValues({ ...values, near_duplicates: event.currentTarget.checked })} />{' '}
            {text.checking.near}
          </label>
        </div>
        {isRunning && <WorkBar done={progress.done} total={progress.total}>{text.checking.running(count(progress.done), count(progress.total))}</WorkBar>}
        {check.state === 'failed' && <p class="wrong" role="alert">{check.problem}</p>}
        {check.state === 'stopped' && <p class="unsure">{text.checking.stopped}</p>}
        {problem && <p class="wrong" role="alert">{problem}</p>}
        {forms.data && (
          <details>
            <summary>{text.checking.more}</summary>
            <OptionForm fields={forms.data.check.filter(({ name }) => name !== 'near_duplicates' && name !== 'threads')} values={values}
                        onValues={setValues} disabled={isRunning || isReadOnly} />
          </details>
        )}
        {!isReadOnly && (
          <p class="row">
            <label class="file-button">
              <input type="file" accept=".json,.csv" class="visually-hidden" onChange={(event) => {
                const file = event.currentTarget.files?.[0];
                event.currentTarget.value = '';
                if (file) void attempt(() => post(dataPath(source, 'findings'), file, { ...dataQuery(source), name: file.name }));
              }} />
              <span>{text.checking.file}</span>
            </label>
            <span class="soft small">{text.checking.fileHelp}</span>
          </p>
        )}
      </div>
      <Result check={check} source={source} />
    </>
  );
}
