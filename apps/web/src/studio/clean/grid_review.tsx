// Many images at once: a grid whose images are chosen by mouse and keys, and one decision for all that are chosen.
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { ClassChoice } from '../class_choice';
import { useKeys } from '../keys';
import { words } from '../words';
import { ImageGrid, type GridImage } from '../../parts/image_grid';
import { thumbnailSide, thumbnailUrl } from '../../parts/thumbnail';
import { ClassField } from './class_field';
import type { Choice, Entry, Made } from './review';
import { type Filter, useEntries } from './use_entries';
import type { Review } from './use_review';

const kTilePx = 150;

function toneOf(entry: Entry): GridImage['tone'] {
  if (entry.decision?.kind === 'delete') return 'wrong';
  if (entry.decision?.kind === 'relabel') return 'unsure';
  return entry.is_answered ? 'right' : undefined;
}

function Filters({ review, filter, onChange }: { review: Review; filter: Filter; onChange: (filter: Filter) => void }) {
  const { entries, classes, images } = review.state;
  const found = Object.values(entries).reduce((a, b) => a + b, 0);
  return (
    <div class="row" role="group" aria-label={words.clean.filter}>
      <label>{words.clean.show}{' '}
        <select value={filter.kind} onChange={(event) => onChange({ ...filter, kind: event.currentTarget.value })}>
          <option value="">{words.clean.allFindings(found)}</option>
          {Object.entries(entries).map(([kind, count]) => <option key={kind} value={kind}>{words.clean.kindCount(kind, count)}</option>)}
          <option value="images">{words.clean.allImages(images)}</option>
        </select></label>
      <ClassChoice title={words.clean.label} names={classes} all={words.clean.allLabels} value={filter.label && String(classes.indexOf(filter.label))}
                   onValue={(at) => onChange({ ...filter, label: at && classes[Number(at)]! })} />
      <label>{words.clean.decisions}{' '}
        <select value={filter.wanted} onChange={(event) => onChange({ ...filter, wanted: event.currentTarget.value as Filter['wanted'] })}>
          {(['pending', 'decided', 'all'] as const).map((each) => <option key={each} value={each}>{words.clean.wanted[each]}</option>)}
        </select></label>
    </div>
  );
}

export function GridReview({ folder, review }: { folder: string; review: Review }) {
  const { state } = review;
  const [filter, setFilter] = useState<Filter>({ kind: '', label: '', wanted: 'pending' });
  const changes = String(state.journal.decisions);
  const { ids, entry: entryAt, need, problem, isLoading } = useEntries(review.path, filter, state.version, changes, review.undone);
  const [current, setCurrent] = useState(0);
  const [chosen, setChosen] = useState(new Set<number>());
  const [isRelabelling, setRelabelling] = useState(false);
  const [message, setMessage] = useState('');
  const shown = useRef(new Map<number, { of: Entry; image: GridImage }>());
  useEffect(() => { setChosen(new Set()); setCurrent(0); }, [filter, state.version]);

  const image = useCallback((i: number): GridImage | undefined => {
    const entry = entryAt(i);
    if (!entry) return undefined;
    const kept = shown.current.get(entry.id);
    if (kept?.of === entry) return kept.image;
    const labels = entry.labels.join('; ') || words.clean.noLabel;
    const made: GridImage = {
      source: thumbnailUrl(folder, entry.image_id, thumbnailSide(kTilePx)),
      name: words.clean.imageOf(entry.name, labels),
      caption: <><bdi>{labels}</bdi>{entry.suggestion.length > 0 && <> → <bdi>{entry.suggestion.join('; ')}</bdi></>}</>,
      tone: toneOf(entry),
      badge: entry.decision ? words.clean.choices[entry.decision.kind as Choice] : undefined,
    };
    shown.current.set(entry.id, { of: entry, image: made });
    return made;
  }, [ids, changes, folder, entryAt]);

  const choose = (i: number, how: 'one' | 'toggle' | 'range') => {
    const id = ids[i];
    if (id === undefined) return;
    setChosen((before) => {
      if (how === 'one') return new Set([id]);
      const now = new Set(before);
      if (how === 'toggle') {
        if (!now.delete(id)) now.add(id);
        return now;
      }
      for (let at = Math.min(i, current); at <= Math.max(i, current); ++at) now.add(ids[at]!);
      return now;
    });
  };
  const act = (made: Made) => {
    setRelabelling(false);
    if (state.is_read_only) return;
    const targets = chosen.size > 0 ? [...chosen] : [ids[current]].filter((id): id is number => id !== undefined);
    const places = new Map(ids.map((id, i) => [id, i]));
    const known = targets.map((id) => entryAt(places.get(id) ?? -1)).filter((entry): entry is Entry => entry !== undefined);
    const able = made.choice === 'not_duplicate' ? known.filter(({ others }) => others.length > 0) : known;
    if (known.length < targets.length) need(0, ids.length);  // far away: they come, and the next try has them
    setMessage(able.length < targets.length ? words.clean.notAll(able.length, targets.length) : words.clean.decidedMany(able.length));
    review.decide(able.map((entry) => ({ entry, made })));
    if (able.length === targets.length) setChosen(new Set());
  };
  const chosenCount = chosen.size;
  const actions: { choice: Choice; key: string }[] = [
    { choice: 'keep', key: 'o' }, { choice: 'delete', key: 'd' }, { choice: 'not_duplicate', key: 'n' }, { choice: 'skip', key: 's' },
  ];
  useKeys(words.clean.tabs.grid, [
    ...actions.map(({ choice, key }) => ({ keys: [key], text: words.clean.choices[choice], run: () => act({ choice }) })),
    { keys: ['j'], text: words.clean.next, run: () => setCurrent(Math.min(ids.length - 1, current + 1)) },
    { keys: ['k'], text: words.clean.previous, run: () => setCurrent(Math.max(0, current - 1)) },
    { keys: ['r', '/'], text: words.clean.choices.relabel, run: () => setRelabelling(!state.is_read_only) },
    { keys: ['u'], text: words.clean.undo, run: () => { if (!state.is_read_only) review.undo(); } },
    { keys: ['x'], text: words.clean.chooseAll, run: () => setChosen(new Set(ids)) },
    { keys: ['Escape'], text: words.clean.chooseNone, run: () => { setChosen(new Set()); setRelabelling(false); } },
  ]);
  return (
    <section class="many" aria-label={words.clean.tabs.grid}>
      <Filters review={review} filter={filter} onChange={setFilter} />
      <div class="row actions" role="group" aria-label={words.clean.decide}>
        <span>{words.clean.chosenCount(chosenCount, ids.length)}</span>
        {actions.map(({ choice, key }) => (
          <button type="button" key={choice} disabled={state.is_read_only || ids.length === 0} aria-keyshortcuts={key} onClick={() => act({ choice })}>
            {words.clean.choices[choice]} <kbd aria-hidden="true">{key}</kbd></button>
        ))}
        <button type="button" disabled={state.is_read_only || ids.length === 0} aria-expanded={isRelabelling} aria-keyshortcuts="r"
                onClick={() => setRelabelling(!isRelabelling)}>{words.clean.choices.relabel} <kbd aria-hidden="true">r</kbd></button>
        <button type="button" disabled={state.is_read_only} aria-keyshortcuts="u" onClick={review.undo}>{words.clean.undo} <kbd aria-hidden="true">u</kbd></button>
        <button type="button" onClick={() => setChosen(new Set(ids))}>{words.clean.chooseAll}</button>
      </div>
      {isRelabelling && (
        <ClassField classes={state.classes} takesSeveral={state.is_multi_label} onCancel={() => setRelabelling(false)}
                    onChoose={(labels, isNew) => act({ choice: 'relabel', labels, ...(isNew && { newClass: true }) })} />
      )}
      <p role="status" class="small">{problem || message}</p>
      {ids.length === 0 && !isLoading ? <p class="card">{words.clean.nothingHere}</p> : (
        <ImageGrid label={words.clean.gridLabel} count={ids.length} image={image} onRange={need} current={current} onCurrent={setCurrent}
                   isChosen={(i) => chosen.has(ids[i] ?? NaN)} onChoose={choose} missing={words.clean.unreadable} tilePx={kTilePx} />
      )}
    </section>
  );
}
