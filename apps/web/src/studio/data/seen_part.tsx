// What the network sees of an image: as in validation, and under draws of training, while sliders of the transforms move.
import { useEffect, useRef, useState } from 'preact/hooks';
import { type OptionField, OptionInput } from '../../parts/option_form';
import { get, textOf, useGet } from '../api';
import { useKeys } from '../keys';
import { address, go, type Place } from '../place';
import { flagOf, flagValue, suggestSettings } from '../train_settings';
import { words } from '../words';
import { type BatchForms, dataFlags, dataPath, dataQuery, type Draws, type ImagePage, type Source } from './data_api';

const text = words.data.seeing;

/** Values of nested options by their path, "augment.max_rotate"; only those that are not their defaults. */
export type Paths = Record<string, unknown>;

/** {"augment": {"max_rotate": 5}} */
export function nested(paths: Paths): Paths {
  const result: Paths = {};
  for (const [path, value] of Object.entries(paths)) {
    const parts = path.split('.');
    let at: Paths = result;
    for (const part of parts.slice(0, -1)) at = (at[part] ??= {}) as Paths;
    at[parts[parts.length - 1]!] = value;
  }
  return result;
}

/** What is shown once, and asked for again with what was wanted last when that has come: a slider asks sixty times a second. */
function useLatest<T>(path: string | undefined, query: Record<string, string | number | undefined>): { data?: T; problem?: string } {
  const wanted = useRef({ path, query });
  wanted.current = { path, query };
  const isBusy = useRef(false);
  const [got, setGot] = useState<{ data?: T; problem?: string }>({});
  const key = JSON.stringify([path, query]);
  const isShown = useRef(true);
  useEffect(() => {
    isShown.current = true;
    return () => { isShown.current = false; };
  }, []);
  useEffect(() => {
    const load = async () => {
      const { path: now, query: asked } = wanted.current;
      if (isBusy.current || now === undefined) return;
      isBusy.current = true;
      try {
        const data = await get<T>(now, asked);
        if (isShown.current) setGot({ data });
      } catch (error) {
        if (isShown.current) setGot((before) => ({ ...before, problem: textOf(error) }));
      }
      isBusy.current = false;
      if (isShown.current && JSON.stringify([wanted.current.path, wanted.current.query]) !== JSON.stringify([now, asked])) void load();
    };
    void load();
  }, [key]);
  return got;
}

/** Where a table's range is too wide to be a slider's. */
const kSliders: Record<string, [number, number]> = {
  'augment.min_zoom': [0.5, 2], 'augment.max_zoom': [0.5, 3], 'augment.min_ratio': [0.5, 1], 'augment.max_ratio': [1, 2],
  'augment.size': [32, 512], 'resize.size': [32, 1024], 'resize.resize_min_ratio': [0.5, 1], 'resize.resize_max_ratio': [1, 2],
  'augment.erase.max_count': [1, 10],
};

function sliderOf(path: string, field: OptionField) {
  if (field.kind !== 'real' && field.kind !== 'integer') return undefined;
  const [low, high] = kSliders[path] ?? [field.low, field.high];
  if (low === undefined || high === undefined || high - low > 1000) return undefined;
  return { low, high, step: field.kind === 'integer' ? 1 : Number(((high - low) / 200).toPrecision(1)) };
}

function Fields({ fields, prefix, values, onValues }: {
  fields: OptionField[]; prefix: string; values: Paths; onValues: (values: Paths) => void;
}) {
  return (
    <>
      {fields.filter((field) => field.kind !== 'options').map((field) => {
        const path = prefix + field.name;
        return (
          <OptionInput key={path} field={field} value={values[path]} slider={sliderOf(path, field)} onValue={(value) => {
            const next = { ...values };
            if (value === undefined || value === field.default) delete next[path];
            else next[path] = value;
            onValues(next);
          }} />
        );
      })}
    </>
  );
}

const fieldsOf = (fields: OptionField[], ...path: string[]): OptionField[] =>
  path.reduce((at, name) => at.find((field) => field.name === name)?.fields ?? [], fields);

/** The paths of all options of the transforms, at any depth. */
const pathsOf = (fields: OptionField[], prefix = ''): string[] =>
  fields.flatMap((field) => (field.fields ? pathsOf(field.fields, `${prefix}${field.name}.`) : [prefix + field.name]));

export function SeenPart({ source, place, values, onValues }: {
  source: Source; place: Place; values: Paths; onValues: (values: Paths) => void;
}) {
  const forms = useGet<BatchForms>('/api/batch-options');
  const [seed, setSeed] = useState(42);
  const [isTaken, setTaken] = useState(false);
  const image = place.query.get('image') ?? undefined;
  const [order, setOrder] = useState(0);
  // Without one in the address: images of the folder, one after the other in a random order.
  const some = useGet<ImagePage>(image === undefined ? dataPath(source, 'images') : undefined,
    { ...dataQuery(source), order: 'random', at: order, count: 1 }, [], true);
  const id = image ?? some.data?.images[0]?.id;
  const draws = useLatest<Draws>(id === undefined ? undefined : dataPath(source, 'draws'),
    { image: id, seed, draws: 8, transforms: JSON.stringify(nested(values)) });
  useEffect(() => setTaken(false), [values]);

  const another = () => {
    setOrder((some.data ? order + 1 : order) % Math.max(1, some.data?.total ?? 1));
    if (image !== undefined) go(address('data', [source.folder, 'seen'], { options: source.options }), 'replace');
  };
  const newSeed = () => setSeed(Math.floor(Math.random() * 1_000_000));
  useKeys(words.data.seen, [
    { keys: ['n'], text: text.another, run: another },
    { keys: ['r'], text: text.newSeed, run: newSeed },
  ]);
  const fields = forms.data?.transforms ?? [];
  const group = (title: string, prefix: string, path: string[], isOpen: boolean) => {
    const own = fieldsOf(fields, ...path);
    return own.length > 0 && (
      <details class="card" open={isOpen}>
        <summary>{title}</summary>
        <div class="option-form"><Fields fields={own} prefix={prefix} values={values} onValues={onValues} /></div>
      </details>
    );
  };
  const flags = Object.entries(values).map(([path, value]) => `${flagOf(path)} ${String(value)}`).join(' ');
  return (
    <div class="seen-part">
      <div class="shown">
        <p>{text.about}</p>
        <div class="row">
          <button type="button" title="n" onClick={another}>{text.another}</button>
          <label>{text.seed} <input type="number" min={0} step={1} value={seed} onChange={(event) => setSeed(Math.max(0, Math.round(Number(event.currentTarget.value) || 0)))} /></label>
          <button type="button" title="r" onClick={newSeed}>{text.newSeed}</button>
        </div>
        {draws.problem && <p class="wrong" role="alert">{draws.problem}</p>}
        {!draws.problem && !id && !some.isLoading && <p>{some.problem?.message ?? text.none}</p>}
        {draws.data && (
          <figure>
            <ul class="draws">
              {draws.data.images.map((each, i) => (
                <li key={i}>
                  <img src={each.source} alt="" />
                  <span class="soft small">{i === 0 ? text.asValid : text.draw(i)}</span>
                </li>
              ))}
            </ul>
            <figcaption class="soft small"><bdi>{id}</bdi>: {text.caption(draws.data.seed, draws.data.size)}</figcaption>
          </figure>
        )}
      </div>
      <div class="controls">
        <div class="row">
          <button type="button" disabled={Object.keys(values).length === 0} onClick={() => onValues({})}>{text.reset}</button>
          <button type="button" onClick={() => {
            const all = pathsOf(fields).filter((path) => /^(augment|resize)\./.test(path));
            suggestSettings({ folder: source.folder, flags: {
              ...dataFlags(source), ...Object.fromEntries(all.map((path) => [flagOf(path), flagValue(values[path])])),
            } });
            setTaken(true);
          }}>{text.take}</button>
          <span role="status" class="right small">{isTaken && text.taken}</span>
        </div>
        {flags && <p class="small"><span class="soft">{text.command}</span> <code>{flags}</code></p>}
        {forms.problem && <p class="wrong">{forms.problem.message}</p>}
        {group(text.augment, 'augment.', ['augment'], true)}
        {group(text.resize, 'resize.', ['resize'], false)}
        {group(text.erase, 'augment.erase.', ['augment', 'erase'], false)}
        {group(text.policy, 'augment.policy.', ['augment', 'policy'], false)}
      </div>
    </div>
  );
}
