// Mistakes of a model: the report of an evaluation, of any model that the studio serves.
import { useEffect, useMemo } from 'preact/hooks';
import { count, counted } from '../../parts/numbers';
import { type ImageAccess, ImageAccessContext } from '../../report/image_access';
import { SectionCards, useSections } from '../../report/sections';
import { useAbout } from '../app';
import { apiPath, useGet } from '../api';
import { Marked } from '../marked';
import { type Place, address, go } from '../place';
import { words as all } from '../words';
import { type Asked, type JudgedPage, type Question, type Status, useEvaluation, useJudged } from './evaluation';
import { XrayPage } from './xray_page';
import './mistakes.css';

const words = all.mistakes;

export interface ListedModel {
  id: string;
  name: string;
  run: string;
  modified: number;
  is_loaded: boolean;
}

export function MistakesView({ place }: { place: Place }) {
  return place.rest[0] === 'xray' ? <XrayPage place={place} /> : <JudgedModel place={place} />;
}

export function questionOf(place: Place): Question | undefined {
  const model = place.query.get('model');
  if (!model) return undefined;
  return {
    model, folder: place.query.get('folder') ?? '', part: place.query.get('part') ?? '',
    leaves_unknown_out: place.query.has('leave-out'), unlabelled: place.query.has('unlabelled'),
  };
}

/** The query of a question, for addresses. */
export function queryOf(question: Partial<Question>): Record<string, string | undefined> {
  return {
    model: question.model, folder: question.folder, part: question.part, 'leave-out': question.leaves_unknown_out ? '1' : undefined,
    unlabelled: question.unlabelled ? '1' : undefined,
  };
}

function JudgedModel({ place }: { place: Place }) {
  const models = useGet<{ models: ListedModel[] }>('/api/models', {}, ['runs'], true);
  const question = useMemo(() => questionOf(place), [place]);
  const asked = useEvaluation(question);
  const list = models.data?.models ?? [];
  // The newest model is chosen until somebody chooses.
  useEffect(() => {
    if (!question && list[0]) go(address('mistakes', [], { model: list[0].id }), 'replace');
  }, [question, list[0]?.id]);
  const change = (next: Partial<Question>) => go(address('mistakes', [], queryOf({ ...question, ...next })));
  return (
    <>
      <h1>{words.title}</h1>
      <p class="soft">{words.lead} <a href={address('mistakes', ['xray'])}>{words.play}</a>.</p>
      {models.problem && <p class="wrong" role="alert">{models.problem.message}</p>}
      {models.data && list.length === 0 && !question && (
        <p>{words.noModels} <a href={address('train')}>{words.train}</a>.</p>
      )}
      {(list.length > 0 || question) && <Choice list={list} question={question} change={change} />}
      <Progress asked={asked} question={question} change={change} />
      {asked.status?.state === 'done' && <Report id={asked.status.id} place={place} again={asked.again} />}
    </>
  );
}

function Choice({ list, question, change }: {
  list: ListedModel[]; question: Question | undefined; change: (next: Partial<Question>) => void;
}) {
  const about = useAbout();
  const isUnlisted = question && !list.some(({ id }) => id === question.model);
  return (
    <div class="card mistakes-choice">
      <label>{words.model}{' '}
        <select value={question?.model ?? ''} onChange={(event) => change({ model: event.currentTarget.value, folder: '' })}>
          {!question && <option value="">{words.chooseModel}</option>}
          {isUnlisted && <option value={question.model}>{question.model}</option>}
          {list.map(({ id, name }) => <option key={id} value={id}>{name}</option>)}
        </select>
      </label>
      <label>{words.folder}{' '}
        <select value={question?.folder ?? ''} disabled={!question} onChange={(event) => change({ folder: event.currentTarget.value })}>
          <option value="">{words.folderOfTraining}</option>
          {about.folders.map(({ id, path }) => <option key={id} value={id}>{path}</option>)}
        </select>
      </label>
      <label>{words.part}{' '}
        <select value={question?.part ?? ''} disabled={!question || question.unlabelled} onChange={(event) => change({ part: event.currentTarget.value })}>
          {Object.entries(words.parts).map(([part, text]) => <option key={part} value={part}>{text}</option>)}
        </select>
      </label>
      <label>
        <input type="checkbox" checked={question?.leaves_unknown_out ?? false} disabled={!question || question.unlabelled}
               onChange={(event) => change({ leaves_unknown_out: event.currentTarget.checked })} /> {words.leaveOut}
      </label>
      <label>
        <input type="checkbox" checked={question?.unlabelled ?? false} disabled={!question}
               onChange={(event) => change(event.currentTarget.checked ? { unlabelled: true, part: '', leaves_unknown_out: false } : { unlabelled: false })} />{' '}
        {words.unlabelled}
      </label>
    </div>
  );
}

function progressWords(status: Status): string {
  if (status.state === 'waiting') return words.waiting;
  if (status.total === 0) return words.loading;
  return status.done >= status.total ? words.computing : words.judging(count(status.done), count(status.total));
}

function Progress({ asked, question, change }: {
  asked: Asked; question: Question | undefined; change: (next: Partial<Question>) => void;
}) {
  const { status } = asked;
  const problem = asked.problem || (status?.state === 'failed' ? status.problem : '');
  const isInWork = status?.state === 'waiting' || status?.state === 'working';
  return (
    <div role="status">
      {isInWork && (
        <div class="row mistakes-progress">
          <progress aria-label={words.title} {...(status.total > 0 ? { value: status.done, max: status.total } : {})} />
          <span>{progressWords(status)}</span>
          <button type="button" onClick={asked.cancel}>{words.cancel}</button>
        </div>
      )}
      {problem && (
        <div class="card" role="alert">
          <p class="wrong"><Marked text={problem} /></p>
          {question && (
            <p class="row">
              {words.remedies}
              {question.part !== 'all' && !question.unlabelled && <button type="button" onClick={() => change({ part: 'all' })}>{words.judgeAll}</button>}
              {!question.leaves_unknown_out && !question.unlabelled && (
                <button type="button" onClick={() => change({ leaves_unknown_out: true })}>{words.judgeLeavingOut}</button>
              )}
              {!question.unlabelled && (
                <button type="button" onClick={() => change({ unlabelled: true, part: '', leaves_unknown_out: false })}>{words.judgeUnlabelled}</button>
              )}
              <button type="button" onClick={asked.again}>{all.again}</button>
              {words.otherFolder}
            </p>
          )}
        </div>
      )}
    </div>
  );
}

function Report({ id, place, again }: { id: string; place: Place; again: () => void }) {
  const judged = useJudged(id);
  if (judged.problem && !judged.page) return <p class="wrong" role="alert">{judged.problem}</p>;
  if (!judged.page) return <p role="status" class="soft">{all.loading}</p>;
  const access: ImageAccess = {
    missing: words.missing,
    source: (row, map = 0) => {
      if (map === 0) return apiPath('mistakes', id, 'image', row);
      const label = judged.page?.images[row]?.maps?.[map - 1] ?? '';
      return `${apiPath('mistakes', id, 'map', row)}?${new URLSearchParams({ label })}`;
    },
    actions: (row) => <a href={address('mistakes', ['xray', String(row)], Object.fromEntries(place.query))}>{words.xray}</a>,
    wantCell: judged.wantCell,
  };
  return (
    <ImageAccessContext.Provider value={access}>
      {judged.problem && <p class="wrong" role="alert">{judged.problem}</p>}
      <Sections page={judged.page} byCell={judged.byCell} again={again} />
    </ImageAccessContext.Provider>
  );
}

function Sections({ page, byCell, again }: { page: JudgedPage; byCell: Map<string, number[]>; again: () => void }) {
  const sections = useSections(page, byCell);
  const isStill = matchMedia('(prefers-reduced-motion: reduce)').matches;
  return (
    <>
      <p>{page.reason}. <button type="button" class="no-print" title={words.againHelp} onClick={again}>{words.again}</button></p>
      {page.warnings.length > 0 && (
        <details>
          <summary>{words.warnings(counted(page.warnings.length, 'thing'))}</summary>
          <ul class="small">{page.warnings.slice(0, 100).map((warning) => <li key={warning}><Marked text={warning} /></li>)}</ul>
        </details>
      )}
      <div class="row mistakes-sections no-print" role="group" aria-label={words.sections}>
        {sections.map(({ id, title }) => (
          <button key={id} type="button"
                  onClick={() => document.getElementById(id)?.scrollIntoView({ behavior: isStill ? 'auto' : 'smooth' })}>{title}</button>
        ))}
      </div>
      <SectionCards sections={sections} />
    </>
  );
}
