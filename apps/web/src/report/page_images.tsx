// Images of the page with what was predicted for them.
import { ImageCard } from '../parts/image_card';
import { number, pValue, percent } from '../parts/numbers';
import type { PageData, PageImage } from './document';
import { useImageAccess } from './image_access';

export const kNone = 'none of these';

function namesOf(classes: number[] | undefined, vocab: string[], none: string): string {
  return classes?.length ? classes.map((index) => vocab[index] ?? `class ${index}`).join(', ') : none;
}

function sameClasses(a: number[], b: number[]): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i]);
}

/** Why there is no image to see. */
function missingWords(page: PageData): string {
  return page.unreadable > 0 ? 'could not be read, or had no room' : 'not on this page';
}

interface Props {
  page: PageData;
  id: number;
  /** The words of the list that the image stands in, instead of those of its label and prediction. */
  note?: string | undefined;
}

export function PageImageCard({ page, id, note }: Props) {
  const access = useImageAccess();
  const image = page.images[id];
  if (!image) return null;
  const sources = [
    { caption: 'image', source: image.has_thumbnail ? access.source(id) : undefined },
    ...(image.maps ?? []).map((caption, i) => ({ caption, source: access.source(id, i + 1) })),
  ];
  return (
    <ImageCard name={image.name} images={sources} missing={access.missing ?? missingWords(page)} verdict={verdictOf(page, image)}>
      <ImageWords page={page} image={image} />
      {note && <span class="soft">{note}</span>}
      {access.actions?.(id)}
    </ImageCard>
  );
}

function verdictOf(page: PageData, image: PageImage): 'right' | 'wrong' | undefined {
  if (!page.document.has_labels || !image.labels) return undefined;
  return sameClasses(image.labels, image.predicted) ? 'right' : 'wrong';
}

function ImageWords({ page, image }: { page: PageData; image: PageImage }) {
  const { vocab, has_labels: hasLabels, task } = page.document;
  const none = task === 'multi_label' ? 'no class' : kNone;
  const verdict = verdictOf(page, image);
  const sure = image.probability === undefined ? '' : ` ${percent(image.probability)}`;
  return (
    <>
      {hasLabels && verdict === 'wrong' && (
        <span><span class="soft">label</span> <bdi>{namesOf(image.labels, vocab, 'no label')}</bdi>
          {image.label_probability === undefined || task === 'multi_label' ? '' : ` ${percent(image.label_probability)}`}</span>
      )}
      <span class={verdict ?? ''}>
        <span class="soft">{verdict === 'right' ? 'right' : 'predicted'}</span>{' '}
        <bdi>{namesOf(image.predicted, vocab, none)}</bdi>{task === 'multi_label' ? '' : sure}
      </span>
      <span class="soft">
        {image.loss === undefined ? '' : `loss ${number(image.loss)}`}
        {image.p_known === undefined ? '' : `${image.loss === undefined ? '' : ', '}p known ${pValue(image.p_known)}`}
      </span>
    </>
  );
}
