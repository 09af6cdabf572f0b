// A view of one served folder, the first unless its address names another, with the choice between them.
import type { ComponentChildren } from 'preact';
import { useAbout } from './app';
import { address, go, type Place } from './place';
import { words } from './words';

/** Files have come or gone since the folder was read ("changed", "gone"), and the button that reads it again. */
export function FolderChange({ change, path, onRead, children }: {
  change: string; path: string; onRead: () => void; children?: ComponentChildren;
}) {
  if (!change) return null;
  return (
    <p class="row unsure" role="alert">
      {change === 'gone' ? words.data.gone(path) : words.data.changed}
      <button type="button" onClick={onRead}>{words.data.readAgain}</button>
      {children}
    </p>
  );
}

/** view: its id. none: what is said where no folder is served. children: the view of a folder. */
export function FolderView({ view, title, none, place, children }: {
  view: string; title: string; none: string; place: Place; children: (folder: string) => ComponentChildren;
}) {
  const { folders } = useAbout();
  const wanted = place.rest[0];
  const folder = wanted === undefined ? folders[0] : folders.find(({ id }) => id === wanted);
  return (
    <div class={view}>
      <div class="row">
        <h1>{title}</h1>
        {folders.length > 1 && (
          <label>{words.clean.folder}{' '}
            <select value={folder?.id} onChange={(event) => go(address(view, [event.currentTarget.value]))}>
              {folders.map(({ id, path }) => <option key={id} value={id}>{path}</option>)}
            </select></label>
        )}
      </div>
      {folder ? children(folder.id) : <p>{wanted === undefined ? none : words.clean.unknownFolder(wanted)}</p>}
    </div>
  );
}
