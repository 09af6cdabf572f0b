// One image, large, with what is known of it. Arrow keys lead to its neighbours.
import { useEffect, useRef, useState } from 'preact/hooks';
import { count } from '../../parts/numbers';
import { Thumbnail, thumbnailUrl } from '../../parts/thumbnail';
import { useGet } from '../api';
import { Marked } from '../marked';
import { address } from '../place';
import { words } from '../words';
import { type Dataset, dataQuery, type Finding, type ImageFacts, imagePath, type Source } from './data_api';

const text = words.data;

interface Props {
  source: Source;
  dataset: Dataset;
  id: string;
  /** Counts what was found, so that it is asked for anew. */
  revision: string;
  onClose: () => void;
  /** undefined: there is none on that side. */
  onPrevious: (() => void) | undefined;
  onNext: (() => void) | undefined;
  onImage: (id: string) => void;
}

function FindingItem({ finding, own, onImage }: { finding: Finding; own: string; onImage: (id: string) => void }) {
  const others = (finding.images ?? []).filter((id) => id !== own).slice(0, 12);
  return (
    <li>
      <b class={finding.severity === 'harm' ? 'wrong' : 'unsure'}>{finding.title}</b>
      {finding.text && <div>{finding.text}</div>}
      <div class="soft small"><Marked text={finding.remedy} /></div>
      {others.length > 0 && (
        <div class="small">
          {text.facts.others}{' '}
          {others.map((id) => <button key={id} type="button" class="plain" onClick={() => onImage(id)}><bdi>{id}</bdi></button>)}
        </div>
      )}
    </li>
  );
}

/** Bytes as people read them. */
const bytes = (size: number) =>
  size < 10_000 ? `${count(size)} B` : size < 10_000_000 ? `${count(size / 1000)} kB` : `${count(size / 1_000_000)} MB`;

function Facts({ facts, dataset, source, onImage, isChecked }: {
  facts: ImageFacts; dataset: Dataset; source: Source; onImage: (id: string) => void; isChecked: boolean;
}) {
  const { file } = facts;
  const labels = facts.labels.map((label) => dataset.classes[label]?.[0] ?? '');
  const rows: [string, string | undefined][] = [
    [text.facts.label, labels.length > 0 ? labels.join(', ') : text.facts.noLabel],
    [text.facts.set, text.filter[facts.side]],
    [text.facts.size, file.width === undefined ? undefined : text.facts.pixels(file.width, file.height ?? 0)],
    [text.facts.format, file.format && `${file.format}${file.bits && file.bits > 8 ? `, ${text.facts.bits(file.bits)}` : ''}`],
    [text.facts.bytes, file.bytes === undefined ? undefined : bytes(file.bytes)],
    [text.facts.modified, file.modified === undefined ? undefined : new Date(file.modified * 1000).toLocaleString()],
    [text.facts.file, file.path],
  ];
  return (
    <>
      <dl>
        {rows.filter(([, value]) => value !== undefined).map(([name, value]) => (
          <div key={name}><dt class="soft">{name}</dt><dd><bdi>{value}</bdi></dd></div>
        ))}
      </dl>
      {file.problem && <p class="wrong">{file.problem}</p>}
      <h3>{text.facts.findings}</h3>
      {facts.findings.length === 0 && <p class="soft small">{isChecked ? text.facts.nothing : text.facts.notChecked}</p>}
      <ul class="findings small">
        {facts.findings.map((finding, i) => <FindingItem key={i} finding={finding} own={facts.id} onImage={onImage} />)}
      </ul>
      {!file.problem && (
        <p><a href={address('data', [source.folder, 'seen'], { options: source.options, image: facts.id })}>{text.facts.seen}</a></p>
      )}
    </>
  );
}

export function OpenImage(props: Props) {
  const { source, dataset, id, onClose, onPrevious, onNext } = props;
  const dialog = useRef<HTMLDialogElement>(null);
  const [isActualSize, setActualSize] = useState(false);
  const facts = useGet<ImageFacts>(imagePath(source, 'image', id), { ...dataQuery(source), found: props.revision });
  useEffect(() => {
    const shown = dialog.current!;
    shown.showModal();
    return () => shown.close();
  }, []);
  useEffect(() => setActualSize(false), [id]);

  const press = (event: KeyboardEvent) => {
    const moves: Record<string, (() => void) | undefined> = {
      ArrowLeft: onPrevious, ArrowUp: onPrevious, k: onPrevious, ArrowRight: onNext, ArrowDown: onNext, j: onNext,
      '1': () => setActualSize(!isActualSize),
    };
    const move = event.ctrlKey || event.metaKey || event.altKey ? undefined : moves[event.key];
    if (!move) return;
    event.preventDefault();
    move();
  };
  const name = facts.data?.name ?? id;
  const { version } = facts.data ?? {};
  const large = thumbnailUrl(source.folder, id, 2048, { bits: dataset.deep_bits, ...(version !== undefined && { version }) });
  return (
    <dialog ref={dialog} class="open-image" aria-label={text.openImage(name)} onClose={onClose} onKeyDown={press}
            onClick={(event) => event.target === dialog.current && onClose()}>
      <div class="row head">
        <h2><bdi>{name}</bdi></h2>
        <button type="button" disabled={!onPrevious} onClick={onPrevious} title={`${text.previous} (←)`} aria-label={text.previous}>←</button>
        <button type="button" disabled={!onNext} onClick={onNext} title={`${text.next} (→)`} aria-label={text.next}>→</button>
        <button type="button" aria-pressed={isActualSize} title="1" onClick={() => setActualSize(!isActualSize)}>{text.actualSize}</button>
        <button type="button" onClick={onClose}>{words.close}</button>
      </div>
      <div class="body">
        <div class={`shown-image ${isActualSize ? 'actual' : ''}`} tabIndex={isActualSize ? 0 : -1}>
          {facts.data && (isActualSize
            ? <img src={thumbnailUrl(source.folder, id, 4096, { version: facts.data.version, bits: dataset.deep_bits })} alt={name} />
            : <Thumbnail source={large} name={name} missing={text.missing} />)}
        </div>
        <div class="image-facts" aria-live="polite">
          {facts.problem && <p class="wrong">{facts.problem.message}</p>}
          {facts.data && (
            <Facts facts={facts.data} dataset={dataset} source={source} onImage={props.onImage} isChecked={props.revision !== '0'} />
          )}
        </div>
      </div>
    </dialog>
  );
}
