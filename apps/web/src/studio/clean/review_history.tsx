// What was decided, the newest first, by everybody.
import { below, useGet } from '../api';
import { words } from '../words';
import { SortableTable } from '../../parts/sortable_table';
import type { Choice, Decided } from './review';
import type { Review } from './use_review';

function change(decided: Decided): string {
  if (decided.kind === 'relabel') return `${decided.before.join('; ')} → ${decided.after.join('; ')}`;
  if (decided.kind === 'not_duplicate') return words.clean.notCopyOf(decided.other ?? '');
  if (decided.kind === 'undo') return words.clean.undoes(decided.undoes ?? 0);
  return decided.before.join('; ');
}

export function ReviewHistory({ review }: { review: Review }) {
  const got = useGet<{ total: number; decisions: Decided[] }>(below(review.path, 'history'), { most: 500, of: review.state.journal.decisions }, [], true);
  if (!got.data) return <p role="status">{got.problem?.message ?? words.loading}</p>;
  return (
    <section class="card">
      <SortableTable
        caption={words.clean.history(got.data.total)} rows={got.data.decisions} rowKey={(row) => row.number} limit={50}
        filterText={(row) => `${row.image} ${row.who} ${change(row)}`}
        columns={[
          { key: 'number', title: words.clean.number, cell: (row) => row.number, sort: (row) => row.number },
          { key: 'time', title: words.clean.time, cell: (row) => new Date(row.time).toLocaleString(), sort: (row) => row.time, align: 'left' },
          { key: 'who', title: words.clean.who, cell: (row) => <bdi>{row.who}</bdi>, sort: (row) => row.who, align: 'left' },
          { key: 'kind', title: words.clean.decision, align: 'left', sort: (row) => row.kind,
            cell: (row) => <>{words.clean.choices[row.kind as Choice] ?? words.clean.undo}{row.undone && ` (${words.clean.undone})`}</> },
          { key: 'image', title: words.clean.image, cell: (row) => <bdi>{row.image}</bdi>, sort: (row) => row.image, align: 'left' },
          { key: 'change', title: words.clean.change, cell: (row) => <bdi>{change(row)}</bdi>, align: 'left' },
        ]} />
    </section>
  );
}
