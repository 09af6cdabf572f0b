// What one model says of the image.
import { useMemo, useState } from 'preact/hooks';
import { ShareBar } from '../../parts/bars';
import { count, pValue, percent } from '../../parts/numbers';
import { Marked } from '../marked';
import { savedPage } from '../saved_page';
import { words as all } from '../words';
import { askLibrary } from '../xray/library';
import type { XraySubject } from '../xray/subject';
import { Xray } from '../xray/xray';
import type { GivenImage } from './inputs';
import type { Examples, ModelFacts, Tried } from './server';
import type { ModelState } from './try_view';

const words = all.try;

interface Props {
  name: string;
  state: ModelState;
  image: GivenImage | undefined;
  onMap: (label: string) => void;
  onExamples: () => void;
  onStopExamples: () => void;
  onRemove: (() => void) | undefined;
}

export function ModelCard({ name, state, image, onMap, onExamples, onStopExamples, onRemove }: Props) {
  const { facts, tried, problem } = state;
  return (
    <section class="card try-model" aria-label={name} aria-busy={state.isLooking ?? false}>
      <div class="row">
        <h2><bdi>{facts?.name ?? name}</bdi></h2>
        {onRemove && !savedPage && <button type="button" class="plain" aria-label={words.removeModel(name)} onClick={onRemove}>×</button>}
      </div>
      {facts && <p class="soft small">{words.about(facts.architecture, facts.size, facts.version)}</p>}
      <div role="status">
        {problem && <p class="wrong"><Marked text={problem} /></p>}
        {!facts && !problem && <p class="soft">{words.loadingModel}</p>}
        {state.isLooking && !tried && <p class="soft">{words.predicting}</p>}
        {facts && !tried && !state.isLooking && !problem && <p class="soft">{words.noImage}</p>}
      </div>
      {tried && (image || savedPage) && <Answer tried={tried} onMap={onMap} />}
      {tried && <Nearest tried={tried} examples={state.examples} onExamples={onExamples} onStop={onStopExamples} />}
      {tried && facts && <TriedXray facts={facts} tried={tried} />}
    </section>
  );
}

function Answer({ tried, onMap }: { tried: Tried; onMap: (label: string) => void }) {
  const [shown, setShown] = useState<'map' | 'seen'>('map');
  const { decoded_ms: decoded, predicted_ms: predicted, mapped_ms: mapped } = tried.times;
  const ms = (value: number) => value.toFixed(value < 10 ? 1 : 0);
  return (
    <>
      <Verdict tried={tried} />
      <button type="button" class="plain figure" onClick={() => setShown(shown === 'map' ? 'seen' : 'map')}
              aria-pressed={shown === 'map'}>
        <img src={shown === 'map' ? tried.map.image : tried.seen}
             alt={shown === 'map' ? words.mapAlt(tried.map.label) : words.seenAlt(tried.path)} />
        <span class="soft small">{shown === 'map' ? words.mapOf(tried.map.label) : words.asSeen}</span>
      </button>
      <ul class="bar-list" aria-label={words.mostProbable}>
        {tried.predictions.map(({ label, probability }) => (
          <li key={label}>
            <button type="button" class="plain name" aria-pressed={label === tried.map.label} title={words.showMap(label)}
                    disabled={savedPage !== undefined} onClick={() => { setShown('map'); onMap(label); }}><bdi>{label}</bdi></button>
            <ShareBar estimate={{ value: probability }} />
            <span class="text">{percent(probability)}</span>
          </li>
        ))}
      </ul>
      <p class="soft small">{words.times(ms(decoded + predicted + mapped), ms(decoded), ms(predicted), ms(mapped))}</p>
    </>
  );
}

function Verdict({ tried }: { tried: Tried }) {
  const best = tried.predictions[0];
  const p = pValue(tried.p_known ?? 1);
  return (
    <div class="verdict" role="status">
      {tried.none_of_these && <p class="wrong">{words.none(p)}</p>}
      {tried.labels
        ? <p>{words.labels}: <b>{tried.labels.length > 0 ? tried.labels.join(', ') : words.noLabels}</b></p>
        : best && !tried.none_of_these && <p><b><bdi>{best.label}</bdi></b> {percent(best.probability)}</p>}
      {tried.p_known !== undefined && !tried.none_of_these && <p class="soft small">{words.usual(p)}</p>}
    </div>
  );
}

function Nearest({ tried, examples, onExamples, onStop }: {
  tried: Tried; examples: Examples | undefined; onExamples: () => void; onStop: () => void;
}) {
  const { nearest, nearest_problem: problem } = tried;
  if (nearest) {
    return (
      <>
        <h3 title={words.nearestHelp}>{words.nearest}</h3>
        <ul class="near-images">
          {nearest.map((image) => (
            <li key={image.name} title={image.name}>
              {image.image ? <img src={image.image} alt={image.name} /> : <span class="soft small">{image.problem}</span>}
              <span class="small"><bdi>{image.labels.join(', ')}</bdi></span>
              <span class="soft small">{words.similarity(image.similarity.toFixed(2))}</span>
            </li>
          ))}
        </ul>
        {examples?.reason && <p class="soft small">{examples.reason}</p>}
      </>
    );
  }
  if (savedPage) return null;
  if (examples?.state === 'working') {
    return (
      <p class="row small" role="status">
        <progress aria-label={words.nearest} {...(examples.total > 0 ? { value: examples.done, max: examples.total } : {})} />
        {examples.total > 0 ? words.nearestWorking(count(examples.done), count(examples.total)) : words.nearestBegins}
        <button type="button" onClick={onStop}>{all.cancel}</button>
      </p>
    );
  }
  return (
    <p class="small">
      {problem && <span class="wrong"><Marked text={words.noNearest(problem)} /> </span>}
      {examples?.state === 'failed' && <span class="wrong"><Marked text={examples.problem ?? ''} /> </span>}
      <button type="button" title={words.nearestCost} onClick={onExamples}>{words.nearestFind}</button>
    </p>
  );
}

/** The X-ray of the image; nobody has said yet what its label is. */
function TriedXray({ facts, tried }: { facts: ModelFacts; tried: Tried }) {
  const [isOpen, setOpen] = useState(false);
  const subject = useMemo<XraySubject>(() => ({
    name: tried.path, kind: facts.is_multi_label ? 'sigmoid' : 'softmax', classes: facts.labels, logits: tried.logits, targets: undefined,
    temperature: facts.temperature,
  }), [facts, tried.logits]);
  return (
    <details open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{words.xray}</summary>
      {isOpen && <Xray key={tried.logits.join()} subject={subject} check={savedPage ? undefined : askLibrary} />}
    </details>
  );
}
