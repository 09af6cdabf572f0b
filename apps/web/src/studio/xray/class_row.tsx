// One class of the X-ray: its slider, and what becomes of its logit.
import { useEffect, useRef, useState } from 'preact/hooks';
import { ShareBar } from '../../parts/bars';
import { number, percent } from '../../parts/numbers';
import type { LossKind, LossNumbers } from './loss_math';
import { lossText } from './loss_curve';
import { type XrayAction, readLogit } from './subject';
import { words as all } from '../words';

const words = all.xray;

interface Props {
  index: number;
  name: string;
  kind: LossKind;
  logit: number;
  original: number;
  isTarget: boolean;
  /** One of a group of radio buttons. */
  group: string;
  range: { low: number; high: number };
  numbers: LossNumbers;
  /** The gradient that fills half of a bar. */
  fullGradient: number;
  act: (action: XrayAction) => void;
  onInvalid: (text: string) => void;
}

export const logitText = (z: number) => (z === -Infinity ? '−∞' : (Math.abs(z) >= 1000 ? String(Number(z.toPrecision(7))) : z.toFixed(2)).replace('-', '−'));

/** "+0.9099", "−0.7100"; smaller ones as a power of ten. */
export function gradientText(gradient: number): string {
  if (gradient === 0) return '0';
  const size = Math.abs(gradient);
  const text = size < 0.0001 ? number(size) : size.toFixed(4);
  return `${gradient < 0 ? '−' : '+'}${text}`;
}

export function ClassRow(props: Props) {
  const { index, name, kind, logit, isTarget, numbers, act } = props;
  const p = numbers.probability[index]!;
  const isMasked = logit === -Infinity;
  const cost = kind === 'softmax' ? numbers.negativeLog[index]! : numbers.part[index]! * numbers.probability.length;
  const hasLoss = numbers.loss !== undefined;
  return (
    <li class={`xray-row ${isTarget ? 'is-target' : ''} ${isMasked ? 'is-masked' : ''}`} data-class={index}>
      <span class="target">
        <input type={kind === 'softmax' ? 'radio' : 'checkbox'} name={props.group} checked={isTarget}
               aria-label={kind === 'softmax' ? words.chooseTarget(name) : words.hasTarget(name)}
               onChange={() => act({ type: 'target', index })} />
      </span>
      <bdi class="name" title={name}>{name}</bdi>
      <span class="logit"><LogitSlider {...props} /></span>
      <span class="number"><LogitField {...props} /></span>
      <button type="button" class="plain mask" aria-pressed={isMasked} aria-label={isMasked ? words.unmask(name) : words.mask(name)}
              onClick={() => act({ type: 'mask', index, original: props.original })}>
        {isMasked ? words.unmaskShort : words.maskShort}
      </button>
      {kind === 'softmax' && (
        <span class="exp"><Caption text={words.columns.exp} /><span class="value">{expText(numbers.exp[index]!)}</span>
          <ShareBar estimate={{ value: numbers.exp[index]! }} /></span>
      )}
      <span class="probability"><Caption text={words.columns.probability} /><span class="value">{percent(p)}</span><ShareBar estimate={{ value: p }} /></span>
      <span class="cost"><Caption text={kind === 'softmax' ? words.columns.cost : words.columns.costSigmoid} />
        <span class="value">{kind === 'softmax' || hasLoss ? lossText(cost) : '–'}</span></span>
      <span class="gradient"><Caption text={words.columns.gradient} />
        {hasLoss ? <GradientBar gradient={numbers.gradient[index]!} full={props.fullGradient} /> : <span class="value">–</span>}</span>
    </li>
  );
}

/** What the heading says, for narrow screens and for those who do not see it. */
const Caption = ({ text }: { text: string }) => <span class="caption soft small">{text}</span>;

const expText = (e: number) => (e !== 0 && e < 0.001 ? e.toExponential(1).replace('-', '−') : e.toFixed(3));

/** To the left: training raises the logit; to the right: it lowers it. */
function GradientBar({ gradient, full }: { gradient: number; full: number }) {
  const width = `${Math.min(50, (Math.abs(gradient) / full) * 50).toFixed(2)}%`;
  return (
    <>
      <span class="value">{gradientText(gradient)}{gradient !== 0 && <span class="soft small"> {gradient < 0 ? words.raise : words.lower}</span>}</span>
      <span class={`push ${gradient < 0 ? 'up' : 'down'}`} aria-hidden="true">
        <span style={gradient < 0 ? { right: '50%', width } : { left: '50%', width }} />
      </span>
    </>
  );
}

/** A key of the logits, and what it does. */
function keyAction(event: KeyboardEvent, props: Props): XrayAction | undefined {
  if (event.ctrlKey || event.altKey || event.metaKey) return undefined;
  const { index, logit, original } = props;
  const move = (by: number): XrayAction => ({ type: 'logit', index, value: Number(((logit === -Infinity ? 0 : logit) + by).toPrecision(12)) });
  const fine = event.shiftKey ? 1 : 0.1;
  switch (event.key) {
    case 'ArrowRight': case 'ArrowUp': return move(fine);
    case 'ArrowLeft': case 'ArrowDown': return move(-fine);
    case 'PageUp': return move(5);
    case 'PageDown': return move(-5);
    case 't': case 'T': return { type: 'target', index };
    case 'm': case 'M': return { type: 'mask', index, original };
    case 'r': case 'R': return { type: 'logit', index, value: original };
    default: return undefined;
  }
}

function LogitSlider(props: Props) {
  const { index, name, logit, range, numbers, act } = props;
  const shown = logit === -Infinity ? range.low : Math.min(range.high, Math.max(range.low, logit));
  return (
    <input type="range" min={range.low} max={range.high} step="any" value={shown} aria-label={words.logitOf(name)}
           aria-valuetext={words.logitValue(logitText(logit), percent(numbers.probability[index]!))}
           onInput={(event) => act({ type: 'logit', index, value: Number(event.currentTarget.value) })}
           onKeyDown={(event) => {
             const action = keyAction(event, props);
             if (!action) return;
             event.preventDefault();
             event.stopPropagation();
             act(action);
           }} />
  );
}

/** The logit as a number, which may lie beyond the slider. It is read when it is left, or on Enter. */
function LogitField({ index, name, logit, act, onInvalid }: Props) {
  const [text, setText] = useState<string>();
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => setText(undefined), [logit]);
  const read = () => {
    if (text === undefined) return;
    const value = readLogit(text);
    setText(undefined);
    if (value === undefined) onInvalid(text);
    else if (value !== logit) act({ type: 'logit', index, value });
  };
  return (
    <input ref={field} type="text" inputMode="decimal" class="logit-field" value={text ?? logitText(logit)} aria-label={words.logitNumberOf(name)}
           onInput={(event) => setText(event.currentTarget.value)} onBlur={read}
           onKeyDown={(event) => {
             if (event.key === 'Enter') read();
             event.stopPropagation();
           }} />
  );
}
