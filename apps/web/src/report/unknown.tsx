// Which images were answered with "none of these".
import { BarList } from '../parts/bars';
import { type Estimate, count, counted, level, withInterval } from '../parts/numbers';
import { type PageData, type Unknown, estimateOf } from './document';

const kGuarantees: Record<string, string> = {
  split: 'at most this share of known images is refused',
  per_class: "at most this share of each class's images is refused",
  left_out: 'at most twice this share of known images is refused',
};

/** The share of all images that were refused; undefined where none could be. */
export function refusedShare({ document: numbers }: PageData): Estimate | undefined {
  return estimateOf(numbers.summary.find(({ name }) => name === 'refused'));
}

export function UnknownSection({ page }: { page: PageData }) {
  const { unknown, classes } = page.document;
  const share = refusedShare(page);
  const bars = classes
    .filter((row) => row.refused && row.support)
    .map((row) => ({
      key: row.class, name: <bdi>{row.name}</bdi>, value: row.refused! / row.support!,
      text: `${count(row.refused!)} of ${count(row.support!)}`,
    }))
    .sort((a, b) => b.value - a.value);
  return (
    <>
      {share && <p>{withInterval(share, 'percent')} of the images were refused: they are like none of the classes.</p>}
      {unknown && <Threshold unknown={unknown} />}
      {bars.length > 0 && <BarList label="Refused images of each class" bars={bars.slice(0, 30)} />}
      {bars.length > 30 && (
        <p class="soft small">
          The 30 of {counted(bars.length, 'class', 'classes')} with the largest shares; all stand in the table of classes.
        </p>
      )}
    </>
  );
}

function Threshold({ unknown }: { unknown: Unknown }) {
  const guarantee = kGuarantees[unknown.guarantee ?? ''];
  return (
    <>
      {typeof unknown.alpha === 'number' && (
        <p class="soft">
          Images with a p-value of at most {level(unknown.alpha)} are refused{guarantee ? `; ${guarantee}` : ''}.
          {unknown.score && ` Score: ${unknown.score.replaceAll('_', ' ')}.`}
        </p>
      )}
      {unknown.can_refuse === false && <p class="soft">There were too few images to set a threshold, so nothing is refused.</p>}
      {unknown.notes?.map((note) => <p key={note} class="soft">{note}</p>)}
    </>
  );
}
