// The view Data: a folder's images, what is known of them, and what a network will see of them.
import { useState } from 'preact/hooks';
import { counted } from '../../parts/numbers';
import { get, useGet } from '../api';
import { useAbout } from '../app';
import { HowRead } from '../how_read';
import { FolderChange } from '../folder_view';
import { useKeys } from '../keys';
import { address, go, type Place } from '../place';
import { words } from '../words';
import { BatchPart } from './batch_part';
import { CheckPart } from './check_part';
import { ClassesPart } from './classes_part';
import { type Dataset, dataPath, dataQuery, type FolderState, type Source } from './data_api';
import { ImagesPart } from './images_part';
import { RatePart } from './rate_part';
import { type Paths, SeenPart } from './seen_part';
import './data.css';

const text = words.data;
const kParts = ['images', 'classes', 'check', 'seen', 'batch', 'rate'] as const;
type Part = typeof kParts[number];

function Remarks({ state, onRead }: { state: FolderState; onRead: () => void }) {
  const { dataset } = state;
  if (!dataset) return null;
  return (
    <>
      <FolderChange change={dataset.change} path={state.path} onRead={onRead} />
      {state.state === 'failed' && <p class="wrong" role="alert">{state.problem}</p>}
      {state.not_kept && <p class="unsure small">{text.notKept(state.not_kept)}</p>}
      {dataset.split_problem && <p class="unsure">{dataset.split_problem}</p>}
      {dataset.warnings.length > 0 && (
        <details class="small">
          <summary>{text.warnings(dataset.warnings.length)}</summary>
          <ul>{dataset.warnings.map((warning) => <li key={warning}>{warning}</li>)}</ul>
        </details>
      )}
    </>
  );
}

function PartPage({ part, source, state, place, transforms, onTransforms }: {
  part: Part; source: Source; state: FolderState & { dataset: Dataset }; place: Place; transforms: Paths;
  onTransforms: (transforms: Paths) => void;
}) {
  switch (part) {
    case 'classes': return <ClassesPart source={source} dataset={state.dataset} />;
    case 'check': return <CheckPart source={source} state={state} />;
    case 'seen': return <SeenPart source={source} place={place} values={transforms} onValues={onTransforms} />;
    case 'batch': return <BatchPart source={source} transforms={transforms} />;
    case 'rate': return <RatePart source={source} transforms={transforms} />;
    default: return <ImagesPart source={source} state={state} place={place} />;
  }
}

function Folder({ source, part, place }: { source: Source; part: Part; place: Place }) {
  const [transforms, setTransforms] = useState<Paths>({});
  const got = useGet<FolderState>(dataPath(source), dataQuery(source), ['data'], true);
  const state = got.data;
  const dataset = state?.dataset;
  const readAgain = () => {
    get(dataPath(source, 'read'), { ...dataQuery(source), after: state?.revision ?? 0 }).then(got.reload, got.reload);
  };
  return (
    <>
      <HowRead key={`${source.folder} ${source.options}`} options={source.options}
               onRead={(options) => go(address('data', [source.folder, part], { options }))} />
      {dataset && (
        <p class="soft small summary">
          {text.summary(counted(dataset.images, 'image'), counted(dataset.classes.length, 'class', 'classes'), dataset.train.toLocaleString('en-US'),
            dataset.valid.toLocaleString('en-US'))}
          {state.state === 'running' && ` – ${text.opening}`}
        </p>
      )}
      {state && <Remarks state={state} onRead={readAgain} />}
      {got.problem && <p class="wrong" role="alert">{got.problem.message}</p>}
      {!dataset && state?.state === 'failed' && (
        <p class="row wrong" role="alert">{state.problem} <button type="button" onClick={readAgain}>{words.again}</button></p>
      )}
      {!dataset && !got.problem && state?.state !== 'failed' && <p role="status">{text.opening}</p>}
      {dataset && (
        <PartPage part={part} source={source} state={{ ...state, dataset }} place={place} transforms={transforms} onTransforms={setTransforms} />
      )}
    </>
  );
}

export function DataView({ place }: { place: Place }) {
  const { folders } = useAbout();
  const [wanted, wantedPart] = place.rest;
  const folder = wanted ?? folders[0]?.id;
  const part = kParts.find((each) => each === wantedPart) ?? 'images';
  const options = place.query.get('options') ?? '';
  const to = (id: string, of: Part) => address('data', [id, of], { options: id === folder ? options : '' });
  const step = (by: number) => folder !== undefined && go(to(folder, kParts[(kParts.indexOf(part) + by + kParts.length) % kParts.length]!));
  useKeys(text.title, [{ keys: [']'], text: text.keys.tab, run: () => step(1) }, { keys: ['['], text: text.keys.tab, run: () => step(-1) }]);
  if (folder === undefined) return <><h1>{text.title}</h1><p>{text.none}</p></>;
  const source = { folder, options, path: folders.find(({ id }) => id === folder)?.path ?? folder };
  return (
    <div class={`data-view ${part}`}>
      <div class="row data-head">
        <h1 class={folders.length > 1 ? 'visually-hidden' : ''}>{folder}</h1>
        {folders.length > 1 && (
          <label>{text.folder}{' '}
            <select value={folder} onChange={(event) => go(to(event.currentTarget.value, part))}>
              {folders.map(({ id, path }) => <option key={id} value={id} title={path}>{id}</option>)}
            </select>
          </label>
        )}
        <nav aria-label={text.parts}>
          {kParts.map((each) => (
            <a key={each} href={to(folder, each)} aria-current={each === part ? 'page' : undefined}>{text[each]}</a>
          ))}
        </nav>
      </div>
      <Folder key={`${folder} ${options}`} source={source} part={part} place={place} />
    </div>
  );
}
