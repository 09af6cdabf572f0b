// One image after the other, large, with what speaks for and against its label.
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { below, get } from '../api';
import { useKeys } from '../keys';
import { words } from '../words';
import { percent } from '../../parts/numbers';
import { thumbnailUrl } from '../../parts/thumbnail';
import { ClassField } from './class_field';
import { type Choice, type Decided, type Entry, type Made, keyedLabels } from './review';
import { useEntries } from './use_entries';
import type { Review } from './use_review';

const kAhead = 12;
const labelsText = (labels: string[]) => labels.join('; ') || words.clean.noLabel;

function Picture({ folder, id, name, labels, isDeleted }: {
  folder: string; id: string; name: string; labels: string[]; isDeleted?: boolean;
}) {
  const [isMissing, setMissing] = useState(false);
  useEffect(() => setMissing(false), [id]);
  return (
    <figure class={`picture ${isDeleted ? 'deleted' : ''}`}>
      {isMissing ? <span class="soft">{words.clean.unreadable}</span>
        : <img src={thumbnailUrl(folder, id, 1024)} alt={words.clean.imageOf(name, labelsText(labels))} onError={() => setMissing(true)} />}
      <figcaption><bdi>{labelsText(labels)}</bdi>{isDeleted && ` · ${words.clean.deleted}`} <bdi class="soft small">{name}</bdi></figcaption>
    </figure>
  );
}

function kindTitle(entry: Entry): string {
  return entry.title || words.clean.kinds[entry.kind] || words.clean.anyImage;
}

function Facts({ entry }: { entry: Entry }) {
  return (
    <>
      <h2>{kindTitle(entry)}{entry.validates && <span class="badge unsure"> {words.clean.validates}</span>}</h2>
      {entry.text && <p>{entry.text}</p>}
      <dl class="facts">
        <div><dt>{words.clean.given}</dt><dd><bdi>{labelsText(entry.given)}</bdi></dd></div>
        {entry.suggestion.length > 0 && (
          <div><dt>{words.clean.suggested}</dt><dd><bdi>{labelsText(entry.suggestion)}</bdi></dd></div>
        )}
        {entry.kind !== '' && entry.kind !== 'random_sample' && <div><dt>{words.clean.probability}</dt><dd>{percent(entry.probability)}</dd></div>}
        {Object.entries(entry.evidence).map(([name, value]) => (
          <div key={name}><dt>{words.clean.evidence(name)}</dt><dd>{Number(value.toPrecision(3))}</dd></div>
        ))}
        {entry.decision && (
          <div><dt>{words.clean.decided}</dt>
            <dd>{words.clean.decidedBy(words.clean.choices[entry.decision.kind as Choice] ?? entry.decision.kind,
              labelsText(entry.decision.after), entry.decision.who)}</dd></div>
        )}
      </dl>
    </>
  );
}

interface ActionsProps {
  entry: Entry;
  review: Review;
  made: Made | undefined;
  isRelabelling: boolean;
  onMade: (made: Made) => void;
  onRelabel: (open: boolean) => void;
}

function Actions({ entry, review, made, isRelabelling, onMade, onRelabel }: ActionsProps) {
  const { classes, is_multi_label: isMulti, is_read_only: isReadOnly } = review.state;
  const keyed = keyedLabels(entry, classes);
  const button = (choice: Choice, key: string, labels?: string[]) => (
    <button type="button" disabled={isReadOnly} aria-pressed={made?.choice === choice} aria-keyshortcuts={key}
            onClick={() => onMade({ choice, ...(labels && { labels }) })}>
      {words.clean.choices[choice]} <kbd aria-hidden="true">{key}</kbd>
    </button>
  );
  return (
    <div class="actions">
      <div class="row" role="group" aria-label={words.clean.decide}>
        {button('keep', 'o')}
        {entry.suggestion.length > 0 && (
          <button type="button" disabled={isReadOnly} aria-keyshortcuts="a" onClick={() => onMade({ choice: 'relabel', labels: entry.suggestion })}>
            {words.clean.accept(labelsText(entry.suggestion))} <kbd aria-hidden="true">a</kbd></button>
        )}
        <button type="button" disabled={isReadOnly} aria-expanded={isRelabelling} aria-keyshortcuts="r" onClick={() => onRelabel(!isRelabelling)}>
          {words.clean.choices.relabel} <kbd aria-hidden="true">r</kbd></button>
        {button('delete', 'd')}
        {entry.others.length > 0 && button('not_duplicate', 'n')}
        {button('skip', 's')}
        <button type="button" disabled={isReadOnly} aria-keyshortcuts="u" onClick={review.undo}>{words.clean.undo} <kbd aria-hidden="true">u</kbd></button>
      </div>
      {isRelabelling && (
        <ClassField classes={classes} suggestion={entry.suggestion} takesSeveral={isMulti} onCancel={() => onRelabel(false)}
                    onChoose={(labels, isNew) => { onRelabel(false); onMade({ choice: 'relabel', labels, ...(isNew && { newClass: true }) }); }} />
      )}
      {keyed.length > 0 && !isMulti && (
        <ol class="keyed" aria-label={words.clean.byKeys}>
          {keyed.map(({ label, share }, i) => (
            <li key={label}>
              <button type="button" disabled={isReadOnly} aria-keyshortcuts={String(i + 1)} onClick={() => onMade({ choice: 'relabel', labels: [label] })}>
                <kbd aria-hidden="true">{i + 1}</kbd> <bdi>{label}</bdi>
                {share !== undefined && <span class="soft"> {percent(share)}</span>}
              </button>
            </li>
          ))}
        </ol>
      )}
    </div>
  );
}

interface Chosen {
  made: Made;
  /** How many decisions the journal had then: when it has more, what the studio says counts. */
  decisions: number;
}

export function OneByOne({ folder, review }: { folder: string; review: Review }) {
  const { state } = review;
  const changes = String(state.journal.decisions);
  const entries = useEntries(review.path, { kind: '', label: '', wanted: 'pending' }, state.version, changes, review.undone);
  const [at, setAt] = useState(0);
  const [isRelabelling, setRelabelling] = useState(false);
  const [made, setMade] = useState(new Map<number, Chosen>());
  const [sample, setSample] = useState<Entry | null>();
  const { ids, entry: entryAt, need } = entries;
  const isInSample = at >= ids.length && !entries.isLoading;

  useEffect(() => { setAt(0); setMade(new Map()); }, [state.version]);
  useEffect(() => need(Math.max(0, at - 2), at + kAhead), [at, need]);
  useEffect(() => {
    if (!isInSample) return;
    get<{ entry: Entry | null }>(below(review.path, 'sample')).then((got) => setSample(got.entry), () => setSample(undefined));
  }, [isInSample, review.path, changes]);
  // What was taken back is shown again.
  const shownAgain = useRef<Decided>(undefined);
  useEffect(() => {
    const { undone } = review;
    const i = undone && undone !== shownAgain.current ? ids.indexOf(undone.entry ?? NaN) : -1;
    if (i < 0) return;
    shownAgain.current = undone;
    setAt(i);
    setMade((before) => { const now = new Map(before); now.delete(ids[i]!); return now; });
  }, [review.undone, ids]);
  // The next images are there when they are wanted.
  useEffect(() => {
    for (let i = at + 1; i < at + 4; ++i) {
      const next = entryAt(i);
      if (next) new Image().src = thumbnailUrl(folder, next.image_id, 1024);
    }
  });

  const entry = isInSample ? (sample ?? undefined) : entryAt(at);
  const isOpen = (i: number) => {
    const one = entryAt(i);
    return !made.has(ids[i]!) && !(one && (one.is_answered || one.was_skipped));
  };
  const nextOpen = useCallback((from: number) => {
    for (let i = from; i < ids.length; ++i) if (isOpen(i)) return i;
    return ids.length;
  }, [ids, made, changes]);
  const choose = (what: Made) => {
    if (!entry || state.is_read_only) return;
    review.decide([{ entry, made: what }]);
    if (isInSample) return setSample(undefined);
    setMade((before) => new Map(before).set(entry.id, { made: what, decisions: state.journal.decisions }));
    setAt(nextOpen(at + 1));
  };
  const keyed = entry ? keyedLabels(entry, state.classes) : [];
  const move = (by: number) => { setRelabelling(false); setAt(Math.max(0, Math.min(ids.length, at + by))); };
  useKeys(words.clean.tabs.one, [
    { keys: ['j', 'ArrowRight'], text: words.clean.next, run: () => move(1) },
    { keys: ['k', 'ArrowLeft'], text: words.clean.previous, run: () => move(-1) },
    { keys: ['o'], text: words.clean.choices.keep, run: () => choose({ choice: 'keep' }) },
    { keys: ['a'], text: words.clean.acceptSuggestion, run: () => { if (entry?.suggestion.length) choose({ choice: 'relabel', labels: entry.suggestion }); } },
    { keys: ['r', '/'], text: words.clean.choices.relabel, run: () => setRelabelling(entry !== undefined && !state.is_read_only) },
    ...Array.from({ length: 9 }, (_, i) => ({
      keys: [String(i + 1)], text: words.clean.relabelTo(i + 1),
      run: () => { const one = keyed[i]; if (one && !state.is_multi_label) choose({ choice: 'relabel', labels: [one.label] }); },
    })),
    { keys: ['d'], text: words.clean.choices.delete, run: () => choose({ choice: 'delete' }) },
    { keys: ['n'], text: words.clean.choices.not_duplicate, run: () => { if (entry?.others.length) choose({ choice: 'not_duplicate' }); } },
    { keys: ['s'], text: words.clean.choices.skip, run: () => choose({ choice: 'skip' }) },
    { keys: ['u'], text: words.clean.undo, run: () => { if (!state.is_read_only) review.undo(); } },
  ]);

  if (entries.problem) return <p role="alert" class="wrong">{entries.problem}</p>;
  if (!entry) {
    if (entries.isLoading || at < ids.length || sample === undefined) return <p role="status">{words.loading}</p>;
    return <p role="status" class="card">{ids.length === 0 && state.search.time === '' ? words.clean.nothingFound : words.clean.nothingLeft}</p>;
  }
  const own = made.get(entry.id)?.made;
  return (
    <section class="card one" aria-label={words.clean.tabs.one}>
      <div class="pictures">
        <Picture folder={folder} id={entry.image_id} name={entry.name} labels={entry.labels} />
        {entry.others.map((other) => (
          <Picture key={other.image_id} folder={folder} id={other.image_id} name={other.name} labels={other.labels} isDeleted={other.is_deleted} />
        ))}
      </div>
      <div class="facts-and-actions">
        <p class="soft small" aria-live="polite">
          {isInSample ? words.clean.inSample : words.clean.place(at + 1, ids.length)}{own && ` · ${words.clean.chosen(words.clean.choices[own.choice])}`}
        </p>
        <Facts entry={entry} />
        <Actions entry={entry} review={review} made={own} isRelabelling={isRelabelling} onMade={choose} onRelabel={setRelabelling} />
        <div class="row">
          <button type="button" onClick={() => move(-1)} disabled={at === 0}>{words.clean.previous} <kbd aria-hidden="true">k</kbd></button>
          <button type="button" onClick={() => move(1)} disabled={at >= ids.length}>{words.clean.next} <kbd aria-hidden="true">j</kbd></button>
        </div>
      </div>
    </section>
  );
}
