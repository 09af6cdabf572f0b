// The first batch of an epoch, and how an image becomes a part of it.
import { useState } from 'preact/hooks';
import { number } from '../../parts/numbers';
import { useGet } from '../api';
import { words } from '../words';
import { address } from '../place';
import { type Batch, dataPath, dataQuery, type Source, type Summary, type TensorFacts } from './data_api';
import { nested, type Paths } from './seen_part';

const text = words.data.batching;

const values = (list: number[] | undefined) => list?.map((value) => number(value)).join(', ');

function Tensor({ name, facts }: { name: string; facts: TensorFacts }) {
  return (
    <tr>
      <th scope="row">{name}</th>
      <td>{facts.type} [{facts.shape.join(', ')}]</td>
      <td>{values(facts.mean) ?? '–'}</td>
      <td>{values(facts.std) ?? '–'}</td>
      <td>{facts.low === undefined ? '–' : `${number(facts.low)} … ${number(facts.high ?? NaN)}`}</td>
    </tr>
  );
}

function Steps({ summary }: { summary: Summary }) {
  return (
    <div class="card">
      <h2>{text.summary}</h2>
      <div class="scroll" tabIndex={0} role="region" aria-label={text.summary}>
        <table>
          <thead><tr><th scope="col">{text.stage}</th><th scope="col">{text.before}</th><th scope="col">{text.after}</th><th scope="col">{text.details}</th></tr></thead>
          <tbody>
            {summary.steps.map((step, i) => (
              <tr key={i}><th scope="row">{step.stage}</th><td>{step.before}</td><td>{step.after}</td><td class="wide">{step.details}</td></tr>
            ))}
          </tbody>
        </table>
      </div>
      {summary.failure && (
        <div class="wrong" role="alert">
          <p><b>{text.failed(summary.failure.stage)}:</b> {summary.failure.problem}</p>
          <p class="small"><bdi>{summary.failure.file}</bdi> {summary.failure.input && `${text.input}: ${summary.failure.input}`}</p>
          <p>{text.remedy}: {summary.failure.remedy}</p>
        </div>
      )}
      {summary.warnings.length > 0 && <ul class="unsure">{summary.warnings.map((warning) => <li key={warning}>{warning}</li>)}</ul>}
    </div>
  );
}

export function BatchPart({ source, transforms }: { source: Source; transforms: Paths }) {
  const [epoch, setEpoch] = useState(0);
  const [size, setSize] = useState(16);
  const batch = JSON.stringify({ transforms: nested(transforms), loader: { batch_size: size } });
  const shown = useGet<Batch>(dataPath(source, 'batch'), { ...dataQuery(source), batch, epoch }, [], true);
  const summary = useGet<Summary>(dataPath(source, 'summary'), { ...dataQuery(source), batch }, [], true);
  return (
    <>
      <div class="card">
        <p>{text.about}</p>
        <div class="row">
          <label>{text.size}{' '}
            <select value={size} onChange={(event) => setSize(Number(event.currentTarget.value))}>
              {[4, 9, 16, 32, 64].map((each) => <option key={each} value={each}>{each}</option>)}
            </select>
          </label>
          <button type="button" onClick={() => setEpoch(epoch + 1)}>{text.another}</button>
          <span class="soft small" role="status">{shown.isLoading ? words.loading : text.epoch(shown.data?.epoch ?? epoch)}</span>
        </div>
        {shown.problem && <p class="wrong" role="alert">{shown.problem.message}</p>}
        {shown.data && (
          <>
            <ul class="draws" aria-label={text.images}>
              {shown.data.images.map((each, i) => (
                <li key={i}>
                  <a href={address('data', [source.folder, 'images'], { options: source.options, image: each.id })}>
                    <img src={each.source} alt={each.id ?? ''} />
                  </a>
                  <bdi class="small">{each.caption}</bdi>
                </li>
              ))}
            </ul>
            {shown.data.skipped.length > 0 && (
              <div class="unsure"><p>{text.skipped}:</p><ul>{shown.data.skipped.map((each) => <li key={each}>{each}</li>)}</ul></div>
            )}
            <div class="scroll" tabIndex={0} role="region" aria-label={text.tensor}>
              <table>
                <caption class="visually-hidden">{text.tensor}</caption>
                <thead><tr><td /><th scope="col">{text.tensor}</th><th scope="col">{text.mean}</th><th scope="col">{text.std}</th><th scope="col">{text.range}</th></tr></thead>
                <tbody>
                  <Tensor name={text.pixels} facts={shown.data.pixels} />
                  <Tensor name={text.targets} facts={shown.data.targets} />
                </tbody>
              </table>
            </div>
          </>
        )}
      </div>
      {summary.data && <Steps summary={summary.data} />}
      {summary.problem && <p class="wrong">{summary.problem.message}</p>}
    </>
  );
}
