// The X-ray of a judged image, or of numbers to play with.
import { useMemo, useState } from 'preact/hooks';
import { apiPath, useGet } from '../api';
import { type Place, address } from '../place';
import { savedPage, useKept } from '../saved_page';
import { words as all } from '../words';
import { useEvaluation } from './evaluation';
import { questionOf } from './mistakes_view';
import { kPresets, type PresetName } from '../xray/presets';
import type { XraySetting, XraySubject } from '../xray/subject';
import { askLibrary } from '../xray/library';
import { Xray } from '../xray/xray';

const words = all.mistakes;

/** As the server gives it. */
interface JudgedSubject extends Omit<XraySubject, 'targets' | 'logits'> {
  logits: (number | null)[];
  targets?: number[];
}

export function XrayPage({ place }: { place: Place }) {
  const row = place.rest[1];
  return (
    <>
      <p class="no-print"><a href={address('mistakes', [], Object.fromEntries(place.query))}>← {words.back}</a></p>
      <h1>{all.xray.title}</h1>
      {row === undefined ? <Playground /> : <OfImage place={place} row={row} />}
    </>
  );
}

function OfImage({ place, row }: { place: Place; row: string }) {
  const question = useMemo(() => questionOf(place), [place]);
  const { status, problem } = useEvaluation(question);
  const id = status?.state === 'done' ? status.id : undefined;
  const got = useGet<JudgedSubject>(id === undefined ? undefined : apiPath('mistakes', id, 'xray', row));
  const subject = useMemo<XraySubject | undefined>(() => got.data && {
    ...got.data, logits: got.data.logits.map((z) => z ?? -Infinity), targets: got.data.targets,
  }, [got.data]);
  const [kept, setKept] = useKept<KeptSetting | undefined>(`xray.${row}`, undefined);
  const trouble = problem || status?.problem || got.problem?.message;
  return (
    <>
      {trouble && <p class="wrong" role="alert">{trouble}</p>}
      {!subject && !trouble && <p role="status" class="soft">{all.loading}</p>}
      {subject && (
        <div class="xray-page">
          <figure>
            <img src={apiPath('mistakes', id ?? '', 'image', row)} alt={subject.name} />
            <figcaption class="soft small"><bdi>{subject.name}</bdi></figcaption>
          </figure>
          <section class="card" aria-label={all.xray.title}>
            <Xray key={`${id} ${row}`} subject={subject} check={savedPage ? undefined : askLibrary} initial={settingOf(kept)}
                  onChange={(setting) => setKept(keptOf(setting))} />
          </section>
        </div>
      )}
    </>
  );
}

/** JSON has no infinite numbers: null is a class that is ruled out. */
type KeptSetting = Omit<XraySetting, 'logits'> & { logits: (number | null)[] };
const keptOf = (setting: XraySetting): KeptSetting => ({ ...setting, logits: setting.logits.map((z) => (z === -Infinity ? null : z)) });
const settingOf = (kept: KeptSetting | undefined): XraySetting | undefined =>
  kept && { ...kept, targets: kept.targets, logits: kept.logits.map((z) => z ?? -Infinity) };

function Playground() {
  const [name, setName] = useKept<PresetName>('xray.preset', 'breeds');
  const [kept, setKept] = useKept<KeptSetting | undefined>('xray.setting', undefined);
  const [first] = useState(kept);
  return (
    <>
      <div class="row no-print" role="group" aria-label={all.xray.presets.title}>
        {(Object.keys(kPresets) as PresetName[]).map((each) => (
          <button key={each} type="button" aria-pressed={each === name} onClick={() => setName(each)}>{all.xray.presets[each]}</button>
        ))}
      </div>
      <section class="card" aria-label={all.xray.title}>
        <Xray key={name} subject={kPresets[name]} check={savedPage ? undefined : askLibrary} initial={savedPage ? settingOf(first) : undefined}
              onChange={(setting) => setKept(keptOf(setting))} />
      </section>
    </>
  );
}
