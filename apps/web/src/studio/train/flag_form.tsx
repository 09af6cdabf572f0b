// The flags of a command as a form: those that most users need, and all others under their headings.
import type { ComponentChildren } from 'preact';
import { useId, useState } from 'preact/hooks';
import { optionTitle } from '../../parts/option_form';
import '../../parts/option_form.css';
import { Marked } from '../marked';
import { words } from '../words';

export interface Flag {
  name: string;
  /** With its range. */
  help: string;
  heading: string;
  kind: 'switch' | 'number' | 'text' | 'path' | 'choice';
  default: string;
  choices: string[];
  is_everyday: boolean;
}

/** By flag; those that are not there have their defaults. */
export type FlagValues = Record<string, string | boolean>;

const titleOf = (flag: Flag) => optionTitle(flag.name.replace(/^--/, '').replaceAll('-', '_'));

function FlagInput({ flag, value, suggestions = [], onValue }: {
  flag: Flag; value: string | boolean | undefined; suggestions?: string[] | undefined; onValue: (value: string | boolean | undefined) => void;
}) {
  const id = useId();
  const common = { id, 'aria-describedby': `${id}-help` };
  const text = typeof value === 'string' ? value : '';
  return (
    <div class={`option ${value !== undefined ? 'changed' : ''}`}>
      <label for={id}>{titleOf(flag)}</label>
      {flag.kind === 'switch' && (
        <select {...common} value={value === undefined ? '' : String(value)}
          onChange={(event) => onValue(event.currentTarget.value === '' ? undefined : event.currentTarget.value === 'true')}>
          <option value="">{words.train.byDefault}</option>
          <option value="true">{words.train.on}</option>
          <option value="false">{words.train.off}</option>
        </select>
      )}
      {flag.kind === 'choice' && (
        <select {...common} value={text} onChange={(event) => onValue(event.currentTarget.value || undefined)}>
          <option value="">{flag.default || words.train.byDefault}</option>
          {flag.choices.filter((choice) => choice !== flag.default).map((choice) => <option key={choice} value={choice}>{choice}</option>)}
        </select>
      )}
      {(flag.kind === 'number' || flag.kind === 'text' || flag.kind === 'path') && (
        <input type="text" {...common} inputMode={flag.kind === 'number' ? 'decimal' : 'text'} value={text} placeholder={flag.default}
          spellcheck={false} autocomplete="off" {...(suggestions.length > 0 && { list: `${id}-list` })} onInput={(event) => onValue(event.currentTarget.value || undefined)} />
      )}
      {suggestions.length > 0 && <datalist id={`${id}-list`}>{suggestions.map((each) => <option key={each} value={each} />)}</datalist>}
      <span id={`${id}-help`} class="help soft small"><Marked text={flag.help} /></span>
    </div>
  );
}

/** suggestions: values by the name of a flag, to choose from while one types. children: what stands before the filter. */
export function FlagForm({ flags, values, suggestions, onValues, children }: {
  flags: Flag[]; values: FlagValues; suggestions: Record<string, string[]>; onValues: (values: FlagValues) => void; children: ComponentChildren;
}) {
  const [filter, setFilter] = useState('');
  const set = (name: string, value: string | boolean | undefined) => {
    const next = { ...values };
    if (value === undefined) delete next[name];
    else next[name] = value;
    onValues(next);
  };
  const wanted = filter.trim().toLowerCase();
  const fits = (flag: Flag) => !wanted || `${flag.name} ${flag.help}`.toLowerCase().includes(wanted);
  const others = flags.filter((flag) => !flag.is_everyday);
  const headings = [...new Set(others.map((flag) => flag.heading))];
  const form = (some: Flag[]) => (
    <div class="option-form">
      {some.map((flag) => <FlagInput key={flag.name} flag={flag} value={values[flag.name]} suggestions={suggestions[flag.name]}
        onValue={(value) => set(flag.name, value)} />)}
    </div>
  );
  const changed = others.filter((flag) => values[flag.name] !== undefined).length;
  return (
    <>
      <div class="row">
        {children}
        <input type="search" placeholder={words.train.filter} aria-label={words.train.filter} value={filter}
          onInput={(event) => setFilter(event.currentTarget.value)} />
      </div>
      {form(flags.filter((flag) => flag.is_everyday && fits(flag)))}
      <details open={wanted !== ''}>
        <summary>{words.train.more(others.length, changed)}</summary>
        {headings.map((heading) => {
          const some = others.filter((flag) => flag.heading === heading && fits(flag));
          return some.length > 0 && <section key={heading}><h3>{heading}</h3>{form(some)}</section>;
        })}
      </details>
    </>
  );
}
