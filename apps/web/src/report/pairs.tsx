// Pairs of classes that are confused most, and whether that is more than chance.
import { useMemo } from 'preact/hooks';
import { ShareCell } from '../parts/bars';
import { count, counted, number, pValue } from '../parts/numbers';
import { type Column, SortableTable } from '../parts/sortable_table';
import { type ConfusedPair, type PageData, estimateOf } from './document';

export function Pairs({ page, onShow }: { page: PageData; onShow: (row: number, column: number) => void }) {
  const { vocab, most_confused: pairs = [], most_confused_left_out: leftOut = 0 } = page.document;
  const columns = useMemo<Column<ConfusedPair>[]>(() => [
    {
      key: 'actual', title: 'Actual', align: 'left', firstDirection: 'ascending', sort: (pair) => vocab[pair.actual],
      cell: (pair) => (
        <button type="button" class="plain" onClick={() => onShow(pair.actual, pair.predicted)}><bdi>{vocab[pair.actual]}</bdi></button>
      ),
    },
    {
      key: 'predicted', title: 'Predicted', align: 'left', firstDirection: 'ascending', sort: (pair) => vocab[pair.predicted],
      cell: (pair) => <bdi class="wrong">{vocab[pair.predicted]}</bdi>,
    },
    { key: 'count', title: 'Images', sort: (pair) => pair.count, cell: (pair) => count(pair.count) },
    {
      key: 'share', title: 'Of the class', sort: (pair) => pair.share.value ?? undefined,
      cell: (pair) => <ShareCell estimate={estimateOf(pair.share)} />,
    },
    {
      key: 'expected', title: 'By chance', help: "The class's errors, if they went wherever predictions go",
      sort: (pair) => pair.expected ?? undefined, cell: (pair) => (pair.expected === null ? '–' : number(pair.expected)),
    },
    {
      key: 'p', title: 'p (Holm)', help: 'Binomial test against chance, corrected for all pairs', firstDirection: 'ascending',
      sort: (pair) => pair.p_holm ?? undefined,
      cell: (pair) => (
        <span class={pair.is_beyond_chance ? 'beyond' : 'soft'}>{pair.p_holm === null ? '–' : pValue(pair.p_holm)}</span>
      ),
    },
  ], [vocab, onShow]);
  if (pairs.length === 0) return <p>No image was predicted wrong.</p>;
  const beyond = pairs.filter((pair) => pair.is_beyond_chance).length;
  return (
    <>
      <p class="soft">
        {beyond === 0 ? 'No pair is' : `${counted(beyond, 'pair')} ${beyond === 1 ? 'is' : 'are'}`} confused more often than chance
        explains (p ≤ .05 after Holm's correction). <span class="no-print">Choose a pair to see its images.</span>
      </p>
      <SortableTable caption="Most confused pairs of classes" columns={columns} rows={pairs} limit={20}
                     rowKey={(pair) => `${pair.actual} ${pair.predicted}`}
                     filterText={(pair) => `${vocab[pair.actual]} ${vocab[pair.predicted]}`}
                     initialSort={{ key: 'count', direction: 'descending' }} />
      {leftOut > 0 && <p class="soft small">{counted(leftOut, 'rarer pair')} left out.</p>}
    </>
  );
}
