// Stop and go on: the buttons of a run that is not done.
import { useEffect, useState } from 'preact/hooks';
import { post, textOf, useGet } from '../api';
import { useAbout } from '../app';
import type { RunStatus } from '../runs/runs_api';
import { words } from '../words';

interface ActedOn {
  folder: string;
  name: string;
  status: RunStatus;
  kind: string;
  problems: string[];
  has_checkpoint?: boolean;
}

/** A process that the studio started. */
export interface Started {
  number: number;
  pid: number;
  command: string;
  log: string;
  ended: number | null;
  printed: string;
}

/** Why a run that was to go on did not, with what its process printed last, and the choice of another folder of images. */
function Failure({ run, training, data, onData }: { run: ActedOn; training: Started; data: string; onData: (folder: string) => void }) {
  const { folders } = useAbout();
  return (
    <div role="alert" class="resume-failure">
      <p class="wrong">{words.train.failed(run.name, training.ended ?? 0)}</p>
      <pre class="printed" tabIndex={0} role="region" aria-label={words.train.actionOf(words.train.printed, run.name)}>{training.printed || words.train.nothingKept}</pre>
      <label>{words.train.imagesNow}{' '}
        <select value={data} onChange={(event) => onData(event.currentTarget.value)}>
          <option value="">{words.train.asBefore}</option>
          {folders.map(({ id, path }) => <option key={id} value={id}>{path}</option>)}
        </select></label>
    </div>
  );
}

export function RunActions({ run }: { run: ActedOn }) {
  const about = useAbout();
  const [problem, setProblem] = useState('');
  const [asked, setAsked] = useState<'stop' | 'resume'>();
  const [number, setNumber] = useState<number>(); // of the process that is to go on with it
  const [data, setData] = useState('');
  const started = useGet<{ started: Started[] }>(number === undefined ? undefined : '/api/train/started', {}, ['trainings']);
  const training = started.data?.started.find((each) => each.number === number);
  const hasFailed = training !== undefined && training.ended !== null && training.ended !== 0;
  useEffect(() => setAsked(undefined), [run.status]);
  useEffect(() => { if (training && training.ended !== null) setAsked(undefined); }, [training?.ended]);
  if (about.read_only || run.kind !== 'training' || run.status === 'done') return null;
  const what = run.status === 'running' ? 'stop' : 'resume';
  const isImpossible = what === 'resume' && (run.problems.length > 0 || run.has_checkpoint === false);
  if (isImpossible) return null;
  const act = async () => {
    setProblem('');
    setAsked(what);
    setNumber(undefined);
    try {
      const begun = await post<{ number?: number }>(`/api/train/${what}/${encodeURIComponent(run.folder)}`, data ? { folder: data } : {});
      setNumber(begun.number);
    } catch (error) {
      setAsked(undefined);
      setProblem(textOf(error));
    }
  };
  return (
    <span class="row">
      <button type="button" disabled={asked === what} title={words.train.help[what]} aria-label={words.train.actionOf(words.train.action[what], run.name)} onClick={() => void act()}>
        {asked === what ? words.train.asked[what] : words.train.action[what]}
      </button>
      <span role="status" class="wrong">{problem}</span>
      {what === 'resume' && hasFailed && <Failure run={run} training={training} data={data} onData={setData} />}
    </span>
  );
}
