// The losses and metrics of the run that made the model, epoch by epoch.
import { LineChart, type Series } from '../parts/line_chart';
import type { History } from './document';
import { titleOf } from './summary';

const points = (values: (number | null)[]) => values.map((value, i) => ({ x: i + 1, y: value ?? NaN }));
const hasNumbers = (values: (number | null)[]) => values.some((value) => value !== null);
const isShare = (values: (number | null)[]) => values.every((value) => value === null || (value >= 0 && value <= 1));

export function LearningCurves({ history }: { history: History }) {
  const losses: Series[] = [
    { name: 'training', mark: 'line', colour: 1, points: points(history.train_loss) },
    { name: 'validation', mark: 'line', colour: 0, points: points(history.valid_loss) },
  ].filter((series) => series.points.some((point) => Number.isFinite(point.y))) as Series[];
  const metrics = Object.entries(history.metrics).filter(([name, values]) => hasNumbers(values) && !name.endsWith('_se'));
  const changes = history.stage.flatMap((stage, i) => (i === 0 || stage !== history.stage[i - 1] ? [`${stage} from epoch ${i + 1}`] : []));
  const epochs = { title: 'Epoch', style: 'count' } as const;
  return (
    <>
      <p class="soft">{changes.length > 1 ? `Stages: ${changes.join(', ')}.` : 'The training that made this model.'}</p>
      <div class="two">
        {losses.length > 0 && <LineChart label="Losses over epochs" series={losses} x={epochs} y={{ title: 'Loss', style: 'number' }} />}
        {metrics.map(([name, values], i) => (
          <LineChart key={name} label={`${titleOf(name)} over epochs`} x={epochs}
                     series={[{ name: titleOf(name), mark: 'line', colour: (i + 2) % 4, points: points(values) }]}
                     y={{ title: titleOf(name), style: isShare(values) ? 'percent' : 'number' }} />
        ))}
      </div>
    </>
  );
}
