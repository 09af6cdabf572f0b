// Which images were answered with "none of these".
import { BarList } from '../parts/bars';
import { count, percent } from '../parts/numbers';
import type { PageData } from './document';

const kGuarantees: Record<string, string> = {
  split: 'at most this share of known images is refused',
  per_class: "at most this share of each class's images is refused",
  left_out: 'at most twice this share of known images is refused',
};

export function UnknownSection({ page }: { page: PageData }) {
  const { unknown, classes } = page.document;
  if (!unknown) return null;
  const bars = classes
    .filter((row) => row.refused && row.support)
    .map((row) => ({ key: row.class, name: <bdi>{row.name}</bdi>, value: row.refused! / row.support!, text: `${count(row.refused!)} of ${count(row.support!)}` }))
    .sort((a, b) => b.value - a.value);
  const guarantee = kGuarantees[unknown.guarantee ?? ''];
  return (
    <>
      <p>
        {typeof unknown.alpha === 'number' && `Images with a p-value of at most ${percent(unknown.alpha)} are refused`}
        {guarantee && `; ${guarantee}`}{typeof unknown.alpha === 'number' && '.'}
        {unknown.score && ` Score: ${unknown.score.replaceAll('_', ' ')}.`}
        {unknown.can_refuse === false && ' There were too few images to set a threshold, so nothing is refused.'}
      </p>
      {unknown.notes?.map((note) => <p key={note} class="soft">{note}</p>)}
      {bars.length > 0 && <BarList label="Refused images of each class" bars={bars.slice(0, 30)} />}
      {bars.length > 30 && <p class="soft small">The 30 classes with the largest shares; all stand in the table of classes.</p>}
    </>
  );
}
