// How many images each class has, on which side of the split, and why.
import { useMemo } from 'preact/hooks';
import { count, counted, number, percent } from '../../parts/numbers';
import { SortableTable } from '../../parts/sortable_table';
import { address } from '../place';
import { words } from '../words';
import type { ClassSize, Dataset, Source } from './data_api';

const text = words.data;
const kWidth = 720;
const kHeight = 180;
const kFewClasses = 20; // the bars of the table show these

/** Training and validation as one bar of the largest class. */
function SplitBar({ size, largest }: { size: ClassSize; largest: number }) {
  const [, images, train, valid] = size;
  const part = (of: number) => `${((100 * of) / Math.max(1, largest)).toFixed(2)}%`;
  return (
    <span class="split-bar" aria-hidden="true">
      <span class="train" style={{ width: part(train) }} />
      <span class="valid" style={{ width: part(valid) }} />
      <span class="rest" style={{ width: part(Math.max(0, images - train - valid)) }} />
    </span>
  );
}

/** All classes by their size: a step for each, its lower part what validates. */
function BalanceChart({ classes }: { classes: ClassSize[] }) {
  const sorted = useMemo(() => [...classes].sort((a, b) => b[1] - a[1]), [classes]);
  const largest = sorted[0]?.[1] ?? 0;
  const smallest = sorted[sorted.length - 1]?.[1] ?? 0;
  const step = kWidth / Math.max(1, sorted.length);
  // More classes than pixels: one step for each pixel.
  const every = Math.max(1, Math.floor(1 / step));
  const path = (value: (size: ClassSize) => number) => {
    const points = sorted.filter((_, i) => i % every === 0).map((size, i) => {
      const y = kHeight - (kHeight * value(size)) / Math.max(1, largest);
      return `L${(i * every * step).toFixed(1)},${y.toFixed(1)}H${((i + 1) * every * step).toFixed(1)}`;
    });
    return `M0,${kHeight}${points.join('')}V${kHeight}Z`;
  };
  return (
    <figure class="balance">
      <svg viewBox={`0 0 ${kWidth} ${kHeight}`} preserveAspectRatio="none" role="img"
           aria-label={text.balance.chart(classes.length, counted(largest, 'image'), counted(smallest, 'image'))}>
        <path class="all" d={path((size) => size[1])} />
        <path class="valid" d={path((size) => size[3])} />
      </svg>
      <figcaption class="soft small row">
        <span class="key all">{text.balance.images}: {count(largest)} … {count(smallest)}</span>
        <span class="key valid">{text.balance.valid}</span>
        <span>{text.balance.ranks}</span>
      </figcaption>
    </figure>
  );
}

function Split({ dataset }: { dataset: Dataset }) {
  const { train, valid, images } = dataset;
  const rest = images - train - valid;
  return (
    <div class="card">
      <h2>{text.balance.split}</h2>
      {dataset.split_problem
        ? <p class="wrong"><b>{text.balance.problem}:</b> {dataset.split_problem}</p>
        : <p>{text.balance.by(dataset.split_by)}</p>}
      <div class="sides" role="img" aria-label={text.balance.sides}>
        <SplitBar size={['', images, train, valid]} largest={images} />
      </div>
      <ul class="row plain-list">
        <li><span class="key train">{text.filter.train}</span> {count(train)} ({percent(train / Math.max(1, images))})</li>
        <li><span class="key valid">{text.filter.valid}</span> {count(valid)} ({percent(valid / Math.max(1, images))})</li>
        {rest > 0 && <li><span class="key rest">{text.filter.none}</span> {count(rest)}</li>}
      </ul>
      <p>{text.balance.labels(dataset.labels_by)}{dataset.unlabelled > 0 && ` ${text.balance.unlabelled(counted(dataset.unlabelled, 'image'))}`}</p>
      {dataset.left_out.length > 0 && (
        <>
          <h3>{text.balance.leftOut}</h3>
          <ul>{dataset.left_out.map((sentence) => <li key={sentence}>{sentence}</li>)}</ul>
        </>
      )}
    </div>
  );
}

export function ClassesPart({ source, dataset }: { source: Source; dataset: Dataset }) {
  const { classes } = dataset;
  const sizes = classes.map((each) => each[1]);
  const largest = sizes.reduce((a, b) => Math.max(a, b), 0);
  const smallest = sizes.reduce((a, b) => Math.min(a, b), Infinity);
  const unseen = classes.filter((each) => each[3] === 0).length;
  const rows = useMemo(() => classes.map((size, i) => ({ size, i })), [classes]);
  return (
    <>
      <Split dataset={dataset} />
      <div class="card">
        <h2>{text.balance.caption}</h2>
        {classes.length > kFewClasses && <BalanceChart classes={classes} />}
        {smallest > 0 && largest > smallest && <p>{text.balance.imbalance(number(largest / smallest))}</p>}
        {dataset.valid > 0 && unseen > 0 && <p class="unsure">{text.balance.noValidation(unseen)}</p>}
        <SortableTable caption={text.balance.caption} rows={rows} rowKey={({ i }) => i} filterText={({ size }) => size[0]}
          initialSort={{ key: 'images', direction: 'descending' }} columns={[
            { key: 'class', title: text.balance.class, align: 'left', firstDirection: 'ascending', sort: ({ size }) => size[0],
              cell: ({ size, i }) => (
                <a href={address('data', [source.folder, 'images'], { options: source.options, label: String(i) })}><bdi>{size[0]}</bdi></a>
              ) },
            { key: 'images', title: text.balance.images, sort: ({ size }) => size[1], cell: ({ size }) => count(size[1]) },
            { key: 'bar', title: text.balance.parts, align: 'left', cell: ({ size }) => <SplitBar size={size} largest={largest} /> },
            { key: 'train', title: text.balance.train, sort: ({ size }) => size[2], cell: ({ size }) => count(size[2]) },
            { key: 'valid', title: text.balance.valid, sort: ({ size }) => size[3], cell: ({ size }) => count(size[3]) },
            { key: 'share', title: text.balance.share, sort: ({ size }) => size[1],
              cell: ({ size }) => percent(size[1] / Math.max(1, dataset.images)) },
          ]} />
      </div>
    </>
  );
}
