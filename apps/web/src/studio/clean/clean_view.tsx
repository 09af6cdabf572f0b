// Clean: what was found is decided about, one image after the other or many at once. Nothing on disk but the journal changes
// before Apply.
import { below, post, textOf, useGet } from '../api';
import { FolderChange, FolderView } from '../folder_view';
import { HowRead } from '../how_read';
import { useKeys } from '../keys';
import { Marked } from '../marked';
import { address, go, type Place } from '../place';
import type { ListedModel } from '../mistakes/mistakes_view';
import { words } from '../words';
import { useState } from 'preact/hooks';
import { ApplyPlan } from './apply_plan';
import { GridReview } from './grid_review';
import { OneByOne } from './one_by_one';
import { decisionTable } from './decision_table';
import { type ReviewState } from './review';
import { ReviewHistory } from './review_history';
import { type Review, useReview } from './use_review';
import { percent } from '../../parts/numbers';
import './clean.css';

const kTabs = ['one', 'grid', 'history', 'apply'] as const;

function remainingText({ remaining: left }: ReviewState): string {
  if (left.at_most === null || left.share_at_most === null) {
    return words.clean.beforeSample(left.estimate === null ? undefined : Math.round(left.estimate));
  }
  return words.clean.atMost(percent(left.share_at_most), left.images, percent(left.confidence), left.wrong, left.looked_at);
}

function Unsaved({ review }: { review: Review }) {
  const { unsaved } = review;
  const refused = unsaved.filter(({ isRefused }) => isRefused);
  const waiting = unsaved.length - refused.length;
  const problem = unsaved.find((item) => item.problem && !item.isRefused)?.problem;
  const download = () => {
    const link = document.createElement('a');
    link.href = URL.createObjectURL(new Blob([decisionTable(unsaved)], { type: 'text/csv' }));
    link.download = 'decisions.csv';
    link.click();
    URL.revokeObjectURL(link.href);
  };
  return (
    <>
      <p role="status" class={`saving ${problem ? 'wrong' : ''}`}>
        {waiting === 0 ? words.clean.allSaved : problem ? words.clean.notSaved(waiting, problem) : words.clean.saving(waiting)}
        {problem && <>{' '}<button type="button" onClick={review.retry}>{words.again}</button>{' '}
          <button type="button" onClick={download}>{words.clean.asTable}</button></>}
      </p>
      {refused.length > 0 && (
        <ul class="refused wrong" aria-label={words.clean.refused}>
          {refused.map(({ id, body, problem: why }) => (
            <li key={id}>{words.clean.refusedOne(String(body['image_id'] ?? ''), why ?? '')}{' '}
              <button type="button" onClick={() => review.dismiss(id)}>{words.clean.dismiss}</button></li>
          ))}
        </ul>
      )}
    </>
  );
}

function Search({ review }: { review: Review }) {
  const { search, is_read_only: isReadOnly } = review.state;
  const models = useGet<{ models: ListedModel[] }>('/api/models', {}, ['runs'], true).data?.models ?? [];
  const [model, setModel] = useState('');
  const [problem, setProblem] = useState('');
  const ask = (what: string) => {
    setProblem('');
    post<ReviewState>(below(review.path, what), model && what === 'search' ? { model } : {}).then(review.take, (error: unknown) => setProblem(textOf(error)));
  };
  const isRunning = search.state === 'running';
  return (
    <div class="search row">
      {isRunning
        ? <>
            <progress aria-label={words.clean.searching} {...(search.total > 0 && { value: search.done, max: search.total })} />
            <span class="small soft">{words.clean.searched(search.done, search.total)}</span>
            <button type="button" onClick={() => ask('stop-search')}>{words.clean.stopSearch}</button>
          </>
        : <>
            <button type="button" class={search.time ? '' : 'primary'} disabled={isReadOnly} onClick={() => ask('search')}>
              {search.time ? words.clean.searchAgain : words.clean.search}
            </button>
            <label>{words.clean.judge}{' '}
              <select value={model} disabled={isReadOnly} onChange={(event) => setModel(event.currentTarget.value)}>
                <option value="">{words.clean.byProbe}</option>
                {models.map(({ id, name }) => <option key={id} value={id}>{name}</option>)}
              </select></label>
          </>}
      {search.time && !isRunning && <span class="small soft">{words.clean.foundAt(search.time)}</span>}
      {(search.problem || problem) && <span role="alert" class="wrong">{search.problem || problem}</span>}
    </div>
  );
}

/** Files that have come or gone since the folder was read, or since it was searched. */
function Changes({ review }: { review: Review }) {
  const { change, images, path, search } = review.state;
  const [problem, setProblem] = useState('');
  const read = () => {
    setProblem('');
    post<ReviewState>(below(review.path, 'reload'), {}).then(review.take, (error: unknown) => setProblem(textOf(error)));
  };
  const isOldSearch = search.time !== '' && search.images > 0 && search.images !== images && search.state !== 'running';
  return (
    <>
      <FolderChange change={change} path={path} onRead={read}>{problem && <span class="wrong">{problem}</span>}</FolderChange>
      {isOldSearch && <p class="unsure">{words.clean.oldSearch(search.images, images)}</p>}
    </>
  );
}

function Summary({ review }: { review: Review }) {
  const { state } = review;
  const { progress } = state;
  return (
    <section class="card summary" aria-label={words.clean.progress}>
      <p><b>{words.clean.left(progress.pending)}</b> · {words.clean.done(progress.kept, progress.relabelled, progress.deleted, progress.skipped)}</p>
      <p>{remainingText(state)}</p>
      {state.validation && progress.changed_in_validation > 0 && (
        <p class="unsure">{words.clean.validation(progress.changed_in_validation, percent(state.validation.before.value),
          percent(state.validation.after.value), state.validation.images)}</p>
      )}
      <div class="row">
        <Search review={review} />
        <label>{words.clean.who}{' '}
          <input type="text" value={review.who} maxLength={100} onChange={(event) => review.setWho(event.currentTarget.value.trim())} /></label>
      </div>
      <p class="small soft">{words.clean.journal(state.journal.path, state.journal.decisions)}
        {!state.journal.is_beside && <> {words.clean.elsewhere(state.journal.path)}</>}</p>
      {state.warnings.length > 0 && (
        <details><summary class="small">{words.clean.warnings(state.warnings.length)}</summary>
          <ul class="small">{state.warnings.map((each) => <li key={each}><Marked text={each} /></li>)}</ul></details>
      )}
    </section>
  );
}

function Folder({ folder, place, options }: { folder: string; place: Place; options: string }) {
  const { review, problem, isLoading, again } = useReview(folder, options);
  const to = (tab: string) => address('clean', [folder, tab], { options });
  const tab = kTabs.find((each) => each === place.rest[1]) ?? 'one';
  useKeys(words.clean.title, kTabs.map((each) => ({
    keys: [words.clean.tabKeys[each]], text: words.clean.tabs[each], run: () => go(to(each)),
  })));
  const howRead = (
    <HowRead options={options} leavesOut={['edits', 'journal']} onRead={(read) => go(address('clean', [folder, tab], { options: read }))} />
  );
  if (!review) {
    return (
      <>
        {howRead}
        {problem
          ? <p class="row wrong" role="alert">{problem} <button type="button" onClick={again}>{words.again}</button></p>
          : <p role="status">{isLoading ? words.loading : ''}</p>}
      </>
    );
  }
  return (
    <>
      {howRead}
      {review.problem && <p role="alert" class="wrong">{review.problem}</p>}
      <Changes review={review} />
      {review.state.unfinished_apply !== null && (
        <p role="alert" class="wrong">{words.clean.unfinished(review.state.unfinished_apply)}{' '}
          <a href={to('apply')}>{words.clean.tabs.apply}</a></p>
      )}
      <Summary review={review} />
      <div class="row ways">
        <nav class="tabs row" aria-label={words.clean.ways}>
          {kTabs.map((each) => (
            <a key={each} href={to(each)} aria-current={each === tab ? 'page' : undefined}>{words.clean.tabs[each]}</a>
          ))}
        </nav>
        <Unsaved review={review} />
      </div>
      {tab === 'one' && <OneByOne folder={folder} review={review} />}
      {tab === 'grid' && <GridReview folder={folder} review={review} />}
      {tab === 'history' && <ReviewHistory review={review} />}
      {tab === 'apply' && <ApplyPlan review={review} />}
    </>
  );
}

export function CleanView({ place }: { place: Place }) {
  return (
    <FolderView view="clean" title={words.clean.title} none={words.clean.noFolder} place={place}>
      {(folder) => {
        const options = place.query.get('options') ?? '';
        return <Folder key={`${folder} ${options}`} folder={folder} place={place} options={options} />;
      }}
    </FolderView>
  );
}
