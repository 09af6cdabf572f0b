// The studio: its views, the way between them, and what all of them show.
import { type ComponentType, createContext } from 'preact';
import { useContext, useEffect, useRef, useState } from 'preact/hooks';
import { beginEvents, endEvents, useConnection, useGet } from './api';
import { CleanView } from './clean/clean_view';
import { DataView } from './data/data_view';
import { KeyHelp } from './key_help';
import { useKeys } from './keys';
import { LabelView } from './label/label_view';
import { address, go, type Place, placeOf, usePlace } from './place';
import { RunsView } from './runs/runs_view';
import { SavePage, SavedPageNote } from './save_page';
import { savedPage } from './saved_page';
import { MistakesView } from './mistakes/mistakes_view';
import { TryView } from './try/try_view';
import { TrainView } from './train/train_view';
import { words } from './words';

/** What the studio serves; the same for as long as it runs. */
export interface About {
  version: string;
  read_only: boolean;
  runs: string;
  folders: { id: string; path: string; is_there: boolean }[];
}

export interface View {
  /** In addresses: "#/runs". */
  id: string;
  title: string;
  /** Pressed after "g" it goes to the view. */
  key: string;
  page: ComponentType<{ place: Place }>;
}

// The views in the order of the navigation; each stands below its name, so that they can be added side by side.
export const views: View[] = [
  // runs
  { id: 'runs', title: words.runs.title, key: 'r', page: RunsView },
  // data
  { id: 'data', title: words.data.title, key: 'd', page: DataView },
  // mistakes
  { id: 'mistakes', title: words.mistakes.title, key: 'm', page: MistakesView },
  // clean
  { id: 'clean', title: words.clean.title, key: 'c', page: CleanView },
  // label
  { id: 'label', title: words.label.title, key: 'l', page: LabelView },
  // try
  { id: 'try', title: words.try.title, key: 'y', page: TryView },
  // train
  { id: 'train', title: words.train.title, key: 't', page: TrainView },
];

const AboutContext = createContext<About | undefined>(undefined);

/** What the studio serves, and whether it may change something. */
export function useAbout(): About {
  const about = useContext(AboutContext);
  if (!about) throw new Error('useAbout is for views');
  return about;
}

function TokenPage() {
  return (
    <main class="narrow">
      <h1>{words.token.title}</h1>
      <p>{words.token.text}</p>
      <form class="row" onSubmit={(event) => {
        event.preventDefault();
        const text = String(new FormData(event.currentTarget).get('token') ?? '').trim();
        const token = /[?&]token=([^&#]+)/.exec(text)?.[1] ?? encodeURIComponent(text);
        location.href = `/?token=${token}${location.hash}`;
      }}>
        <label for="token">{words.token.label}</label>
        <input id="token" name="token" type="password" autocomplete="off" required />
        <button type="submit">{words.token.use}</button>
      </form>
    </main>
  );
}

function Header({ place, about, onKeys }: { place: Place; about: About | undefined; onKeys: () => void }) {
  const connection = useConnection();
  const nav = useRef<HTMLElement>(null);
  // On a phone not all of them are seen at once.
  useEffect(() => nav.current?.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'nearest' }), [place.view]);
  return (
    <header class="studio-header no-print">
      <a class="skip" href="#content" onClick={(event) => {
        event.preventDefault();
        document.getElementById('content')?.focus();
      }}>{words.skip}</a>
      <span class="brand" translate={false}>Margay</span>
      <nav aria-label={words.views} ref={nav}>
        {views.filter(({ id }) => !savedPage || id === place.view).map(({ id, title }) => (
          <a key={id} href={address(id)} aria-current={id === place.view ? 'page' : undefined}>{title}</a>
        ))}
      </nav>
      {about?.read_only && <span class="soft small badge" title={words.readOnlyHelp}>{words.readOnly}</span>}
      {about && !savedPage && <SavePage />}
      <button type="button" class="plain" title={`${words.keys.open} (?)`} aria-label={words.keys.open} onClick={onKeys}>?</button>
      <p role="status" class="connection">{connection === 'lost' ? words.lost : ''}</p>
    </header>
  );
}

/** The view of a place; the content takes the focus when another one comes, so that its name is read. */
function Content({ place }: { place: Place }) {
  const content = useRef<HTMLElement>(null);
  const isFirst = useRef(true);
  const view = views.find(({ id }) => id === place.view);
  useEffect(() => {
    document.title = view ? `${view.title} – ${words.title}` : words.title;
    if (!isFirst.current) content.current?.focus();
    isFirst.current = false;
  }, [place.view]);
  const Page = view?.page;
  return (
    <main id="content" ref={content} tabIndex={-1} aria-label={view?.title}>
      <SavedPageNote />
      {Page ? <Page place={place} /> : <><h1>{words.title}</h1><p>{place.view ? words.noView(place.view) : words.loading}</p></>}
    </main>
  );
}

/** Views begin when the events have begun, so that no change falls between; not to be waited for long, though. */
function useListening(): boolean {
  const connection = useConnection();
  const [isLate, setLate] = useState(false);
  const [isBegun, setBegun] = useState(false);
  useEffect(() => {
    beginEvents();
    const timer = setTimeout(() => setLate(true), 500);
    return () => clearTimeout(timer);
  }, []);
  useEffect(() => {
    if (connection === 'open') setBegun(true);
  }, [connection]);
  return isBegun || isLate;
}

export function App() {
  const place = usePlace();
  const about = useGet<About>('/api/studio', {}, ['studio']);
  const connection = useConnection();
  // Whether it is there and asks for another token: it may have been started anew.
  useEffect(() => { if (connection === 'lost') about.reload(); }, [connection]);
  const isListening = useListening();
  const isRefused = about.problem?.status === 401 && !about.data;
  useEffect(() => { if (isRefused) endEvents(); }, [isRefused]);
  const [showsKeys, setShowsKeys] = useState(false);
  useEffect(() => {
    if (placeOf(location.hash).view === '') go(address(views[0]!.id), 'replace'); // not where it has gone on meanwhile
  }, [place.view]);
  useKeys(words.keys.everywhere, [
    { keys: ['?'], text: words.keys.list, run: () => setShowsKeys(true) },
    ...views.map(({ id, title, key }) => ({
      keys: [`g ${key}`], text: words.keys.goTo(title), run: () => go(address(id)),
    })),
  ]);
  if (about.problem?.status === 401) return <TokenPage />;
  return (
    <>
      <Header place={place} about={about.data} onKeys={() => setShowsKeys(true)} />
      {about.data && isListening && (
        <AboutContext.Provider value={about.data}><Content place={place} /></AboutContext.Provider>
      )}
      {!(about.data && isListening) && (
        <main id="content" tabIndex={-1}>
          <h1>{words.title}</h1>
          <p role="status">{about.problem ? about.problem.message : words.loading}</p>
          {about.problem && <button type="button" onClick={about.reload}>{words.again}</button>}
        </main>
      )}
      {showsKeys && <KeyHelp onClose={() => setShowsKeys(false)} />}
    </>
  );
}
