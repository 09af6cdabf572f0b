// Decisions that are not saved yet, as a file that `margay clean DATA --apply-file` takes.
import type { Waiting } from './outbox';

const kHeader = 'image,action,label,other';

/** A value, whose "%" stands for a byte by two hexadecimal digits as in image ids, between commas. */
const cell = (text: string) => (/[",\n\r;%]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
const literal = (text: string) => cell(text.replaceAll('%', '%25'));

/** UTF-8, but for names that are none. */
function decoded(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new TextEncoder().encode(text);
  const result: number[] = [];
  for (let i = 0; i < bytes.length; ++i) {
    const isEscape = bytes[i] === 0x25;
    result.push(isEscape ? parseInt(String.fromCharCode(bytes[i + 1]!, bytes[i + 2]!), 16) : bytes[i]!);
    if (isEscape) i += 2;
  }
  return new Uint8Array(result);
}

/** Without those that are taken back by what waits behind them: by the last undoing of the same person. */
export function decisionTable(items: readonly Waiting[]): Uint8Array<ArrayBuffer> {
  const rows: { who: string; text: string }[] = [];
  for (const { kind, who, body } of items) {
    if (kind === 'undo') {
      const last = rows.findLastIndex((row) => row.who === who);
      if (last >= 0) rows.splice(last, 1);
    }
    if (kind !== 'decide') continue;
    const labels = ((body['labels'] as string[] | undefined) ?? []).join(';');
    for (const other of (body['others'] as string[] | undefined) ?? ['']) {
      const text = [cell(String(body['image_id'] ?? '')), literal(String(body['kind'] ?? '')), literal(labels), cell(other)].join(',');
      rows.push({ who, text });
    }
  }
  return decoded([kHeader, ...rows.map(({ text }) => text), ''].join('\n'));
}
