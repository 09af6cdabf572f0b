// Where in the studio the page is: "#/runs/compare?of=a&of=b" is the view `runs`, the rest ["compare"], and a query.
import { useEffect, useState } from 'preact/hooks';

export interface Place {
  view: string;
  rest: string[];
  query: URLSearchParams;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // typed by hand
  }
}

export function placeOf(hash: string): Place {
  const [path = '', query = ''] = hash.replace(/^#?\/?/, '').split('?', 2);
  const [view = '', ...rest] = path.split('/').map(decoded);
  return { view, rest: rest.filter((part) => part !== ''), query: new URLSearchParams(query) };
}

type Query = Record<string, string | string[] | undefined>;

/** The address of a place, for <a href> and go(). Empty values of the query are left out. */
export function address(view: string, rest: string[] = [], query: Query = {}): string {
  const written = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const each of Array.isArray(value) ? value : [value]) if (each) written.append(name, each);
  }
  const path = [view, ...rest].map(encodeURIComponent).join('/');
  return `#/${path}${written.size > 0 ? `?${written}` : ''}`;
}

/** 'replace' leaves no step in the browser's history, as for what is typed into a filter. */
export function go(to: string, how: 'push' | 'replace' = 'push'): void {
  if (how === 'push') location.hash = to;
  else {
    history.replaceState(null, '', to);
    dispatchEvent(new HashChangeEvent('hashchange'));
  }
}

export function usePlace(): Place {
  const [place, setPlace] = useState(() => placeOf(location.hash));
  useEffect(() => {
    let at = '';
    const follow = () => {
      if (location.hash !== at) setPlace(placeOf(location.hash));
      at = location.hash;
    };
    addEventListener('hashchange', follow);
    follow(); // it may have gone on before this was listened to
    return () => removeEventListener('hashchange', follow);
  }, []);
  return place;
}
