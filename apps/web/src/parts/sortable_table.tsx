// A table that sorts by any column, with an optional filter of its rows. Long ones show their first rows until asked.
import type { ComponentChildren } from 'preact';
import { useMemo, useState } from 'preact/hooks';
import { counted } from './numbers';
import './sortable_table.css';

export interface Column<Row> {
  key: string;
  title: string;
  /** What the column means; shown on hover and in the legend of the page. */
  help?: string;
  cell: (row: Row) => ComponentChildren;
  /** What the column sorts by; undefined goes last either way. Absent: the column does not sort. */
  sort?: (row: Row) => number | string | undefined;
  /** Numbers begin with the largest, names with the first. */
  firstDirection?: 'ascending' | 'descending';
  align?: 'left';
}

interface Props<Row> {
  caption: string;
  columns: Column<Row>[];
  rows: Row[];
  rowKey: (row: Row) => string | number;
  /** Rows whose text holds what is typed stay. Absent: no filter is offered. */
  filterText?: (row: Row) => string;
  initialSort?: { key: string; direction: 'ascending' | 'descending' };
  /** Rows shown at first. */
  limit?: number;
  footer?: ComponentChildren;
}

type SortKey = number | string | undefined;

function compare(a: SortKey, b: SortKey, sign: number): number {
  if (a === undefined || b === undefined) return Number(a === undefined) - Number(b === undefined);
  if (typeof a === 'string' || typeof b === 'string') {
    return sign * String(a).localeCompare(String(b), undefined, { numeric: true });
  }
  return sign * (a - b);
}

const missing = (value: SortKey): SortKey => (typeof value === 'number' && Number.isNaN(value) ? undefined : value);

export function SortableTable<Row>(props: Props<Row>) {
  const [order, setOrder] = useState(props.initialSort);
  const [filter, setFilter] = useState('');
  const [all, setAll] = useState(false);
  const column = props.columns.find((candidate) => candidate.key === order?.key);

  const sorted = useMemo(() => {
    if (!column?.sort || !order) return props.rows;
    const sign = order.direction === 'ascending' ? 1 : -1;
    const keyed = props.rows.map((row) => ({ row, key: missing(column.sort!(row)) }));
    return keyed.sort((a, b) => compare(a.key, b.key, sign)).map((entry) => entry.row);
  }, [props.rows, column, order]);
  const found = useMemo(() => {
    const wanted = filter.trim().toLocaleLowerCase();
    if (!wanted || !props.filterText) return sorted;
    return sorted.filter((row) => props.filterText!(row).toLocaleLowerCase().includes(wanted));
  }, [sorted, filter, props.filterText]);
  const limit = props.limit ?? 50;
  const shown = all ? found : found.slice(0, limit);

  function sortBy(chosen: Column<Row>) {
    const first = chosen.firstDirection ?? 'descending';
    const other = first === 'descending' ? 'ascending' : 'descending';
    setOrder({ key: chosen.key, direction: order?.key === chosen.key && order.direction === first ? other : first });
  }

  return (
    <div class="sortable">
      {props.filterText && props.rows.length > 12 && (
        <div class="row no-print">
          <input type="search" aria-label={`Filter: ${props.caption}`} placeholder="Filter" value={filter}
                 onInput={(event) => setFilter(event.currentTarget.value)} />
          <span class="soft small" role="status">{filter && `${found.length} of ${props.rows.length}`}</span>
        </div>
      )}
      <div class="scroll" tabIndex={0} role="region" aria-label={props.caption}>
        <table>
          <caption class="visually-hidden">{props.caption}</caption>
          <thead>
            <tr>
              {props.columns.map((heading) => (
                <th key={heading.key} scope="col" title={heading.help ?? ''} class={heading.align === 'left' ? 'left' : ''}
                    aria-sort={heading.key === order?.key ? order.direction : 'none'}>
                  {heading.sort
                    ? <button type="button" class="heading" onClick={() => sortBy(heading)}>
                        {heading.title}<span aria-hidden="true" class="arrow">{arrow(heading.key, order)}</span>
                      </button>
                    : heading.title}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {shown.map((row) => (
              <tr key={props.rowKey(row)}>
                {props.columns.map((part, i) =>
                  i === 0
                    ? <th key={part.key} scope="row" class={part.align === 'left' ? 'left' : ''}>{part.cell(row)}</th>
                    : <td key={part.key} class={part.align === 'left' ? 'left' : ''}>{part.cell(row)}</td>)}
              </tr>
            ))}
          </tbody>
          {props.footer && <tfoot>{props.footer}</tfoot>}
        </table>
      </div>
      {found.length > shown.length && (
        <button type="button" class="no-print" onClick={() => setAll(true)}>
          Show all {counted(found.length, 'row')}
        </button>
      )}
    </div>
  );
}

function arrow(key: string, order: { key: string; direction: string } | undefined): string {
  if (key !== order?.key) return '↕';
  return order.direction === 'ascending' ? '↑' : '↓';
}
