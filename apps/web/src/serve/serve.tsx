// The server's page: drop an image, see what the model says and where it looks.
import { useEffect, useState } from 'preact/hooks';
import { ShareBar } from '../parts/bars';
import { DropZone, useAddress } from '../parts/drop_zone';
import { pValue, percent } from '../parts/numbers';
import type { Prediction } from '../parts/prediction';
import { type Model, ServerError, map, models, predict } from './server';

function Verdict({ prediction }: { prediction: Prediction }) {
  const { labels, none_of_these: isNone, p_known: pKnown } = prediction;
  return (
    <>
      {isNone && <p class="wrong">None of these (p = {pValue(pKnown ?? 0)})</p>}
      {labels && <p>Labels: <b>{labels.length > 0 ? labels.join(', ') : 'none of these'}</b></p>}
    </>
  );
}

function Classes({ prediction, mapped, onMap }: {
  prediction: Prediction; mapped: string | undefined; onMap: (label: string) => void;
}) {
  return (
    <ul class="bar-list" aria-label="The most probable classes">
      {prediction.predictions.map(({ label, probability }) => (
        <li key={label}>
          <button type="button" class="plain name" aria-pressed={label === mapped} title={`Show the map of ${label}`}
            onClick={() => onMap(label)}>
            <bdi>{label}</bdi>
          </button>
          <ShareBar estimate={{ value: probability }} />
          <span class="text">{percent(probability)}</span>
        </li>
      ))}
    </ul>
  );
}

interface Shown {
  image: File;
  prediction?: Prediction;
  mapped?: string;
  map?: Blob;
  problem?: string;
}

const textOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

export function ServePage() {
  const [token, setToken] = useState('');
  const [needsToken, setNeedsToken] = useState(false);
  const [served, setServed] = useState<Model[]>([]);
  const [model, setModel] = useState('');
  const [problem, setProblem] = useState('');
  const [shown, setShown] = useState<Shown>();
  const imageAddress = useAddress(shown?.image);
  const mapAddress = useAddress(shown?.map);

  useEffect(() => {
    models(token).then(
      (list) => { setServed(list); setModel((now) => now || (list[0]?.name ?? '')); setProblem(''); setNeedsToken(false); },
      (error: unknown) => {
        if (error instanceof ServerError && error.status === 401) setNeedsToken(true);
        else setProblem(textOf(error));
      },
    );
  }, [token]);

  // A later image wins over an earlier one whose answer comes late.
  const update = (image: File, change: Partial<Shown>) =>
    setShown((now) => (now?.image === image ? { ...now, ...change } : now));
  const showMap = async (image: File, label: string, of: string) => {
    try {
      update(image, { map: await map(of, image, label, token), mapped: label });
    } catch (error) {
      update(image, { problem: textOf(error) });
    }
  };
  const show = async (image: File, of: string) => {
    setShown({ image });
    try {
      const prediction = await predict(of, image, token);
      update(image, { prediction });
      const best = prediction.predictions[0];
      if (best) await showMap(image, best.label, of);
    } catch (error) {
      update(image, { problem: textOf(error) });
    }
  };

  return (
    <main>
      <h1>Margay</h1>
      {needsToken && (
        <form class="card row" onSubmit={(event) => {
          event.preventDefault();
          setToken(String(new FormData(event.currentTarget).get('token') ?? ''));
        }}>
          <label for="token">This server asks for a token</label>
          <input id="token" name="token" type="password" autocomplete="off" />
          <button type="submit">Use it</button>
        </form>
      )}
      {served.length > 0 && (
        <p class="row">
          <label for="model">Model</label>
          <select id="model" value={model} onChange={(event) => {
            setModel(event.currentTarget.value);
            if (shown) void show(shown.image, event.currentTarget.value);
          }}>
            {served.map(({ name }) => <option key={name} value={name}>{name}</option>)}
          </select>
          {served.filter(({ name, reason }) => name === model && reason).map(({ reason }) => (
            <span key={reason} class="wrong small">{reason}</span>
          ))}
        </p>
      )}
      <DropZone onImage={(image) => void show(image, model)} />
      <div role="status">
        {problem && <p class="wrong">{problem}</p>}
        {shown?.problem && <p class="wrong">{shown.problem}</p>}
      </div>
      {shown && (
        <section class="card result" aria-label="What the model says">
          <figure>
            {imageAddress && <img src={imageAddress} alt={`The image ${shown.image.name}`} />}
            <figcaption class="soft small"><bdi>{shown.image.name}</bdi></figcaption>
          </figure>
          {mapAddress && (
            <figure>
              <img src={mapAddress} alt={`Where the image speaks for ${shown.mapped ?? ''} (orange) and against it (blue)`} />
              <figcaption class="soft small">
                Orange: speaks for <bdi>{shown.mapped}</bdi>; blue: against it
              </figcaption>
            </figure>
          )}
          {shown.prediction && (
            <div class="words">
              <Verdict prediction={shown.prediction} />
              <Classes prediction={shown.prediction} mapped={shown.mapped}
                onMap={(label) => void showMap(shown.image, label, model)} />
              <p class="soft small">{shown.prediction.model}, version {shown.prediction.model_version}</p>
            </div>
          )}
        </section>
      )}
    </main>
  );
}
