// Lists of images: the highest losses, the most surely wrong, the lowest, the nearest to the border.
import { useState } from 'preact/hooks';
import { ImageCards } from '../parts/image_card';
import { percent } from '../parts/numbers';
import { type ListName, type PageData, type TopImage, kLists } from './document';
import { PageImageCard } from './page_images';

const kWords: Record<ListName, [title: string, words: string]> = {
  highest: ['Highest loss', 'Where the label got the least probability: hard images, and often wrong labels.'],
  surely_wrong: ['Most surely wrong', 'Wrong predictions, those with the highest probability first.'],
  lowest: ['Lowest loss', 'What the classifier knows best.'],
  border: ['Nearest to the border', 'Nearest to being predicted differently.'],
  least_sure: ['Least sure', 'Predictions with the lowest probability.'],
};

function noteOf(list: ListName, image: TopImage): string | undefined {
  if (list !== 'border' || !image.border_class || image.margin === null) return undefined;
  return `${percent(image.margin)} from ${image.border_class}`;
}

export function TopImages({ page }: { page: PageData }) {
  const lists = kLists.filter((name) => page.document.top_losses[name]?.length);
  const [chosen, setChosen] = useState<ListName | undefined>(lists[0]);
  if (!chosen) return <p class="soft">There are no images to list.</p>;
  const images = page.document.top_losses[chosen] ?? [];
  const hasMaps = images.some(({ row }) => page.images[row]?.maps?.length);
  return (
    <>
      <div class="row no-print" role="group" aria-label="List of images">
        {lists.map((name) => (
          <button key={name} type="button" aria-pressed={name === chosen} onClick={() => setChosen(name)}>{kWords[name][0]}</button>
        ))}
      </div>
      <p class="soft after-tabs">
        {kWords[chosen][1]}
        {hasMaps && ' The buttons below an image show its activation maps: where it speaks for a class (orange) and against it (blue).'}
      </p>
      <ImageCards label={kWords[chosen][0]} size="large">
        {images.map((image) => <PageImageCard key={`${chosen} ${image.row}`} page={page} id={image.row} note={noteOf(chosen, image)} />)}
      </ImageCards>
    </>
  );
}
