// Fields for options, made from what the studio tells of their tables: help, range, choices and default are those of the
// program's flags.
import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';
import './option_form.css';

/** One option, as the studio describes it. */
export interface OptionField {
  name: string;
  help: string;
  kind: 'switch' | 'integer' | 'real' | 'text' | 'path' | 'choice' | 'list' | 'options';
  default?: unknown;
  low?: number;
  high?: number;
  names?: string[];
  is_optional?: boolean;
  element?: string;
  fields?: OptionField[];
}

/** Values by option; those that are not there have their defaults. */
export type OptionValues = Record<string, unknown>;

interface FieldProps {
  field: OptionField;
  value: unknown;
  /** undefined: the default. */
  onValue: (value: unknown) => void;
  disabled?: boolean;
  /** Numbers get a slider between these, where the table's range is too wide for one. */
  slider?: { low: number; high: number; step: number } | undefined;
}

const shown = (value: unknown) => (value === null || value === undefined ? '' : Array.isArray(value) ? value.join(', ') : String(value));

/** "max_rotate" as "max rotate" */
export const optionTitle = (name: string) => name.replaceAll('_', ' ');

function parsed(field: OptionField, text: string): unknown {
  if (text.trim() === '') return undefined;
  if (field.kind === 'integer' || field.kind === 'real') return Number.isFinite(Number(text)) ? Number(text) : text;
  if (field.kind !== 'list') return text;
  const parts = text.split(',').map((part) => part.trim()).filter(Boolean);
  return field.element === 'integer' || field.element === 'real' ? parts.map(Number) : parts;
}

function Control({ field, value, onValue, disabled, slider, id, helpId }: FieldProps & { id: string; helpId: string }) {
  const common = { id, disabled: disabled ?? false, 'aria-describedby': helpId };
  const now = value === undefined ? field.default : value;
  if (field.kind === 'switch') {
    return <input type="checkbox" {...common} checked={now === true} onChange={(event) => onValue(event.currentTarget.checked)} />;
  }
  if (field.kind === 'choice') {
    return (
      <select {...common} value={shown(now)} onChange={(event) => onValue(event.currentTarget.value || undefined)}>
        {field.is_optional && <option value="" />}
        {field.names?.map((name) => <option key={name} value={name}>{name}</option>)}
      </select>
    );
  }
  const isNumber = field.kind === 'integer' || field.kind === 'real';
  const bounds = { ...(field.low !== undefined && { min: field.low }), ...(field.high !== undefined && { max: field.high }) };
  if (isNumber && slider) {
    return (
      <span class="slider">
        <input type="range" {...common} min={slider.low} max={slider.high} step={slider.step} value={Number(now)}
               onInput={(event) => onValue(Number(event.currentTarget.value))} />
        <input type="number" step="any" aria-label={optionTitle(field.name)} aria-describedby={helpId} disabled={disabled ?? false}
               {...bounds} value={shown(now)} onChange={(event) => onValue(parsed(field, event.currentTarget.value))} />
      </span>
    );
  }
  const entry = {
    ...common, value: shown(value), placeholder: shown(field.default),
    onChange: (event: { currentTarget: HTMLInputElement }) => onValue(parsed(field, event.currentTarget.value)),
  };
  return isNumber
    ? <input type="number" {...entry} {...bounds} step={field.kind === 'integer' ? 1 : 'any'} />
    : <input type="text" {...entry} spellcheck={false} autocomplete="off" />;
}

/** One option with its name and its help. `undefined` as its value is its default. */
export function OptionInput(props: FieldProps) {
  const id = useId();
  const helpId = `${id}-help`;
  const isChanged = props.value !== undefined && props.value !== props.field.default;
  return (
    <div class={`option ${isChanged ? 'changed' : ''} ${props.field.kind}`}>
      <label for={id}>{optionTitle(props.field.name)}</label>
      <Control {...props} id={id} helpId={helpId} />
      <span id={helpId} class="help soft small">{props.field.help}</span>
    </div>
  );
}

/** The fields of a table, one below the other. `only`: those, in this order. */
export function OptionForm({ fields, values, onValues, only, disabled, children }: {
  fields: OptionField[]; values: OptionValues; onValues: (values: OptionValues) => void; only?: string[] | undefined;
  disabled?: boolean; children?: ComponentChildren;
}) {
  const chosen = only ? only.flatMap((name) => fields.filter((field) => field.name === name)) : fields;
  const set = (name: string, value: unknown) => {
    const next = { ...values };
    if (value === undefined) delete next[name];
    else next[name] = value;
    onValues(next);
  };
  return (
    <div class="option-form">
      {chosen.filter((field) => field.kind !== 'options').map((field) => (
        <OptionInput key={field.name} field={field} value={values[field.name]} disabled={disabled ?? false}
                     onValue={(value) => set(field.name, value)} />
      ))}
      {children}
    </div>
  );
}
