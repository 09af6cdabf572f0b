// The numbers of each class, with averages; of several labels also how often each is right, missed and wrongly given.
import { useMemo, useState } from 'preact/hooks';
import { ShareCell } from '../parts/bars';
import { ImageCards } from '../parts/image_card';
import { count, level } from '../parts/numbers';
import { type Column, SortableTable } from '../parts/sortable_table';
import { type Average, type ClassNumbers, type JsonEstimate, type PageData, estimateOf, kOutcomes } from './document';
import { useCell } from './image_access';
import { PageImageCard } from './page_images';
import type { ChosenCell } from './sections';

interface Props {
  page: PageData;
  byCell: Map<string, number[]>;
  onShow: (row: number, column: number) => void;
}

type ShareKey = 'precision' | 'recall' | 'f1' | 'average_precision';

function shareColumn(key: ShareKey, title: string, help: string): Column<ClassNumbers> {
  return {
    key, title, help, sort: (row) => row[key]?.value ?? undefined, firstDirection: 'ascending',
    cell: (row) => <ShareCell estimate={estimateOf(row[key])} />,
  };
}

/** The class that each one is taken for most often, and how often. */
function usualErrors(page: PageData): Map<number, { predicted: number; count: number }> {
  const errors = new Map<number, { predicted: number; count: number }>();
  for (const [actual, predicted, amount] of page.document.confusion?.cells ?? []) {
    if (actual !== predicted && amount > (errors.get(actual)?.count ?? 0)) errors.set(actual, { predicted, count: amount });
  }
  return errors;
}

function columnsOf(page: PageData, onShow: Props['onShow'], onOutcome: (cell: ChosenCell) => void): Column<ClassNumbers>[] {
  const { vocab, has_labels: hasLabels, task, classes } = page.document;
  const name: Column<ClassNumbers> = {
    key: 'name', title: 'Class', align: 'left', sort: (row) => row.name, firstDirection: 'ascending',
    cell: (row) => <bdi class={row.is_absent ? 'soft' : ''}>{row.name}</bdi>,
  };
  const predicted: Column<ClassNumbers> = {
    key: 'predicted', title: 'Predicted', help: 'Images that were predicted to be of the class', sort: (row) => row.predicted,
    cell: (row) => count(row.predicted),
  };
  if (!hasLabels) return [name, predicted];
  const columns: Column<ClassNumbers>[] = [
    name,
    { key: 'support', title: 'Images', help: 'Images of the class (support)', sort: (row) => row.support, cell: (row) => count(row.support ?? NaN) },
    predicted,
    shareColumn('precision', 'Precision', 'Of the images predicted to be of the class, the share that is'),
    shareColumn('recall', 'Recall', 'Of the images of the class, the share that was predicted to be'),
    shareColumn('f1', 'F1', 'Harmonic mean of precision and recall'),
  ];
  if (classes.some((row) => row.refused)) {
    columns.push({
      key: 'refused', title: 'Refused', help: 'Images of the class that were answered with "none of these"',
      sort: (row) => row.refused, cell: (row) => count(row.refused ?? 0),
    });
  }
  if (task === 'multi_label') return [...columns, ...outcomeColumns(onOutcome)];
  const errors = usualErrors(page);
  columns.push({
    key: 'confused', title: 'Most taken for', align: 'left', sort: (row) => errors.get(row.class)?.count,
    cell: (row) => {
      const error = errors.get(row.class);
      if (!error) return <span class="soft">–</span>;
      return (
        <button type="button" class="plain" onClick={() => onShow(row.class, error.predicted)}>
          <bdi>{vocab[error.predicted]}</bdi> <span class="soft">{count(error.count)}</span>
        </button>
      );
    },
  });
  return columns;
}

function outcomeColumns(onOutcome: (cell: ChosenCell) => void): Column<ClassNumbers>[] {
  const column = (key: 'tp' | 'fn' | 'fp', title: string, help: string, outcome: number): Column<ClassNumbers> => ({
    key, title, help, sort: (row) => row[key],
    cell: (row) => row[key]
      ? <button type="button" class="plain" aria-label={`${row.name}: ${row[key]} ${title.toLowerCase()}`}
                onClick={() => onOutcome({ row: row.class, column: outcome })}>{count(row[key])}</button>
      : '0',
  });
  return [
    shareColumn('average_precision', 'AP', 'Average precision: area under precision over recall'),
    column('tp', 'Found', 'True positives: choose the number for its images', kOutcomes.truePositive),
    column('fn', 'Missed', 'False negatives: choose the number for its images', kOutcomes.falseNegative),
    column('fp', 'Wrongly given', 'False positives: choose the number for its images', kOutcomes.falsePositive),
  ];
}

export function ClassTable({ page, byCell, onShow }: Props) {
  const { document: numbers } = page;
  const [outcome, setOutcome] = useState<ChosenCell>();
  const columns = useMemo(() => columnsOf(page, onShow, setOutcome), [page, onShow]);
  const absent = numbers.classes.filter((row) => row.is_absent).length;
  return (
    <>
      <p class="soft">
        Choose a heading to sort. {numbers.has_labels && `The line in a bar is the ${level(numbers.confidence)} interval; point at it for its numbers.`}
        {absent > 0 && ` ${count(absent)} of the classes have no image and were never predicted; they count in no average.`}
      </p>
      <SortableTable caption="Numbers of each class" columns={columns} rows={numbers.classes} rowKey={(row) => row.class}
                     filterText={(row) => row.name} limit={50}
                     initialSort={numbers.has_labels ? { key: 'f1', direction: 'ascending' } : { key: 'predicted', direction: 'descending' }} />
      {numbers.averages && numbers.averages.length > 0 && <Averages averages={numbers.averages} />}
      {outcome && <OutcomeImages page={page} cell={outcome} images={byCell.get(`${outcome.row},${outcome.column}`)} />}
    </>
  );
}

function Averages({ averages }: { averages: Average[] }) {
  const cell = (estimate: JsonEstimate) => <td><ShareCell estimate={estimateOf(estimate)} /></td>;
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Averages over classes">
      <table>
        <thead>
          <tr><th scope="col" class="left">Average</th><th scope="col">Precision</th><th scope="col">Recall</th><th scope="col">F1</th>
            <th scope="col">Images</th></tr>
        </thead>
        <tbody>
          {averages.map((row) => (
            <tr key={row.name}>
              <th scope="row" class="left">{row.name}</th>
              {row.name === 'accuracy' ? <><td /><td /></> : <>{cell(row.precision)}{cell(row.recall)}</>}
              {cell(row.f1)}
              <td>{count(row.support)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const kOutcomeWords: Record<number, string> = {
  [kOutcomes.truePositive]: 'found', [kOutcomes.falseNegative]: 'missed', [kOutcomes.falsePositive]: 'wrongly given',
};

function OutcomeImages({ page, cell, images }: { page: PageData; cell: ChosenCell; images: number[] | undefined }) {
  const mayCome = useCell(cell.row, cell.column) && images === undefined;
  return (
    <div id="cell" aria-live="polite">
      <h3><bdi>{page.document.vocab[cell.row]}</bdi> <span class="soft">{kOutcomeWords[cell.column]}</span></h3>
      {!images?.length
        ? <p class="soft small">{mayCome ? 'Loading …' : 'None of these images had room on this page.'}</p>
        : <ImageCards label="Images of the chosen number">{images.map((id) => <PageImageCard key={id} page={page} id={id} />)}</ImageCards>}
    </div>
  );
}

