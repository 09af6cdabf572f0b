// Whether probabilities are what they say: reliability, risk over coverage, and the errors of calibration.
import { LineChart, type Series } from '../parts/line_chart';
import { type Estimate, level, number, percent, withInterval } from '../parts/numbers';
import { type Calibration, type CalibrationError, type CalibrationScores, type PageData, estimateOf } from './document';

interface Named {
  name: string;
  scores: CalibrationScores;
}

/** One set of scores, or the two of a fit. */
function scoresOf(calibration: Calibration): Named[] {
  const sets: Named[] = [];
  if (calibration.before) sets.push({ name: 'before', scores: calibration.before });
  if (calibration.after) sets.push({ name: 'after', scores: calibration.after });
  if (sets.length === 0 && calibration.bins) sets.push({ name: 'accuracy', scores: calibration as CalibrationScores });
  return sets;
}

const orNaN = (value: number | null | undefined) => value ?? NaN;

function reliabilitySeries(sets: Named[], several: boolean): Series[] {
  const last = sets.at(-1)!;
  const total = last.scores.bins.reduce((sum, bin) => sum + bin.count, 0) || 1;
  const share: Series = {
    name: several ? 'share of image and label pairs' : 'share of images', mark: 'bars', colour: 3, barWidth: 1 / Math.max(1, last.scores.bins.length),
    points: last.scores.bins.map((bin) => ({ x: (orNaN(bin.low) + orNaN(bin.high)) / 2, y: bin.count / total })),
  };
  const curves = sets.map(({ name, scores }, i): Series => ({
    name, mark: 'points', colour: sets.length > 1 && i === 0 ? 1 : 0,
    points: scores.bins.filter((bin) => bin.count > 0).map((bin) => ({
      x: orNaN(bin.confidence), y: orNaN(bin.accuracy), low: orNaN(bin.accuracy_low), high: orNaN(bin.accuracy_high),
      note: `${bin.count} cases`,
    })),
  }));
  return [share, ...curves];
}

function riskSeries(sets: Named[]): Series[] {
  return sets.map(({ name, scores }, i) => ({
    name: sets.length > 1 ? name : 'error', mark: 'line', colour: sets.length > 1 && i === 0 ? 1 : 0, dashed: sets.length > 1 && i === 0,
    points: scores.risk_coverage.coverage.map((coverage, k) => ({ x: orNaN(coverage), y: orNaN(scores.risk_coverage.risk[k]) })),
  }));
}

export function CalibrationSection({ page }: { page: PageData }) {
  const calibration = page.document.calibration!;
  const sets = scoresOf(calibration);
  if (sets.length === 0) return <p class="soft">There are no numbers of calibration.</p>;
  const several = page.document.task === 'multi_label';
  return (
    <>
      <p class="soft">
        {typeof calibration.temperature === 'number' && `Temperature ${number(calibration.temperature)}. `}
        Where probabilities are what they say,{' '}
        {several ? '80 % of the images that get a label with probability 80 % have it' : '80 % of the images with confidence 80 % are right'}:
        points lie on the diagonal.
      </p>
      <div class="two">
        <LineChart square label="Reliability: share that is right over mean confidence, in bins" series={reliabilitySeries(sets, several)}
                   diagonal="perfect"
                   x={{ title: 'Confidence', style: 'percent', low: 0, high: 1 }}
                   y={{ title: several ? 'Has the label' : 'Right', style: 'percent', low: 0, high: 1 }} />
        <LineChart square label="Risk over coverage: the error among the surest predictions" series={riskSeries(sets)}
                   x={{ title: 'Coverage', style: 'percent', low: 0, high: 1 }}
                   y={{ title: 'Error', style: 'percent', low: 0 }} />
      </div>
      <p class="soft small">
        Risk over coverage: the error that is left when only the surest share of the predictions is given.
      </p>
      <ScoreTable sets={sets} />
    </>
  );
}

const kRows: [title: string, help: string, of: (scores: CalibrationScores) => Estimate | undefined, style: 'percent' | 'number'][] = [
  ['ECE', 'Expected calibration error, bins of equal width', (scores) => estimateOf(scores.ece), 'percent'],
  ['ECE, equal mass', 'Bins of equal numbers of cases', (scores) => estimateOf(scores.ece_mass), 'percent'],
  ['ECE, by class', 'Mean over the classes', (scores) => estimateOf(scores.ece_class), 'percent'],
  ['NLL', 'Mean of −log p of the label', (scores) => estimateOf(scores.nll), 'number'],
  ['AURC', 'Area under risk over coverage', (scores) => estimateOf(scores.risk_coverage.aurc), 'number'],
  ['Brier score', 'Mean squared distance from the label', (scores) => estimateOf(scores.brier), 'number'],
];
const kErrors: ((scores: CalibrationScores) => CalibrationError)[] = [(s) => s.ece, (s) => s.ece_mass, (s) => s.ece_class];

function perfectText(error: CalibrationError | undefined): string {
  if (!error || error.perfect === null) return '';
  return error.perfect_low === null || error.perfect_high === null
    ? percent(error.perfect) : withInterval({ value: error.perfect, low: error.perfect_low, high: error.perfect_high }, 'percent');
}

function ScoreTable({ sets }: { sets: Named[] }) {
  const last = sets.at(-1)!.scores;
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Scores of calibration">
      <table>
        <thead>
          <tr>
            <th scope="col" class="left">Score ({level(last.confidence ?? 0.95)})</th>
            {sets.map(({ name }) => <th key={name} scope="col">{sets.length > 1 ? name : 'value'}</th>)}
            <th scope="col" title="What a perfectly calibrated model would show on so many images">if perfect</th>
          </tr>
        </thead>
        <tbody>
          {kRows.map(([title, help, of, style], i) => (
            <tr key={title}>
              <th scope="row" class="left" title={help}>{title}</th>
              {sets.map(({ name, scores }) => {
                const estimate = of(scores);
                return <td key={name}>{estimate ? withInterval(estimate, style) : '–'}</td>;
              })}
              <td class="soft">{perfectText(kErrors[i]?.(last))}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
