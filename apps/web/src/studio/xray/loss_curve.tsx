// The curve −log p with a dot where the image is, and the losses of the steps so far.
import { number, percent } from '../../parts/numbers';
import { words as all } from '../words';

const words = all.xray;

const kWidth = 320;
const kHeight = 208;
const kPad = { left: 30, right: 10, top: 10, bottom: 38 };
const kMostLoss = 5;

const xOf = (p: number) => kPad.left + p * (kWidth - kPad.left - kPad.right);
const yOf = (loss: number) =>
  kPad.top + (1 - Math.min(loss, kMostLoss) / kMostLoss) * (kHeight - kPad.top - kPad.bottom);

function curvePath(): string {
  const points: string[] = [];
  for (let i = 0; i <= 200; i += 1) {
    const p = Math.exp(-kMostLoss) + (i / 200) ** 2 * (1 - Math.exp(-kMostLoss));
    points.push(`${xOf(p).toFixed(1)},${yOf(-Math.log(p)).toFixed(1)}`);
  }
  return `M${points.join('L')}`;
}
const kCurve = curvePath();

/** p: of the label; loss: −log p, which may be beyond the top. */
export function LossCurve({ p, loss }: { p: number; loss: number }) {
  const [x, y] = [xOf(p), yOf(loss)];
  return (
    <figure class="loss-curve">
      <svg viewBox={`0 0 ${kWidth} ${kHeight}`} role="img" aria-label={`${words.curve}: p ${percent(p)}, −log p ${lossText(loss)}`}>
        {[0, 0.5, 1].map((at) => <text key={`p${at}`} class="mid" x={xOf(at)} y={kHeight - 22}>{at}</text>)}
        {[0, 1, 2, 3, 4, 5].map((at) => (
          <g key={`l${at}`}>
            <line class="grid" x1={kPad.left} x2={kWidth - kPad.right} y1={yOf(at)} y2={yOf(at)} />
            <text class="end" x={kPad.left - 6} y={yOf(at) + 4}>{at}</text>
          </g>
        ))}
        <text class="mid" x={(kPad.left + kWidth - kPad.right) / 2} y={kHeight - 5}>{words.curveAxis.p}</text>
        <path class="curve" d={kCurve} />
        <line class="drop" x1={x} x2={x} y1={y} y2={yOf(0)} />
        <line class="drop" x1={kPad.left} x2={x} y1={y} y2={y} />
        {loss > kMostLoss
          ? <path class="dot" d={`M${x - 6},${y + 8}L${x},${y - 2}L${x + 6},${y + 8}Z`} />
          : <circle class="dot" cx={x} cy={y} r={6} />}
        <text x={Math.min(x + 10, kWidth - 70)} y={Math.max(y - 8, 12)} class="value">{lossText(loss)}</text>
      </svg>
    </figure>
  );
}

/** The losses after each step, from left to right. */
export function StepTrace({ trace }: { trace: number[] }) {
  const finite = trace.filter(Number.isFinite);
  if (finite.length < 2) return null;
  const most = Math.max(...finite, 1e-12);
  const points = finite.map((loss, i) =>
    `${((i / (finite.length - 1)) * (kWidth - 20) + 10).toFixed(1)},${(50 - (loss / most) * 42).toFixed(1)}`);
  const label = `${words.steps(trace.length - 1)}: ${lossText(trace[0]!)} → ${lossText(trace.at(-1)!)}`;
  return (
    <figure class="loss-curve trace">
      <svg viewBox={`0 0 ${kWidth} 56`} role="img" aria-label={label}>
        <line class="grid" x1={10} x2={kWidth - 10} y1={50} y2={50} />
        <polyline class="curve" points={points.join(' ')} />
        <circle class="dot" cx={points.at(-1)!.split(',')[0]} cy={points.at(-1)!.split(',')[1]} r={4} />
      </svg>
      <figcaption class="soft small">{label}</figcaption>
    </figure>
  );
}

/** Four digits, and infinity as such. */
export function lossText(loss: number): string {
  if (loss === Infinity) return '∞';
  if (loss !== 0 && Math.abs(loss) < 0.001) return number(loss);
  return loss.toFixed(loss >= 100 ? 1 : 4).replace('-', '−');
}
