// Keys: everything that the mouse does has one. A view declares its keys where it is drawn; "?" lists those that hold now.
import { useEffect, useRef } from 'preact/hooks';

export interface Key {
  /** As KeyboardEvent.key says it: "j", "ArrowDown", "?", "Enter"; two pressed after each other: "g r". */
  keys: string[];
  /** What it does, for the list. */
  text: string;
  run: (event: KeyboardEvent) => void;
  /** Also while something is typed into a field. */
  inFields?: boolean;
}

export interface KeySection {
  title: string;
  keys: Key[];
}

const sections: { current: KeySection }[] = [];
const kPause = 1000; // ms between the two keys of "g r"
let prefix = '';
let prefixTime = 0;

/** The keys that hold now, those of the innermost part last. */
export const keySections = (): KeySection[] => sections.map((each) => each.current);

function isTyping(event: KeyboardEvent): boolean {
  const at = event.target as HTMLElement | null;
  if (!at?.closest) return false;
  if (at.isContentEditable || at.closest('textarea, select')) return true;
  const input = at.closest('input');
  return input !== null && !['checkbox', 'radio', 'range', 'button', 'submit', 'file'].includes(input.type);
}

/** Enter and the space bar belong to the button or link that has the focus. */
function isOfControl(event: KeyboardEvent): boolean {
  const at = event.target as HTMLElement | null;
  return (event.key === 'Enter' || event.key === ' ') && at?.closest?.('button, a, summary, input, [role=button]') != null;
}

function handle(event: KeyboardEvent) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing || isOfControl(event)) return;
  const isInField = isTyping(event);
  const isInDialog = (event.target as HTMLElement | null)?.closest?.('dialog') != null;
  if (isInDialog) return;
  const two = prefix && event.timeStamp - prefixTime < kPause ? `${prefix} ${event.key}` : '';
  const all = sections.flatMap((each) => each.current.keys).filter((key) => key.inFields || !isInField).reverse();
  const found = (two && all.find((key) => key.keys.includes(two))) || all.find((key) => key.keys.includes(event.key));
  prefix = '';
  if (found) {
    event.preventDefault();
    found.run(event);
  } else if (!isInField && all.some((key) => key.keys.some((each) => each.startsWith(`${event.key} `)))) {
    prefix = event.key;
    prefixTime = event.timeStamp;
  }
}

addEventListener('keydown', handle);

/** Declares keys while the component is shown; later declarations win over earlier ones. */
export function useKeys(title: string, keys: Key[]): void {
  const section = useRef<KeySection>({ title, keys });
  section.current = { title, keys };
  useEffect(() => {
    sections.push(section);
    return () => { sections.splice(sections.indexOf(section), 1); };
  }, []);
}
