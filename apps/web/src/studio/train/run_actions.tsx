// Stop and go on: the buttons of a run that is not done.
import { useState } from 'preact/hooks';
import { post, textOf } from '../api';
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

export function RunActions({ run }: { run: ActedOn }) {
  const about = useAbout();
  const [problem, setProblem] = useState('');
  const [asked, setAsked] = useState('');
  if (about.read_only || run.kind !== 'training' || run.status === 'done') return null;
  const what = run.status === 'running' ? 'stop' : 'resume';
  const isImpossible = what === 'resume' && (run.problems.length > 0 || run.has_checkpoint === false);
  if (isImpossible) return null;
  const act = async () => {
    setProblem('');
    setAsked(what);
    try {
      await post(`/api/train/${what}/${encodeURIComponent(run.folder)}`);
    } catch (error) {
      setAsked('');
      setProblem(textOf(error));
    }
  };
  return (
    <span class="row">
      <button type="button" disabled={asked === what} title={words.train.help[what]} aria-label={words.train.actionOf(words.train.action[what], run.name)} onClick={() => void act()}>
        {asked === what ? words.train.asked[what] : words.train.action[what]}
      </button>
      <span role="status" class="wrong">{problem}</span>
    </span>
  );
}
