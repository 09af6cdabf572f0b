// Where the numbers come from, and what is not on the page.
import { count, counted } from '../parts/numbers';
import type { PageData } from './document';
import { titleOf } from './summary';

function text(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

export function About({ page }: { page: PageData }) {
  const { document: numbers } = page;
  const origin = Object.entries(numbers.origin ?? {}).filter(([, value]) => value !== null && value !== '');
  const skipped = numbers.skipped ?? [];
  return (
    <>
      <dl class="facts">
        {origin.map(([key, value]) => (
          <div key={key}><dt>{titleOf(key)}</dt><dd><bdi>{text(value)}</bdi></dd></div>
        ))}
        {typeof numbers.temperature === 'number' && <div><dt>Temperature</dt><dd>{numbers.temperature}</dd></div>}
        {numbers.task === 'multi_label' && <div><dt>Threshold</dt><dd>{numbers.threshold ?? '–'}</dd></div>}
      </dl>
      {page.max_bytes > 0 && <p class="soft small">{roomWords(page)}</p>}
      {page.unreadable > 0 && (
        <p class="soft small">
          {counted(page.unreadable, 'image')} could not be read: {page.unreadable_names.map((name) => <span key={name}><bdi>{name}</bdi> </span>)}
          {page.unreadable > page.unreadable_names.length && '…'}
        </p>
      )}
      {skipped.length > 0 && (
        <details>
          <summary>{counted(skipped.length, 'image')} could not be read and count in no number</summary>
          <ul class="small">{skipped.slice(0, 100).map((image) => <li key={image.id}><bdi>{image.problem}</bdi></li>)}</ul>
        </details>
      )}
    </>
  );
}

function roomWords(page: PageData): string {
  const limit = `at most ${page.images_per_cell} images a cell and ${count(page.max_bytes / 1e6)} MB in all`;
  return page.left_out > 0
    ? `This page holds ${limit}; ${counted(page.left_out, 'image')} had no room and are left out. Numbers count all images.`
    : `This page holds ${limit}; nothing was left out for size.`;
}
