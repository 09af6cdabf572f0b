// Which rows of a long list are drawn, and where. Browsers cut off elements of some 16 million pixels, so a longer list is
// as high as that allows, and its scroll bar moves proportionally faster.

export interface RowLayout {
  rows: number;
  rowPx: number;
  /** Of the part of the list that is seen. */
  viewPx: number;
}

const kMostPx = 8_000_000;

/** The height of the element that scrolls. */
export const scrollHeight = ({ rows, rowPx }: RowLayout) => Math.min(kMostPx, rows * rowPx);

/** How many pixels of the list one pixel of the scroll bar stands for. */
function pace(layout: RowLayout): number {
  const { rows, rowPx, viewPx } = layout;
  const shown = scrollHeight(layout) - viewPx;
  return shown > 0 ? Math.max(1, (rows * rowPx - viewPx) / shown) : 1;
}

export interface ShownRows {
  first: number;
  /** One past the last. */
  end: number;
  /** Where the first one lies in the element that scrolls. */
  topPx: number;
}

/** The rows that are seen and `more` to either side. */
export function shownRows(layout: RowLayout, scrollTop: number, more: number): ShownRows {
  const { rows, rowPx, viewPx } = layout;
  const at = Math.max(0, scrollTop) * pace(layout);
  const first = Math.max(0, Math.min(rows, Math.floor(at / rowPx)) - more);
  const end = Math.min(rows, Math.ceil((at + viewPx) / rowPx) + more);
  return { first, end: Math.max(first, end), topPx: Math.max(0, scrollTop) + first * rowPx - at };
}

/** Where to scroll, so that the row is seen whole; the same place where it is already. */
export function scrollTo(layout: RowLayout, scrollTop: number, row: number): number {
  const { rowPx, viewPx } = layout;
  const at = scrollTop * pace(layout);
  const top = row * rowPx;
  if (top < at) return top / pace(layout);
  if (top + rowPx > at + viewPx) return Math.max(0, top + rowPx - viewPx) / pace(layout);
  return scrollTop;
}
