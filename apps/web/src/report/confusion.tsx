// The confusion matrix and the images of the chosen cell.
import { useMemo, useState } from 'preact/hooks';
import { ConfusionMatrix, type MatrixCell } from '../parts/confusion_matrix';
import { ImageCards } from '../parts/image_card';
import { count, counted, percent } from '../parts/numbers';
import type { PageData } from './document';
import { useCell } from './image_access';
import { PageImageCard, kNone } from './page_images';
import type { ChosenCell } from './sections';
import { titleOf } from './summary';

interface Props {
  page: PageData;
  byCell: Map<string, number[]>;
  chosen: ChosenCell | undefined;
  onChoose: (row: number, column: number) => void;
}

const kOrderWords: Record<string, string> = {
  cluster: 'confused ones together', name: 'by name', size: 'by size', vocab: 'as in the model',
};

export function ConfusionSection({ page, byCell, chosen, onChoose }: Props) {
  const { document: numbers } = page;
  const orders = numbers.orders ?? { vocab: numbers.vocab.map((_, i) => i) };
  const [order, setOrder] = useState(numbers.order && orders[numbers.order] ? numbers.order : Object.keys(orders)[0]!);
  const [values, setValues] = useState<'counts' | 'shares'>('counts');
  const [showsRight, setShowsRight] = useState(true);
  const refused = numbers.confusion?.refused ?? [];
  const hasRefused = refused.some((amount) => amount > 0);
  const none = numbers.vocab.length;
  const cells = useMemo<MatrixCell[]>(() => [
    ...numbers.confusion!.cells.map(([row, column, amount]) => ({ row, column, count: amount })),
    ...refused.map((amount, row) => ({ row, column: none, count: amount })),
  ], [numbers]);
  const rowOrder = orders[order]!;
  const columnOrder = useMemo(() => (hasRefused ? [...rowOrder, none] : rowOrder), [rowOrder, hasRefused]);
  const columnNames = useMemo(() => (hasRefused ? [...numbers.vocab, kNone] : numbers.vocab), [numbers, hasRefused]);
  return (
    <>
      <p class="soft">
        Rows are actual classes, columns what was predicted; the diagonal is right. The stronger a cell, the larger its share of
        its row.
      </p>
      <div class="row no-print">
        <label>Classes{' '}
          <select value={order} onChange={(event) => setOrder(event.currentTarget.value)}>
            {Object.keys(orders).map((name) => <option key={name} value={name}>{kOrderWords[name] ?? titleOf(name)}</option>)}
          </select>
        </label>
        <label>Numbers{' '}
          <select value={values} onChange={(event) => setValues(event.currentTarget.value as 'counts' | 'shares')}>
            <option value="counts">images</option>
            <option value="shares">percent of the row</option>
          </select>
        </label>
        <label>
          <input type="checkbox" checked={showsRight} onChange={(event) => setShowsRight(event.currentTarget.checked)} />{' '}
          show right predictions
        </label>
      </div>
      <div class="beside">
        <ConfusionMatrix rowNames={numbers.vocab} columnNames={columnNames} cells={cells} rowOrder={rowOrder}
                         columnOrder={columnOrder} values={values} showsRight={showsRight} chosen={chosen}
                         onChoose={onChoose} />
        <div id="cell" class="cell-images" aria-live="polite">
          {chosen
            ? <CellImages page={page} byCell={byCell} cell={chosen} cells={cells} columnNames={columnNames} />
            : <p class="soft no-print">Choose a cell to see its images.</p>}
        </div>
      </div>
    </>
  );
}

function CellImages({ page, byCell, cell, cells, columnNames }: {
  page: PageData; byCell: Map<string, number[]>; cell: ChosenCell; cells: MatrixCell[]; columnNames: string[];
}) {
  const { row, column } = cell;
  const amount = cells.find((one) => one.row === row && one.column === column)?.count ?? 0;
  const total = cells.reduce((sum, one) => sum + (one.row === row ? one.count : 0), 0);
  const known = byCell.get(`${row},${column}`);
  const images = known ?? [];
  const mayCome = useCell(row, column) && known === undefined;
  return (
    <>
      <h3>
        <span class="soft">actual</span> <bdi>{page.document.vocab[row]}</bdi>
        {row === column ? <span class="right"> predicted right</span>
          : <><span class="soft">, predicted</span> <bdi class="wrong">{columnNames[column]}</bdi></>}
      </h3>
      <p class="soft small">
        {amount === 0 ? 'No image.' : `${counted(amount, 'image')}, ${percent(amount / total)} of the class's ${count(total)}.`}
        {images.length > 0 && images.length < amount && ` The ${images.length} with the highest losses:`}
        {images.length === 0 && amount > 0 && (mayCome ? ' Loading …' : ' None of them had room on this page.')}
      </p>
      {images.length > 0 && (
        <ImageCards label="Images of the chosen cell">
          {images.map((id) => <PageImageCard key={id} page={page} id={id} />)}
        </ImageCards>
      )}
    </>
  );
}
