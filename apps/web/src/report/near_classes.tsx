// Which classes images lie between, and how sure predictions are; known without labels, too.
import { useMemo } from 'preact/hooks';
import { LineChart, type Series } from '../parts/line_chart';
import { count, percent } from '../parts/numbers';
import { type Column, SortableTable } from '../parts/sortable_table';
import type { NearClasses, PageData } from './document';

export function NearClassesSection({ page }: { page: PageData }) {
  const { vocab, near_classes: near = [] } = page.document;
  const columns = useMemo<Column<NearClasses>[]>(() => [
    {
      key: 'predicted', title: 'Predicted', align: 'left', firstDirection: 'ascending', sort: (row) => vocab[row.predicted],
      cell: (row) => <bdi>{vocab[row.predicted]}</bdi>,
    },
    {
      key: 'second', title: 'Second', align: 'left', firstDirection: 'ascending', sort: (row) => vocab[row.second],
      cell: (row) => <bdi>{vocab[row.second]}</bdi>,
    },
    { key: 'count', title: 'Images', sort: (row) => row.count, cell: (row) => count(row.count) },
    {
      key: 'margin', title: 'Mean margin', firstDirection: 'ascending', sort: (row) => row.mean_margin ?? undefined,
      cell: (row) => (row.mean_margin === null ? '–' : percent(row.mean_margin)),
    },
  ], [vocab]);
  return (
    <>
      <p class="soft">Images whose two most probable classes are less than 20 % apart, by these two classes.</p>
      <div class="two">
        <SortableTable caption="Classes that images lie between" columns={columns} rows={near} limit={15}
                       rowKey={(row) => `${row.predicted} ${row.second}`}
                       filterText={(row) => `${vocab[row.predicted]} ${vocab[row.second]}`}
                       initialSort={{ key: 'count', direction: 'descending' }} />
        <ConfidenceHistogram page={page} />
      </div>
    </>
  );
}

function ConfidenceHistogram({ page }: { page: PageData }) {
  const histogram = page.document.confidence_histogram;
  if (!histogram) return null;
  const width = (histogram.edges[1] ?? 1) - (histogram.edges[0] ?? 0);
  const bars = (counts: number[]) => counts.map((amount, i) => ({ x: (histogram.edges[i]! + histogram.edges[i + 1]!) / 2, y: amount }));
  const series: Series[] = [{ name: 'all images', mark: 'bars', barWidth: width, colour: 0, points: bars(histogram.counts) }];
  if (histogram.right) series.push({ name: 'right ones', mark: 'bars', barWidth: width, colour: 2, points: bars(histogram.right) });
  return (
    <LineChart label="How many images have which probability of their prediction" series={series}
               x={{ title: 'Probability of the prediction', style: 'percent', low: 0, high: 1 }}
               y={{ title: 'Images', style: 'count', low: 0 }} />
  );
}
