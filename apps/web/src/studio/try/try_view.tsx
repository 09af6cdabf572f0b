// Try: what one or several models say of an image that somebody drops, pastes or takes.
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { get, isAbort, onChange, textOf, useGet } from '../api';
import type { ListedModel } from '../mistakes/mistakes_view';
import { type Place, address, go } from '../place';
import { savedPage, useKept } from '../saved_page';
import { words as all } from '../words';
import { type GivenImage, ImageInputs } from './inputs';
import { ModelCard } from './model_card';
import { type Examples, type ModelFacts, type Tried, findExamples, modelFacts, stopExamples, tryImage } from './server';
import './try.css';

const words = all.try;
const kMostModels = 4;
const kMostImages = 24;

/** What is known of a model, and what it says of the image in hand. */
export interface ModelState {
  facts?: ModelFacts;
  tried?: Tried;
  examples?: Examples;
  isLooking?: boolean;
  problem?: string;
}
type States = Record<string, ModelState>;

/** The models that the address names, at most four; the newest where it names none, which then stays, even if a newer one comes. */
function useChosenModels(place: Place): { list: ListedModel[]; chosen: string[]; problem: string | undefined; isEmpty: boolean } {
  const got = useGet<{ models: ListedModel[] }>('/api/models', {}, ['runs'], true);
  const list = got.data?.models ?? [];
  const named = place.query.getAll('model').slice(0, kMostModels);
  useEffect(() => {
    if (named.length === 0 && list[0]) go(address('try', [], { model: [list[0].id] }), 'replace');
  }, [named.length, list[0]?.id]);
  return { list, chosen: named, problem: got.problem?.message, isEmpty: got.data !== undefined && list.length === 0 };
}

export function TryView({ place }: { place: Place }) {
  const { list, chosen, problem, isEmpty } = useChosenModels(place);
  const [images, setImages] = useState<GivenImage[]>([]);
  const [image, setImage] = useState<GivenImage>();
  const [states, setStates] = useKept<States>('try.states', {});
  const latest = useRef(states);
  const update = (model: string, change: Partial<ModelState>) => {
    latest.current = { ...latest.current, [model]: { ...latest.current[model], ...change } };
    setStates(latest.current);
  };
  const key = chosen.join('\n');
  const load = useModels(chosen, key, update);
  const look = useLook(image, chosen, key, latest, update, load);
  const give = (given: GivenImage[]) => {
    setImages((before) => [...given, ...before].slice(0, kMostImages));
    setImage(given[0]);
  };
  const change = (models: string[]) => go(address('try', [], { model: models }));
  return (
    <>
      <h1>{words.title}</h1>
      <p class="soft">{words.lead}</p>
      {problem && <p class="wrong" role="alert">{problem}</p>}
      {isEmpty && chosen.length === 0 && <p>{words.noModels} <a href={address('train')}>{words.train}</a>.</p>}
      {chosen.length > 0 && (
        <>
          {!savedPage && <ImageInputs onImages={give} isSmall={images.length > 0} />}
          <ImageStrip images={images} shown={image} onShow={setImage} onForget={() => { setImages([]); setImage(undefined); }} />
          <Agreement chosen={chosen} states={states} />
          <div class="try-models">
            {chosen.map((model) => (
              <ModelCard key={model} name={list.find(({ id }) => id === model)?.name ?? model} state={states[model] ?? {}} image={image}
                         onMap={(label) => look(model, label)}
                         onExamples={() => { void findExamples(model).then((examples) => update(model, { examples }), (error: unknown) => update(model, { problem: textOf(error) })); }}
                         onStopExamples={() => { void stopExamples(model).then((examples) => update(model, { examples }), () => undefined); }}
                         onRemove={chosen.length > 1 ? () => change(chosen.filter((each) => each !== model)) : undefined} />
            ))}
          </div>
          <AddModel list={list} chosen={chosen} onAdd={(model) => change([...chosen, model])} />
        </>
      )}
    </>
  );
}

/** Loads the chosen models, so that they are there when an image comes, and follows the features of their training images. */
function useModels(chosen: string[], key: string, update: (model: string, change: Partial<ModelState>) => void) {
  const loadExamples = (models: string[], signal?: AbortSignal) => models.forEach((model) => {
    get<Examples>('/api/try/examples', { model }, signal).then((examples) => update(model, { examples }), () => undefined);
  });
  const load = (models: string[], signal?: AbortSignal) => {
    for (const model of models) {
      update(model, { problem: '' });
      modelFacts(model, signal).then(
        (facts) => update(model, { facts }),
        (error: unknown) => { if (!isAbort(error)) update(model, { problem: textOf(error) }); });
    }
    loadExamples(models, signal);
  };
  useEffect(() => {
    if (savedPage) return undefined;
    const controller = new AbortController();
    load(chosen, controller.signal);
    const end = onChange('examples', (data) => {
      if (data === undefined) return loadExamples(chosen, controller.signal);
      const examples = data as Examples;
      if (chosen.includes(examples.model)) update(examples.model, { examples });
    });
    return () => { controller.abort(); end(); };
  }, [key]);
  return load;
}

/** Shows the image to the models, each at once; a later image wins over an answer that comes late. */
function useLook(image: GivenImage | undefined, chosen: string[], key: string, latest: { current: States },
  update: (model: string, change: Partial<ModelState>) => void, load: (models: string[]) => void) {
  const running = useRef(new Map<string, AbortController>());
  const look = (model: string, label?: string) => {
    if (!image) return;
    running.current.get(model)?.abort();
    const controller = new AbortController();
    running.current.set(model, controller);
    update(model, { isLooking: true, problem: '' });
    tryImage(model, image.bytes, image.name, label, controller.signal).then(
      (tried) => {
        const { facts, ...rest } = latest.current[model] ?? {};
        const isAnother = facts !== undefined && facts.version !== tried.model_version;  // the file was written anew
        if (isAnother) latest.current = { ...latest.current, [model]: rest };
        update(model, { tried, isLooking: false });
        if (isAnother) load([model]);
      },
      (error: unknown) => { if (!isAbort(error)) update(model, { problem: textOf(error), isLooking: false }); });
  };
  useEffect(() => {
    if (savedPage) return undefined;
    for (const model of chosen) {
      if (image) look(model);
      else { const { tried: _, ...rest } = latest.current[model] ?? {}; latest.current = { ...latest.current, [model]: rest }; update(model, {}); }
    }
    return () => { for (const each of running.current.values()) each.abort(); };
  }, [image, key]);
  // When the training images are known, the image is asked about again.
  const ready = chosen.filter((model) => latest.current[model]?.examples?.state === 'ready').join('\n');
  useEffect(() => {
    if (savedPage) return;
    for (const model of ready.split('\n').filter(Boolean)) {
      const { tried } = latest.current[model] ?? {};
      if (tried && !tried.nearest) look(model, tried.map.label);
    }
  }, [ready]);
  return look;
}

function ImageStrip({ images, shown, onShow, onForget }: {
  images: GivenImage[]; shown: GivenImage | undefined; onShow: (image: GivenImage) => void; onForget: () => void;
}) {
  if (images.length < 1) return null;
  return (
    <div class="row try-strip no-print" role="group" aria-label={words.images}>
      {images.map((image, i) => <StripImage key={images.length - i} image={image} isShown={image === shown} onShow={() => onShow(image)} />)}
      <button type="button" class="plain" onClick={onForget}>{words.forget}</button>
    </div>
  );
}

/** The address of a blob for an <img>, let go when another comes. */
export function useBlobAddress(blob: Blob | undefined): string | undefined {
  const address = useMemo(() => blob && URL.createObjectURL(blob), [blob]);
  useEffect(() => () => { if (address) URL.revokeObjectURL(address); }, [address]);
  return address;
}

function StripImage({ image, isShown, onShow }: { image: GivenImage; isShown: boolean; onShow: () => void }) {
  const source = useBlobAddress(image.bytes);
  return (
    <button type="button" aria-pressed={isShown} aria-label={words.showImage(image.name)} title={image.name} onClick={onShow}>
      <img src={source} alt="" />
    </button>
  );
}

/** Whether several models say the same. */
function Agreement({ chosen, states }: { chosen: string[]; states: States }) {
  const said = chosen.flatMap((model) => {
    const tried = states[model]?.tried;
    if (!tried) return [];
    return [tried.labels ? tried.labels.join(', ') || words.noLabels : tried.none_of_these ? all.try.none('').replace(/ \(.*/, '') : tried.predictions[0]?.label ?? ''];
  });
  if (said.length < 2) return null;
  const isSame = said.every((each) => each === said[0]);
  return <p role="status">{isSame ? words.agree : words.disagree} <b>{[...new Set(said)].join(' / ')}</b></p>;
}

function AddModel({ list, chosen, onAdd }: { list: ListedModel[]; chosen: string[]; onAdd: (model: string) => void }) {
  const others = list.filter(({ id }) => !chosen.includes(id));
  if (others.length === 0 || chosen.length >= kMostModels || savedPage) return null;
  return (
    <p class="no-print">
      <select value="" aria-label={words.addModel} onChange={(event) => { if (event.currentTarget.value) onAdd(event.currentTarget.value); }}>
        <option value="">{words.addModel}</option>
        {others.map(({ id, name }) => <option key={id} value={id}>{name}</option>)}
      </select>
    </p>
  );
}
