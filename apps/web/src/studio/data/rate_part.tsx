// The search for a learning rate before a training: start it, watch it, take one of its suggestions.
import { useState } from 'preact/hooks';
import { OptionForm, type OptionField, type OptionValues } from '../../parts/option_form';
import { post, send, textOf, useGet } from '../api';
import { useAbout } from '../app';
import { flagOf, flagValue, suggestSettings } from '../train_settings';
import { words } from '../words';
import { WorkBar } from './check_part';
import { type BatchForms, dataFlags, dataPath, dataQuery, type LrSearch, type Source, type Suggestion } from './data_api';
import { LrCurve, rateText } from './lr_curve';
import { nested, type Paths } from './seen_part';

const text = words.data.rating;

function Suggestions({ search, source, arch, transforms }: { search: LrSearch; source: Source; arch: string; transforms: Paths }) {
  const [taken, setTaken] = useState<Suggestion>();
  const suggestions = search.suggestions ?? [];
  const take = (suggestion: Suggestion) => {
    suggestSettings({ folder: source.folder, flags: {
      ...dataFlags(source), ...Object.fromEntries(Object.entries(transforms).map(([path, value]) => [flagOf(path), flagValue(value)])),
      '--arch': arch, '--base-lr': String(Number(suggestion.lr.toPrecision(3))),
    } });
    setTaken(suggestion);
  };
  return (
    <div class="card">
      {search.folder !== source.folder && <p class="unsure">{text.old(search.folder)}</p>}
      <LrCurve lrs={search.lrs!} losses={search.losses!} suggestions={suggestions} onTake={take} />
      {suggestions.length === 0 && <p>{text.none}</p>}
      {suggestions.length > 0 && (
        <div class="scroll" tabIndex={0} role="region" aria-label={text.suggestions}>
          <table>
            <caption class="visually-hidden">{text.suggestions}</caption>
            <thead><tr><th scope="col">{text.rule}</th><th scope="col">{text.rate}</th><th scope="col">{text.what}</th><td /></tr></thead>
            <tbody>
              {suggestions.map((each, i) => (
                <tr key={each.name}>
                  <th scope="row"><span class={`key series-${(i % 4) + 1}`}>{each.name}</span></th>
                  <td>{rateText(each.lr)}</td><td class="wide">{each.rule}</td>
                  <td><button type="button" aria-pressed={taken === each} onClick={() => take(each)}>{text.use}</button></td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      <p role="status" class="right">{taken && text.taken(rateText(taken.lr))}</p>
    </div>
  );
}

export function RatePart({ source, transforms }: { source: Source; transforms: Paths }) {
  const { read_only: isReadOnly } = useAbout();
  const forms = useGet<BatchForms>('/api/batch-options');
  const search = useGet<LrSearch>('/api/lr-find', {}, ['lr-find'], true);
  const [arch, setArch] = useState('resnet18');
  const [sweep, setSweep] = useState<OptionValues>({});
  const [more, setMore] = useState<OptionValues>({});
  const [problem, setProblem] = useState('');
  const attempt = async (work: () => Promise<unknown>) => {
    setProblem('');
    try {
      await work();
      search.reload();
    } catch (error) {
      setProblem(textOf(error));
    }
  };
  const begin = () => attempt(() => post(dataPath(source, 'lr-find'), {
    arch, sweep, unfrozen: more['unfrozen'] === true,
    batch: { transforms: nested(transforms), ...(more['batch_size'] !== undefined && { loader: { batch_size: more['batch_size'] } }) },
    ...(more['weights'] !== undefined && { vision_learner: { weights: more['weights'] } }),
  }, dataQuery(source)));
  const { data } = search;
  const isRunning = data?.state === 'running';
  const fields = forms.data?.lr_find ?? [];
  const find = (name: string, from: OptionField[] = fields): OptionField[] => from.filter((field) => field.name === name);
  const inner = (...path: string[]): OptionField[] =>
    path.slice(1).reduce((at, name) => find(name, at[0]?.fields ?? []), find(path[0]!));
  return (
    <>
      <div class="card">
        <p>{text.about}</p>
        {isReadOnly && <p class="soft">{text.readOnly}</p>}
        <div class="row">
          <label>{text.network}{' '}
            <select value={arch} disabled={isRunning} onChange={(event) => setArch(event.currentTarget.value)}>
              {(forms.data?.architectures ?? [arch]).map((name) => <option key={name} value={name}>{name}</option>)}
            </select>
          </label>
          {isRunning
            ? <button type="button" onClick={() => void attempt(() => send('DELETE', '/api/lr-find'))}>{text.stop}</button>
            : <button type="button" class="primary" disabled={isReadOnly} onClick={() => void begin()}>{text.start}</button>}
        </div>
        {data && isRunning && (
          <>
            {data.folder !== source.folder && <p>{text.elsewhere(data.folder)}</p>}
            <WorkBar done={data.done} total={data.total}>{text.running(data.done, data.total)}</WorkBar>
          </>
        )}
        {data?.state === 'failed' && <p class="wrong" role="alert">{data.problem}</p>}
        {data?.state === 'stopped' && <p class="unsure">{text.stopped}</p>}
        {problem && <p class="wrong" role="alert">{problem}</p>}
        {(data?.says.length ?? 0) > 0 && <ul class="soft small">{data!.says.map((sentence) => <li key={sentence}>{sentence}</li>)}</ul>}
        <details>
          <summary>{text.sweep}</summary>
          <OptionForm fields={inner('sweep')[0]?.fields ?? []} values={sweep} onValues={setSweep} disabled={isRunning} />
          <OptionForm fields={[...find('unfrozen'), ...inner('batch', 'loader', 'batch_size'), ...inner('vision_learner', 'weights')]}
                      values={more} onValues={setMore} disabled={isRunning} />
        </details>
      </div>
      {data?.lrs && <Suggestions search={data} source={source} arch={data.arch ?? arch} transforms={transforms} />}
    </>
  );
}
