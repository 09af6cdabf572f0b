// The numbers about all images, in words and as tiles.
import { MetricTile } from '../parts/bars';
import { type NumberStyle, counted, level } from '../parts/numbers';
import { type PageData, estimateOf } from './document';

const styleOf = (name: string): NumberStyle => (/loss|nll|brier/.test(name) ? 'number' : 'percent');

/** "top_5_accuracy" as "Top 5 accuracy". */
export function titleOf(name: string): string {
  const words = name.replaceAll('_', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

export function Summary({ page }: { page: PageData }) {
  const { document: numbers } = page;
  const groups = numbers.is_grouped ? `, in ${counted(numbers.num_groups ?? 0, 'group')} that are kept together` : '';
  return (
    <>
      <p class="soft">
        {counted(numbers.num_images, 'image')} · {counted(numbers.num_classes, 'class', 'classes')}
        {numbers.task === 'multi_label' && ' · several labels an image'}{groups}
      </p>
      <div class="lead">
        {numbers.text.map((sentence) => <p key={sentence}>{sentence}</p>)}
      </div>
      <div class="tiles">
        {numbers.summary.map((number) => {
          const estimate = estimateOf(number);
          return estimate && (
            <MetricTile key={number.name} title={titleOf(number.name)} estimate={estimate} style={styleOf(number.name)}
                        confidence={numbers.confidence} help={number.words} />
          );
        })}
      </div>
      <p class="soft small">
        Ranges hold the true value with {level(numbers.confidence)} confidence: Wilson's for shares of images, the bootstrap over{' '}
        {numbers.is_grouped ? 'groups of images' : 'images'} for the rest.
      </p>
    </>
  );
}
