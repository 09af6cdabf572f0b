// Label: a first dataset from nothing. Classes are made, images dropped or recorded into them, and unlabelled ones labelled in
// the order of a probe's uncertainty, whose error falls meanwhile.
import { useEffect, useMemo, useReducer, useState } from 'preact/hooks';
import { useAbout } from '../app';
import { post, textOf, useConnection, useGet } from '../api';
import { ClassField } from '../clean/class_field';
import { Outbox } from '../clean/outbox';
import { useFolderState, useWho } from '../clean/use_review';
import { FolderView } from '../folder_view';
import { useKeys } from '../keys';
import { type Place } from '../place';
import { words } from '../words';
import { LineChart } from '../../parts/line_chart';
import { percent, withInterval } from '../../parts/numbers';
import { thumbnailUrl } from '../../parts/thumbnail';
import { Camera } from './camera';
import type { LabellingState, NextImages, TakenBack, ToLabel } from './labelling';
import { Uploads } from './uploads';
import './label.css';

function ClassDrop({ label, images, onFiles, isOff }: {
  label: string; images: number; onFiles: (files: FileList, label: string) => void; isOff: boolean;
}) {
  const [isOver, setOver] = useState(false);
  return (
    <li>
      <label class={`class-drop ${isOver ? 'over' : ''}`}
             onDragOver={(event) => { event.preventDefault(); setOver(true); }} onDragLeave={() => setOver(false)}
             onDrop={(event) => {
               event.preventDefault();
               setOver(false);
               if (event.dataTransfer && !isOff) onFiles(event.dataTransfer.files, label);
             }}>
        <input type="file" accept="image/*" multiple class="visually-hidden" disabled={isOff}
               onChange={(event) => { if (event.currentTarget.files) onFiles(event.currentTarget.files, label); event.currentTarget.value = ''; }} />
        <b><bdi>{label}</bdi></b> <span>{words.label.images(images)}</span>
        <span class="small soft">{words.label.drop}</span>
      </label>
    </li>
  );
}

const kMostDrops = 60;

/** All classes; of very many those whose names hold what is typed. */
function ClassDrops({ state, onFiles }: { state: LabellingState; onFiles: (files: FileList, label: string) => void }) {
  const [filter, setFilter] = useState('');
  const wanted = filter.trim().toLocaleLowerCase();
  const found = state.classes.filter(({ label }) => label.toLocaleLowerCase().includes(wanted));
  return (
    <>
      {state.classes.length > kMostDrops && (
        <p class="row">
          <input type="search" placeholder={words.label.findClass} aria-label={words.label.findClass} value={filter}
                 onInput={(event) => setFilter(event.currentTarget.value)} />
          <span class="soft small" role="status">{words.label.classesShown(Math.min(kMostDrops, found.length), state.classes.length)}</span>
        </p>
      )}
      <ul class="class-drops">
        {found.slice(0, kMostDrops).map(({ label, images }) => (
          <ClassDrop key={label} label={label} images={images} onFiles={onFiles} isOff={state.is_read_only} />
        ))}
      </ul>
    </>
  );
}

function NewClass({ path, isOff, onState }: { path: string; isOff: boolean; onState: (state: LabellingState) => void }) {
  const [name, setName] = useState('');
  const [problem, setProblem] = useState('');
  return (
    <form class="row" onSubmit={(event) => {
      event.preventDefault();
      post<LabellingState>(`${path}/class`, { label: name.trim() }).then(
        (state) => { setName(''); setProblem(''); onState(state); }, (error: unknown) => setProblem(textOf(error)));
    }}>
      <label>{words.label.newClass}{' '}
        <input type="text" value={name} required disabled={isOff} maxLength={200} onInput={(event) => setName(event.currentTarget.value)} /></label>
      <button type="submit" disabled={isOff}>{words.label.addClass}</button>
      {problem && <span role="alert" class="wrong">{problem}</span>}
    </form>
  );
}

function ProbeError({ state, onProbe }: { state: LabellingState; onProbe: () => void }) {
  const { curve, probe } = state;
  const last = curve.at(-1);
  const point = (known: number, share: { value: number; low: number; high: number }) =>
    ({ x: known, y: share.value, low: share.low, high: share.high });
  return (
    <section class="card" aria-label={words.label.probe}>
      <h2>{words.label.probe}</h2>
      <p class="soft">{words.label.probeHelp}</p>
      {last?.random_error && <p><b>{words.label.randomError(withInterval(last.random_error, 'percent'), last.random_images)}</b></p>}
      {last?.error && <p>{words.label.error(withInterval(last.error, 'percent'), last.known)}</p>}
      {curve.length > 1 && (
        <LineChart label={words.label.curve} x={{ title: words.label.known, style: 'count', low: 0 }} y={{ title: words.label.errorAxis, style: 'percent', low: 0 }}
          series={[
            { name: words.label.ofAll, mark: 'line', colour: 0, points: curve.flatMap((one) => (one.error ? [point(one.known, one.error)] : [])) },
            { name: words.label.ofRandom, mark: 'line', colour: 1, points: curve.flatMap((one) => (one.random_error ? [point(one.known, one.random_error)] : [])) },
          ]} />
      )}
      <p role="status" class="row">
        {probe.state === 'running'
          ? <><progress aria-label={words.label.probing} {...(probe.total > 0 && { value: probe.done, max: probe.total })} />{words.label.probing}</>
          : <button type="button" disabled={state.is_read_only} onClick={onProbe}>{words.label.probeNow}</button>}
        {probe.problem && <span class="unsure">{probe.problem}</span>}
      </p>
      {state.warnings.map((each) => <p key={each} class="small soft">{each}</p>)}
    </section>
  );
}

function OneToLabel({ folder, image, classes, isOff, onLabel, onSkip }: {
  folder: string; image: ToLabel; classes: string[]; isOff: boolean; onLabel: (label: string) => void; onSkip: () => void;
}) {
  const [isTyping, setTyping] = useState(false);
  const keyed = image.shares.length > 0 ? image.shares : classes.slice(0, 9).map((label): [string, undefined] => [label, undefined]);
  useEffect(() => setTyping(false), [image.image_id]);
  useKeys(words.label.toLabel, [
    ...Array.from({ length: 9 }, (_, i) => ({
      keys: [String(i + 1)], text: words.clean.relabelTo(i + 1),
      run: () => { const one = keyed[i]; if (one && !isOff) onLabel(one[0]); },
    })),
    { keys: ['r', '/'], text: words.label.typeClass, run: () => setTyping(!isOff) },
    { keys: ['j', 's'], text: words.clean.choices.skip, run: onSkip },
  ]);
  return (
    <div class="one-to-label">
      <figure class="picture">
        <img src={thumbnailUrl(folder, image.image_id, 1024)} alt={words.label.imageNamed(image.name)} />
        <figcaption class="small soft"><bdi>{image.name}</bdi>{' · '}
          {image.is_random ? words.label.byChance : words.label.uncertain(percent(image.uncertainty))}</figcaption>
      </figure>
      <div>
        <ol class="keyed" aria-label={words.clean.byKeys}>
          {keyed.map(([label, share], i) => (
            <li key={label}><button type="button" disabled={isOff} aria-keyshortcuts={String(i + 1)} onClick={() => onLabel(label)}>
              <kbd aria-hidden="true">{i + 1}</kbd> <bdi>{label}</bdi>{share !== undefined && <span class="soft"> {percent(share)}</span>}</button></li>
          ))}
        </ol>
        {isTyping
          ? <ClassField classes={classes} onCancel={() => setTyping(false)} onChoose={([label]) => { setTyping(false); if (label) onLabel(label); }} />
          : <div class="row">
              <button type="button" disabled={isOff} aria-keyshortcuts="r" onClick={() => setTyping(true)}>{words.label.typeClass} <kbd aria-hidden="true">r</kbd></button>
              <button type="button" aria-keyshortcuts="s" onClick={onSkip}>{words.clean.choices.skip} <kbd aria-hidden="true">s</kbd></button>
            </div>}
      </div>
    </div>
  );
}

/** undone: what was taken back last. */
function ToLabelNext({ path, state, outbox, who, undone }: {
  path: string; state: LabellingState; outbox: Outbox<LabellingState>; who: string; undone: TakenBack | undefined;
}) {
  const got = useGet<NextImages>(`${path}/next`, { most: 60, source: state.source, waiting: state.waiting, points: state.curve.length }, [], true);
  const [done, setDone] = useState(new Set<string>());
  useEffect(() => setDone(new Set()), [state.source, state.curve.length]);
  // What was taken back, or refused, is to be labelled again.
  const refused = outbox.waiting().filter(({ kind, isRefused }) => kind === 'label' && isRefused).map(({ body }) => String(body['image_id']));
  const comeBack = (ids: string[]) => setDone((before) => new Set([...before].filter((id) => !ids.includes(id))));
  useEffect(() => comeBack(refused), [refused.join('\n')]);
  useEffect(() => comeBack(undone?.waits_as ? [undone.waits_as] : []), [undone]);
  const images = (got.data?.images ?? []).filter(({ image_id: id }) => !done.has(id));
  const image = images[0];
  useEffect(() => {
    for (const next of images.slice(1, 4)) new Image().src = thumbnailUrl(got.data!.folder, next.image_id, 1024);
  });
  const folder = got.data?.folder ?? '';
  const leave = (id: string) => setDone((before) => new Set(before).add(id));
  if (got.problem) return <p role="alert" class="wrong">{got.problem.message}</p>;
  if (!image) return <p role="status">{got.isLoading ? words.loading : words.label.nothingToLabel}</p>;
  return (
    <OneToLabel folder={folder} image={image} classes={state.classes.map(({ label }) => label)} isOff={state.is_read_only}
      onSkip={() => leave(image.image_id)}
      onLabel={(label) => {
        outbox.add('label', who, [{ folder, image_id: image.image_id, label, is_random: image.is_random }]);
        leave(image.image_id);
      }} />
  );
}

function Unsaved({ outbox, uploads }: { outbox: Outbox<LabellingState>; uploads: Uploads }) {
  const labels = outbox.waiting();
  const files = uploads.all();
  const all = [...labels.map((item) => ({ ...item, name: String(item.body['image_id'] ?? ''), dismiss: () => outbox.dismiss(item.id) })),
    ...files.map((item) => ({ ...item, dismiss: () => uploads.dismiss(item.id) }))];
  const waiting = all.filter(({ isRefused }) => !isRefused);
  const problem = waiting.find((item) => item.problem)?.problem;
  return (
    <>
      <p role="status" class={`saving ${problem ? 'wrong' : ''}`}>
        {waiting.length === 0 ? words.label.allSaved : problem ? words.clean.notSaved(waiting.length, problem) : words.clean.saving(waiting.length)}
        {problem && <>{' '}<button type="button" onClick={() => { outbox.wake(); uploads.wake(); }}>{words.again}</button></>}
      </p>
      {all.filter(({ isRefused }) => isRefused).map((item) => (
        <p key={item.id} class="wrong small">{words.clean.refusedOne(item.name, item.problem ?? '')}{' '}
          <button type="button" onClick={item.dismiss}>{words.clean.dismiss}</button></p>
      ))}
    </>
  );
}

function Folder({ folder }: { folder: string }) {
  const { folders } = useAbout();
  const { path, got, state, setNewer } = useFolderState<LabellingState>('label', folder);
  const [problem, setProblem] = useState('');
  const [, redraw] = useReducer((n: number) => n + 1, 0);
  const [undone, setUndone] = useState<TakenBack>();
  const outbox = useMemo(() => new Outbox<LabellingState>(path, setNewer, (what) => setUndone((what as TakenBack | null) ?? undefined)), [path]);
  const uploads = Uploads.to(path);
  useEffect(() => outbox.listen(() => redraw(undefined)), [outbox]);
  useEffect(() => uploads.listen((now) => {
    if (now) setNewer(now);
    redraw(undefined);
  }), [uploads]);
  const connection = useConnection();
  useEffect(() => { if (connection === 'open') { outbox.wake(); uploads.wake(); } }, [connection, outbox, uploads]);
  const [who] = useWho('');
  const undo = () => { if (state && !state.is_read_only) outbox.add('undo', who, [{}]); };
  useKeys(words.label.title, [{ keys: ['u'], text: words.clean.undo, run: undo }]);
  if (!state) {
    return got.problem
      ? <p class="row wrong" role="alert">{got.problem.message} <button type="button" onClick={got.reload}>{words.again}</button></p>
      : <p role="status">{words.loading}</p>;
  }

  const isOff = state.is_read_only;
  const ask = (what: string, body: unknown) => {
    post<LabellingState>(`${path}/${what}`, body).then((now) => { setProblem(''); setNewer(now); }, (error: unknown) => setProblem(textOf(error)));
  };
  const take = (files: FileList, label: string) => uploads.add([...files].map((file) => ({ file, name: file.name })), label);
  return (
    <>
      <Unsaved outbox={outbox} uploads={uploads} />
      {(problem || got.problem) && <p role="alert" class="wrong">{problem || got.problem?.message}</p>}
      <div class="label-parts">
        <section class="card" aria-label={words.label.classes}>
          <h2>{words.label.classes}</h2>
          <p class="soft">{words.label.classesHelp(state.path)}</p>
          <ClassDrops state={state} onFiles={take} />
          <NewClass path={path} isOff={isOff} onState={setNewer} />
          {!isOff && <Camera classes={state.classes.map(({ label }) => label)} onImage={(file, name, label) => uploads.add([{ file, name }], label)} />}
        </section>
        <section class="card" aria-label={words.label.toLabel}>
          <h2>{words.label.toLabel}</h2>
          <div class="row">
            <label>{words.label.source}{' '}
              <select value={state.source} disabled={isOff} onChange={(event) => ask('source', { folder: event.currentTarget.value })}>
                {folders.map(({ id, path: place }) => (
                  <option key={id} value={id}>{id === folder ? words.label.loose(place) : words.label.copied(place)}</option>
                ))}
              </select></label>
            <span>{words.label.waiting(state.waiting)}</span>
            <button type="button" disabled={isOff || state.history.length === 0} aria-keyshortcuts="u" onClick={undo}>{words.clean.undo} <kbd aria-hidden="true">u</kbd></button>
          </div>
          {state.classes.length === 0 ? <p>{words.label.firstClasses}</p> : <ToLabelNext path={path} state={state} outbox={outbox} who={who} undone={undone} />}
        </section>
        <ProbeError state={state} onProbe={() => ask('probe', {})} />
      </div>
      {state.labelled > 0 && <p>{words.label.train} <code>margay train {state.path}</code></p>}
      {state.history.length > 0 && (
        <details class="card"><summary>{words.label.history}</summary>
          <ul class="small">{state.history.map((one) => (
            <li key={one.number}><bdi>{one.name}</bdi>{one.undone && ` (${words.clean.undone})`} <span class="soft">{one.who}</span></li>
          ))}</ul></details>
      )}
    </>
  );
}

export function LabelView({ place }: { place: Place }) {
  return (
    <FolderView view="label" title={words.label.title} none={words.label.noFolder} place={place}>
      {(folder) => <Folder key={folder} folder={folder} />}
    </FolderView>
  );
}
