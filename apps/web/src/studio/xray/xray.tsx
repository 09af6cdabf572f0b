// The loss X-ray: from logits to the gradient, with every number to be moved.
import { useEffect, useId, useMemo, useReducer, useRef, useState } from 'preact/hooks';
import { count, percent } from '../../parts/numbers';
import { ClassRow, gradientText } from './class_row';
import { LossCurve, StepTrace, lossText } from './loss_curve';
import { type LossInput, type LossNumbers, largestDifference, lossNumbers, naiveSoftmax } from './loss_math';
import {
  type XrayAction, type XraySetting, type XraySubject, firstState, inputOf, kTemperatures, pytorchCode, reducerOf, shownClasses, sliderRange,
} from './subject';
import { verdictOf } from './verdict';
import { words as all } from '../words';
import './xray.css';

const words = all.xray;

const kFewClasses = 12;
const kMoreClasses = 20;
const kMostPlayed = 200;

/** What the C++ library says of a setting. */
export interface LibraryNumbers {
  probability: number[];
  negative_log: number[];
  gradient: number[];
  loss: number | null;
}

interface Props {
  subject: XraySubject;
  /** Asks the C++ library for the same numbers; undefined: nobody to ask, as on a saved page. */
  check?: ((input: LossInput) => Promise<LibraryNumbers>) | undefined;
  /** A setting to begin with, as a saved page has it. */
  initial?: XraySetting | undefined;
  onChange?: (setting: XraySetting) => void;
}

export function Xray({ subject, check, initial, onChange }: Props) {
  const reduce = useMemo(() => reducerOf(subject.kind), [subject]);
  const [state, act] = useReducer(reduce, subject, (given) =>
    (initial ? { ...firstState(given), setting: initial } : firstState(given)));
  const { setting, trace } = state;
  const input = useMemo(() => inputOf(subject.kind, setting), [subject, setting]);
  const numbers = useMemo(() => lossNumbers(input), [input]);
  const [rate, setRate] = useState(1);
  const [invalid, setInvalid] = useState('');
  const dispatch = (action: XrayAction) => { setInvalid(''); act(action); };
  useEffect(() => onChange?.(setting), [setting]);
  const reset = () => dispatch({ type: 'reset', subject });
  return (
    <div class="xray" onKeyDown={(event) => {
      if (event.ctrlKey || event.metaKey ? event.key === 'z' : event.key === 'u' && !isTyping(event)) {
        event.preventDefault();
        dispatch({ type: 'undo' });
      } else if (event.key === 's' && !event.ctrlKey && !event.metaKey && !event.altKey && !isTyping(event)) {
        event.preventDefault();
        dispatch({ type: 'step', rate });
      }
    }}>
      <p class="soft">{words.intro[subject.kind]}</p>
      <div class="xray-top">
        <Gauge subject={subject} setting={setting} numbers={numbers} />
        {subject.kind === 'softmax' && numbers.loss !== undefined && (
          <LossCurve p={numbers.probability[setting.targets![0]!]!} loss={numbers.negativeLog[setting.targets![0]!]!} />
        )}
        <div class="xray-controls">
          <Controls setting={setting} hasLoss={numbers.loss !== undefined} rate={rate} setRate={setRate} act={dispatch}
                    canUndo={state.past.length > 0} reset={reset} />
          <StepTrace trace={trace} />
        </div>
      </div>
      <Rows subject={subject} setting={setting} numbers={numbers} act={dispatch} onInvalid={(text) => setInvalid(words.invalid(text))} />
      <p role="status" class="wrong small">{invalid}</p>
      <p class="soft small no-print">{words.keys}</p>
      {check && <Check input={input} numbers={numbers} check={check} />}
      {subject.kind === 'softmax' && <Naive setting={setting} act={dispatch} />}
      <Code subject={subject} setting={setting} />
    </div>
  );
}

function isTyping(event: KeyboardEvent): boolean {
  return event.target instanceof HTMLInputElement && event.target.type === 'text';
}

function lossWords(subject: XraySubject, setting: XraySetting, numbers: LossNumbers): string {
  if (numbers.loss === undefined) return words.noLoss;
  if (subject.kind === 'sigmoid') return words.lossMean(subject.classes.length);
  if (setting.smoothing > 0) return words.lossSmoothed;
  const label = setting.targets![0]!;
  return words.lossOf(subject.classes[label]!, percent(numbers.probability[label]!));
}

function Gauge({ subject, setting, numbers }: { subject: XraySubject; setting: XraySetting; numbers: LossNumbers }) {
  const sentences = verdictOf(subject, setting, numbers);
  return (
    <div class="xray-gauge">
      <div class="soft">{words.loss}</div>
      <output class="loss">{numbers.loss === undefined ? '–' : lossText(numbers.loss)}</output>
      <div class="soft small">{lossWords(subject, setting, numbers)}</div>
      <div class="verdict" aria-live="polite">{sentences.map((sentence) => <p key={sentence}>{sentence}</p>)}</div>
    </div>
  );
}

function Controls({ setting, hasLoss, rate, setRate, act, canUndo, reset }: {
  setting: XraySetting; hasLoss: boolean; rate: number; setRate: (rate: number) => void; act: (action: XrayAction) => void;
  canUndo: boolean; reset: () => void;
}) {
  const [isPlaying, setPlaying] = useState(false);
  const played = useRef(0);
  useEffect(() => {
    if (!isPlaying) return undefined;
    const quick = matchMedia('(prefers-reduced-motion: reduce)').matches;
    played.current = 0;
    const timer = setInterval(() => {
      for (let i = 0; i < (quick ? 10 : 1); i += 1) act({ type: 'step', rate });
      played.current += quick ? 10 : 1;
      if (played.current >= kMostPlayed) setPlaying(false);
    }, quick ? 1000 : 120);
    return () => clearInterval(timer);
  }, [isPlaying, rate]);
  useEffect(() => { if (!hasLoss) setPlaying(false); }, [hasLoss]);
  const temperatureId = useId();
  const smoothingId = useId();
  return (
    <>
      <Dial id={temperatureId} title={words.temperature} help={words.temperatureHelp} text={Number(setting.temperature.toPrecision(3)).toString()}
            low={Math.log(kTemperatures.low)} high={Math.log(kTemperatures.high)} value={Math.log(setting.temperature)} step={Math.log(1.05)}
            onValue={(value) => act({ type: 'temperature', value: Math.abs(value) < 0.02 ? 1 : Math.exp(value) })} />
      <Dial id={smoothingId} title={words.smoothing} help={words.smoothingHelp} text={Number(setting.smoothing.toPrecision(3)).toString()}
            low={0} high={0.5} value={setting.smoothing} step={0.01} onValue={(value) => act({ type: 'smoothing', value: Number(value.toFixed(3)) })} />
      <div class="row no-print">
        <button type="button" disabled={!hasLoss} title={words.stepHelp} onClick={() => act({ type: 'step', rate })}>{words.step}</button>
        <button type="button" disabled={!hasLoss} aria-pressed={isPlaying} onClick={() => setPlaying(!isPlaying)}>
          {isPlaying ? words.stop : words.play}
        </button>
        <label>{words.rate}{' '}
          <select value={String(rate)} onChange={(event) => setRate(Number(event.currentTarget.value))}>
            {[0.1, 0.3, 1, 3, 10].map((one) => <option key={one} value={String(one)}>{one}</option>)}
          </select>
        </label>
        <button type="button" disabled={!canUndo} onClick={() => act({ type: 'undo' })}>{words.undo}</button>
        <button type="button" onClick={() => { setPlaying(false); reset(); }}>{words.reset}</button>
      </div>
    </>
  );
}

function Dial({ id, title, help, text, low, high, value, step, onValue }: {
  id: string; title: string; help: string; text: string; low: number; high: number; value: number; step: number; onValue: (value: number) => void;
}) {
  return (
    <div class="dial">
      <label for={id} title={help}>{title}</label>
      <output for={id}>{text}</output>
      <input id={id} type="range" min={low} max={high} step="any" value={Math.min(high, Math.max(low, value))} aria-valuetext={text} title={help}
             onInput={(event) => onValue(Number(event.currentTarget.value))}
             onKeyDown={(event) => {
               const by = { ArrowRight: step, ArrowUp: step, ArrowLeft: -step, ArrowDown: -step, PageUp: 5 * step, PageDown: -5 * step }[event.key];
               if (by === undefined) return;
               event.preventDefault();
               onValue(Math.min(high, Math.max(low, value + by)));
             }} />
    </div>
  );
}

function Rows({ subject, setting, numbers, act, onInvalid }: {
  subject: XraySubject; setting: XraySetting; numbers: LossNumbers; act: (action: XrayAction) => void; onInvalid: (text: string) => void;
}) {
  const group = useId();
  const [most, setMost] = useState(kFewClasses);
  const choose = () => shownClasses(numbers.probability, setting.targets, most);
  const [shown, setShown] = useState(choose);
  useEffect(() => setShown(choose()), [subject, most]);
  // While someone drags, sliders keep their ends.
  const range = useMemo(() => sliderRange(subject.logits), [subject]);
  const fullGradient = Math.max(1e-12, subject.kind === 'softmax' ? 1 / setting.temperature : 1 / (subject.classes.length * setting.temperature));
  const hidden = subject.classes.length - shown.length;
  return (
    <>
      <div class={`xray-head ${subject.kind} soft small`} aria-hidden="true">
        <span class="target">{words.columns.target[subject.kind]}</span>
        <span class="name">{words.columns.name}</span>
        <span class="logit">{words.columns.logit}</span>
        {subject.kind === 'softmax' && <span class="exp" title={words.help.exp}>{words.columns.exp}</span>}
        <span class="probability" title={words.help.probability[subject.kind]}>{words.columns.probability}</span>
        <span class="cost" title={subject.kind === 'softmax' ? words.help.cost : words.help.costSigmoid}>
          {subject.kind === 'softmax' ? words.columns.cost : words.columns.costSigmoid}</span>
        <span class="gradient" title={words.help.gradient[subject.kind]}>{words.columns.gradient}</span>
      </div>
      <ul class={`xray-rows ${subject.kind}`} aria-label={words.title}>
        {shown.map((index) => (
          <ClassRow key={index} index={index} name={subject.classes[index]!} kind={subject.kind} logit={setting.logits[index]!}
                    original={subject.logits[index]!} isTarget={setting.targets?.includes(index) ?? false} group={group} range={range}
                    numbers={numbers} fullGradient={fullGradient} act={act} onInvalid={onInvalid} />
        ))}
      </ul>
      <Sums subject={subject} numbers={numbers} shown={shown} />
      {hidden > 0 && (
        <div class="row no-print">
          <button type="button" onClick={() => setMost(most + kMoreClasses)}>{words.showMore(count(Math.min(hidden, kMoreClasses)))}</button>
          <button type="button" onClick={() => setShown(choose())}>{words.sortByProbability}</button>
        </div>
      )}
    </>
  );
}

const sumOf = (column: Float64Array, classes?: Set<number>) => {
  let sum = 0;
  for (let k = 0; k < column.length; k += 1) if (!classes || !classes.has(k)) sum += column[k]!;
  return sum;
};

/** What the classes that are not shown add up to, and all of them. */
function Sums({ subject, numbers, shown }: { subject: XraySubject; numbers: LossNumbers; shown: number[] }) {
  const hidden = subject.classes.length - shown.length;
  const others = useMemo(() => new Set(shown), [shown]);
  if (subject.kind === 'sigmoid') return null;
  const line = (name: string, exp: number, p: number, gradient: number | undefined, cost: string) => (
    <>
      <span class="name">{name}</span>
      <span class="exp"><span class="caption soft small">{words.columns.exp}</span><span class="value">{exp.toFixed(3)}</span></span>
      <span class="probability"><span class="caption soft small">{words.columns.probability}</span><span class="value">{percent(p)}</span></span>
      <span class="cost"><span class="value">{cost}</span></span>
      <span class="gradient"><span class="caption soft small">{words.columns.gradient}</span>
        <span class="value">{gradient === undefined ? '–' : gradientText(Math.abs(gradient) < 1e-12 ? 0 : gradient)}</span></span>
    </>
  );
  const known = numbers.loss !== undefined;
  return (
    <div class="xray-sums softmax small">
      {hidden > 0 && (
        <div class="xray-row soft">
          {line(words.others(count(hidden)), sumOf(numbers.exp, others), sumOf(numbers.probability, others), known ? sumOf(numbers.gradient, others) : undefined, '')}
        </div>
      )}
      <div class="xray-row">
        {line(words.sum, sumOf(numbers.exp), 1, known ? sumOf(numbers.gradient) : undefined, '')}
      </div>
      <p class="soft">{words.sums(sumOf(numbers.exp).toFixed(4), lossText(numbers.logSumExp))}</p>
    </div>
  );
}

/** Asks the library when nothing has moved for a moment. */
function Check({ input, numbers, check }: { input: LossInput; numbers: LossNumbers; check: NonNullable<Props['check']> }) {
  const [difference, setDifference] = useState<number>();
  const [problem, setProblem] = useState('');
  useEffect(() => {
    let isOld = false;
    setDifference(undefined);
    const timer = setTimeout(() => {
      check(input).then((library) => {
        if (isOld) return;
        setProblem('');
        setDifference(Math.max(
          largestDifference(numbers.probability, library.probability), largestDifference(numbers.negativeLog, library.negative_log),
          numbers.loss === undefined ? 0 : largestDifference([numbers.loss], [library.loss ?? NaN]),
          numbers.loss === undefined ? 0 : largestDifference(numbers.gradient, library.gradient)));
      }, (error: unknown) => { if (!isOld) setProblem(error instanceof Error ? error.message : String(error)); });
    }, 400);
    return () => { isOld = true; clearTimeout(timer); };
  }, [input]);
  const isWrong = difference !== undefined && !(difference <= 1e-6);
  const text = difference === undefined ? words.checking
    : isWrong ? words.differs(difference.toExponential(0)) : words.agrees(difference === 0 ? '0' : difference.toExponential(0).replace('-', '−'));
  return <p class={`small ${isWrong || problem ? 'wrong' : 'soft'}`}>{problem || text}</p>;
}

/** What happens without the trick of subtracting the largest logit. */
function Naive({ setting, act }: { setting: XraySetting; act: (action: XrayAction) => void }) {
  const [isOpen, setOpen] = useState(false);
  return (
    <details class="xray-naive" open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{words.naive}</summary>
      {isOpen && <NaiveSum setting={setting} act={act} />}
    </details>
  );
}

function NaiveSum({ setting, act }: { setting: XraySetting; act: (action: XrayAction) => void }) {
  const naive = naiveSoftmax(setting.logits, setting.temperature);
  const text = naive.sum === Infinity ? words.naiveOverflow : naive.sum === 0 ? words.naiveVanish : words.naiveFine;
  const shown = naive.exp.slice(0, 6).map((e) => (e === Infinity ? '∞' : e === 0 ? '0' : e.toPrecision(3))).join(' + ');
  const sum = naive.sum === Infinity ? '∞' : naive.sum === 0 ? '0' : naive.sum.toPrecision(4);
  return (
    <>
      <p><code>Σ exp(z) = {shown}{naive.exp.length > 6 && ' + …'} = {sum}</code></p>
      <p class={naive.sum === Infinity || naive.sum === 0 ? 'wrong' : 'soft'}>{text}</p>
      <button type="button" onClick={() => act({ type: 'shift', by: 1000 })}>{words.tryLarge}</button>
    </>
  );
}

function Code({ subject, setting }: { subject: XraySubject; setting: XraySetting }) {
  const [isOpen, setOpen] = useState(false);
  return (
    <details open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{words.code}</summary>
      {isOpen && <CodeText code={pytorchCode(subject.kind, setting)} />}
    </details>
  );
}

function CodeText({ code }: { code: string }) {
  const [copied, setCopied] = useState('');
  return (
    <>
      <pre class="scroll" tabIndex={0}>{code}</pre>
      {navigator.clipboard && (
        <button type="button" onClick={() => { void navigator.clipboard.writeText(code).then(() => setCopied(code)); }}>
          {copied === code ? words.copied : words.copy}
        </button>
      )}
    </>
  );
}
