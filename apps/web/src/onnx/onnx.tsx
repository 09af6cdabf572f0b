// The page of an exported model: drop an image, see what the ONNX file says of it.
import { useEffect, useState } from 'preact/hooks';
import { BarList } from '../parts/bars';
import { DropZone, useAddress } from '../parts/drop_zone';
import { pValue, percent } from '../parts/numbers';
import { type Decoded, decode, isCanvasTrue } from './pixels';
import { type ExportedModel, LoadedModel, type Outputs } from './session';
import { words } from './words';

const kShown = 5;
const textOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

/** Classes by their logits, which no rounding of probabilities makes equal; equal ones in the model's order. */
const ranked = (logits: Float32Array) => [...logits.keys()].sort((a, b) => logits[b]! - logits[a]! || a - b);

function Verdict({ model, outputs }: { model: ExportedModel; outputs: Outputs }) {
  const { pKnown, logits } = outputs;
  const labels = model.classes.filter((_, k) => logits[k]! > 0); // a probability above ½ before calibration
  return (
    <>
      {pKnown !== undefined && model.alpha !== null && pKnown <= model.alpha && <p class="wrong">{words.none(pValue(pKnown))}</p>}
      {model.task === 'multi_label' && <p>{words.labels} <b>{labels.join(', ') || words.noLabels}</b></p>}
    </>
  );
}

function AllNumbers({ model, outputs, order }: { model: ExportedModel; outputs: Outputs; order: number[] }) {
  return (
    <details>
      <summary>{words.all}</summary>
      <div class="numbers" tabIndex={0} role="region" aria-label={words.all}>
        <table>
          <thead><tr>{words.columns.map((name) => <th key={name} scope="col">{name}</th>)}</tr></thead>
          <tbody>
            {order.map((k) => (
              <tr key={k}>
                <th scope="row"><bdi>{model.classes[k]}</bdi></th>
                <td>{outputs.logits[k]!.toFixed(5)}</td>
                <td>{outputs.probabilities[k]!.toFixed(6)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {outputs.pKnown !== undefined && <p class="soft small">{words.pKnown}: <span class="p-known">{outputs.pKnown.toFixed(6)}</span></p>}
    </details>
  );
}

interface Shown {
  image: File;
  decoded?: Decoded;
  outputs?: Outputs;
  problem?: string;
}

function Result({ model, shown }: { model: ExportedModel; shown: Shown }) {
  const address = useAddress(shown.image);
  const { image, decoded, outputs } = shown;
  const order = outputs ? ranked(outputs.logits) : [];
  return (
    <section class="card result" aria-label={words.result}>
      <figure>
        {address && decoded && <img src={address} alt={words.image(image.name)} />}
        <figcaption class="soft small"><bdi>{image.name}</bdi></figcaption>
      </figure>
      {decoded && outputs && (
        <div class="words">
          <Verdict model={model} outputs={outputs} />
          <BarList label={words.best} full={1} bars={order.slice(0, kShown).map((k) => (
            { key: k, name: <bdi>{model.classes[k]}</bdi>, value: outputs.probabilities[k]!, text: percent(outputs.probabilities[k]!) }))} />
          <AllNumbers model={model} outputs={outputs} order={order} />
          <p class="soft small">{words.took(decoded.width, decoded.height, outputs.milliseconds)}. {decoded.isExact ? words.exact : words.decoded}</p>
          {!decoded.isExact && !isCanvasTrue() && <p class="wrong">{words.noisy}</p>}
        </div>
      )}
    </section>
  );
}

export function OnnxPage({ model }: { model: ExportedModel }) {
  const [loaded, setLoaded] = useState<LoadedModel>();
  const [problem, setProblem] = useState('');
  const [shown, setShown] = useState<Shown>();

  useEffect(() => { LoadedModel.load(model).then(setLoaded, (error: unknown) => setProblem(textOf(error))); }, [model]);

  // An image that comes before the model waits for it; a later one wins over an earlier one that ends late.
  const image = shown?.image;
  useEffect(() => {
    if (!image || !loaded) return;
    const update = (change: Partial<Shown>) => setShown((now) => (now?.image === image ? { ...now, ...change } : now));
    const compute = async () => {
      const decoded = await decode(image, model.deep_bits);
      update({ decoded });
      update({ outputs: await loaded.run(decoded) });
    };
    compute().catch((error: unknown) => update({ problem: `${image.name}: ${textOf(error)}` }));
  }, [image, loaded]);

  const isBusy = shown && !shown.outputs && !shown.problem;
  return (
    <main>
      <h1>{words.title(model.name)}</h1>
      <p class="soft">{words.private}</p>
      <DropZone onImage={(file) => setShown({ image: file })} />
      <div role="status">
        {problem && <p class="wrong">{problem}</p>}
        {!problem && !loaded && <p>{words.loading(model.name, model.bytes)}</p>}
        {loaded && isBusy && <p>{words.computing}</p>}
        {shown?.problem && <p class="wrong">{shown.problem}</p>}
      </div>
      {shown && !shown.problem && <Result model={model} shown={shown} />}
      <p class="soft small">{words.about(model.runtime.version, model.version, model.sha256)}</p>
    </main>
  );
}
