// The list of keys that "?" shows.
import { useEffect, useRef } from 'preact/hooks';
import { keySections } from './keys';
import { words } from './words';

const kNames: Record<string, string> = { ArrowUp: '↑', ArrowDown: '↓', ArrowLeft: '←', ArrowRight: '→', ' ': words.keys.space };

export function KeyHelp({ onClose }: { onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} class="key-help" aria-labelledby="key-help-title" onClose={onClose}>
      <h2 id="key-help-title">{words.keys.title}</h2>
      {keySections().filter((section) => section.keys.length > 0).map((section) => (
        <section key={section.title}>
          <h3>{section.title}</h3>
          <dl>
            {section.keys.map((key) => (
              <div key={key.text}>
                <dt>{key.keys.map((each, i) => (
                  <>{i > 0 && ', '}{each.split(' ').map((one) => <kbd key={one}>{kNames[one || ' '] ?? one}</kbd>)}</>
                ))}</dt>
                <dd>{key.text}</dd>
              </div>
            ))}
          </dl>
        </section>
      ))}
      <form method="dialog"><button>{words.close}</button></form>
    </dialog>
  );
}
