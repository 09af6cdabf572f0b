// What one view suggests for the next training: a rate that was found, transforms that were tried out. The form of the view
// Train begins with it. It is kept until then, for as long as the browser's tab is open.

export interface TrainSettings {
  /** A served folder's id. */
  folder?: string;
  /** By flag of `margay train`, "--base-lr"; null: its default again. */
  flags: Record<string, string | boolean | null>;
}

const kKey = 'margay-train-settings';

function kept(): TrainSettings {
  try {
    return JSON.parse(sessionStorage.getItem(kKey) ?? '{"flags":{}}') as TrainSettings;
  } catch {
    return { flags: {} }; // not allowed to keep anything
  }
}

/** Adds to what was suggested; a later value of a flag wins. */
export function suggestSettings(settings: TrainSettings): void {
  const before = kept();
  try {
    sessionStorage.setItem(kKey, JSON.stringify({ ...before, ...settings, flags: { ...before.flags, ...settings.flags } }));
  } catch {
    // not allowed to keep anything: the form begins with its defaults
  }
}

/** What was suggested since the last time; for the form, which then holds it. */
export function takeSettings(): TrainSettings {
  const settings = kept();
  try {
    sessionStorage.removeItem(kKey);
  } catch {
    // there is nothing
  }
  return settings;
}

/** The flag of an option by its path, "augment.max_rotate": the words of its name, but for one whose name is short. */
export const flagOf = (path: string) =>
  path === 'resize.size' ? '--resize' : `--${path.slice(path.lastIndexOf('.') + 1).replaceAll('_', '-')}`;

/** An option's value as a form of flags holds it. */
export const flagValue = (value: unknown): string | boolean | null =>
  value === undefined || value === null ? null : typeof value === 'boolean' ? value : Array.isArray(value) ? value.join(',') : String(value);
