// A field for a class: some letters find it, Enter takes it. A name that is no class becomes one only after a question.
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { words } from '../words';

const fold = (text: string) => text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();

function holdsInOrder(name: string, letters: string): boolean {
  let at = 0;
  for (const letter of letters) {
    at = name.indexOf(letter, at);
    if (at < 0) return false;
    at += letter.length;
  }
  return true;
}

/** 0 for the best match; undefined for none. */
function rank(name: string, typed: string): number | undefined {
  if (name === typed) return 0;
  if (name.startsWith(typed)) return 1;
  if (name.split(/[\s_\-./]+/).some((word) => word.startsWith(typed))) return 2;
  if (name.includes(typed)) return 3;
  return holdsInOrder(name, typed) ? 4 : undefined;
}

/** The classes that fit what is typed, the best first; those in `first` lead where nothing is typed. */
export function matches(classes: string[], typed: string, first: string[] = []): string[] {
  const letters = fold(typed.trim());
  if (letters === '') return [...first, ...classes.filter((each) => !first.includes(each))];
  return classes
    .map((label) => ({ label, rank: rank(fold(label), letters) }))
    .filter((each): each is { label: string; rank: number } => each.rank !== undefined)
    .sort((a, b) => a.rank - b.rank)
    .map(({ label }) => label);
}

interface Props {
  classes: string[];
  suggestion?: string[];
  takesSeveral?: boolean;
  /** Takes what was chosen; isNew: one of the labels is no class yet, which was confirmed. */
  onChoose: (labels: string[], isNew: boolean) => void;
  onCancel: () => void;
}

const kShown = 8;

export function ClassField({ classes, suggestion = [], takesSeveral = false, onChoose, onCancel }: Props) {
  const id = useId();
  const field = useRef<HTMLInputElement>(null);
  const [typed, setTyped] = useState('');
  const [chosen, setChosen] = useState<string[]>([]);
  const [at, setAt] = useState(0);
  const [asks, setAsks] = useState(false);
  useEffect(() => field.current?.focus(), []);
  const found = matches(classes.filter((label) => !chosen.includes(label)), typed, suggestion).slice(0, kShown);
  const name = typed.trim();
  const isNew = name !== '' && !classes.includes(name);
  const isAnyNew = chosen.some((label) => !classes.includes(label));

  const take = (label: string) => {
    if (!takesSeveral) return onChoose([label], !classes.includes(label));
    setChosen([...chosen, label]);
    setTyped('');
    setAt(0);
    setAsks(false);
    field.current?.focus();
  };
  const press = (event: KeyboardEvent) => {
    if (event.isComposing) return;
    if (event.key === 'Escape') onCancel();
    else if (event.key === 'ArrowDown') setAt(Math.min(at + 1, found.length - 1));
    else if (event.key === 'ArrowUp') setAt(Math.max(0, at - 1));
    else if (event.key === 'Backspace' && typed === '' && chosen.length > 0) setChosen(chosen.slice(0, -1));
    else if (event.key === 'Enter') {
      const label = found[at];
      if (takesSeveral && name === '' && chosen.length > 0) onChoose(chosen, isAnyNew);
      else if (label !== undefined) take(label);
      else if (isNew) setAsks(true);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div class="class-field" onKeyDown={press}>
      <label for={id}>{words.clean.newLabel}</label>
      {chosen.map((label) => <bdi key={label} class="chip">{label}</bdi>)}
      <input id={id} ref={field} type="text" role="combobox" aria-expanded={found.length > 0}
             {...(found.length > 0 && { 'aria-controls': `${id}-list` })} aria-autocomplete="list" autocomplete="off" spellcheck={false} value={typed}
             {...(found[at] !== undefined && { 'aria-activedescendant': `${id}-${at}` })}
             onInput={(event) => { setTyped(event.currentTarget.value); setAt(0); setAsks(false); }} />
      {found.length > 0 && (
        <ul id={`${id}-list`} role="listbox" aria-label={words.clean.classes}>
          {found.map((label, i) => (
            <li key={label} id={`${id}-${i}`} role="option" aria-selected={i === at} onClick={() => take(label)}><bdi>{label}</bdi></li>
          ))}
        </ul>
      )}
      {isNew && !asks && found.length > 0 && (
        <button type="button" class="plain" onClick={() => setAsks(true)}>{words.clean.makeClass(name)}</button>
      )}
      {isNew && (asks || found.length === 0) && (
        <p class="unsure">
          {words.clean.noClass(name)}{' '}
          <button type="button" onClick={() => take(name)}>{words.clean.makeClass(name)}</button>
        </p>
      )}
      <button type="button" onClick={onCancel}>{words.cancel}</button>
    </div>
  );
}
