// What Apply would do, shown before it is done; and the way back.
import { useState } from 'preact/hooks';
import { below, post, textOf, useGet } from '../api';
import { words } from '../words';
import type { Applied, Plan } from './review';
import type { Review } from './use_review';

function Moves({ title, moves, count }: { title: string; moves: { from: string; to: string }[]; count: number }) {
  if (count === 0) return null;
  return (
    <details>
      <summary>{title}</summary>
      <ul class="small moves">{moves.map(({ from, to }) => <li key={from}><bdi>{from}</bdi> → <bdi>{to}</bdi></li>)}</ul>
      {count > moves.length && <p class="small soft">{words.clean.andMore(count - moves.length)}</p>}
    </details>
  );
}

function resultText(done: Applied): string {
  if (!done.is_complete) return words.clean.notComplete(done.number);
  return done.is_undone ? words.clean.unapplied(done.number, done.moved) : words.clean.applied(done.number, done.moved, done.new_table);
}

export function ApplyPlan({ review }: { review: Review }) {
  const { state, path } = review;
  const [movesFiles, setMovesFiles] = useState(false);
  const [isAsking, setAsking] = useState(false);
  const [isBusy, setBusy] = useState(false);
  const [result, setResult] = useState<{ text: string; problems: string[] }>();
  const isUnfinished = state.unfinished_apply !== null;
  const got = useGet<Plan>(isUnfinished ? undefined : below(path, 'plan'),
    { move_files: movesFiles ? 1 : 0, of: state.journal.decisions, version: state.version });
  const plan = got.data;

  const ask = (what: string, body: unknown) => {
    setBusy(true);
    setAsking(false);
    post<Applied>(below(path, what), body).then(
      (done) => { setResult({ text: resultText(done), problems: done.problems }); review.take(done.state); },
      (error: unknown) => setResult({ text: '', problems: [textOf(error)] }),
    ).finally(() => { setBusy(false); got.reload(); });
  };
  const isOff = isBusy || state.is_read_only;
  return (
    <section class="card apply" aria-label={words.clean.tabs.apply}>
      <h2>{words.clean.planTitle}</h2>
      <p class="soft">{words.clean.planHelp}</p>
      {!isUnfinished && (
        <label><input type="checkbox" checked={movesFiles} onChange={(event) => { setMovesFiles(event.currentTarget.checked); setAsking(false); }} />{' '}
          {words.clean.moveFiles}</label>
      )}
      {got.problem && !isUnfinished && <p role="alert" class="wrong">{got.problem.message}</p>}
      {plan && !isUnfinished && (
        <>
          <ul>{plan.sentences.map((each) => <li key={each}>{each}</li>)}</ul>
          <Moves title={words.clean.deletedFiles(plan.deleted_count)} moves={plan.deleted} count={plan.deleted_count} />
          <Moves title={words.clean.movedFiles(plan.moved_count)} moves={plan.moved} count={plan.moved_count} />
          {review.unsaved.length > 0 && <p class="unsure">{words.clean.applyUnsaved}</p>}
          {!isAsking && (
            <button type="button" disabled={isOff || plan.is_empty || review.unsaved.length > 0} onClick={() => setAsking(true)}>{words.clean.apply}</button>
          )}
          {isAsking && (
            <p role="alert">{words.clean.applyAsk(plan.deleted_count + plan.moved_count, plan.new_table)}{' '}
              <button type="button" onClick={() => ask('apply', { move_files: movesFiles, hash: plan.hash })}>
                {words.clean.applyNow}</button>{' '}
              <button type="button" onClick={() => setAsking(false)}>{words.cancel}</button></p>
          )}
        </>
      )}
      {isUnfinished && (
        <p class="row">{words.clean.unfinished(state.unfinished_apply ?? 0)}
          <button type="button" disabled={isOff} onClick={() => ask('finish-apply', {})}>
            {words.clean.finish}</button></p>
      )}
      <p class="row"><button type="button" disabled={isOff} onClick={() => ask('undo-apply', {})}>
        {words.clean.undoApply}</button></p>
      <div role="status">
        {isBusy && <p>{words.clean.busy}</p>}
        {result && <p>{result.text}</p>}
        {result?.problems.map((each) => <p key={each} class="wrong">{each}</p>)}
      </div>
    </section>
  );
}
