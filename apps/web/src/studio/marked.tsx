// `These` words of a message as code.
import type { ComponentChildren } from 'preact';

export function Marked({ text }: { text: string }) {
  const parts = text.split('`').map((part, i): ComponentChildren => (i % 2 === 1 ? <code key={i}>{part}</code> : part));
  return <>{parts}</>;
}
