// Where the cells of a confusion matrix stand on a canvas that scrolls and zooms, and what their colours are.

/** A cell that is not empty; row and column are places on the axes, not classes. */
export interface PlacedCell {
  row: number;
  column: number;
  count: number;
  /** Of its row's images, 0 … 1. */
  share: number;
  isRight: boolean;
}

/** Pixels of a cell's side, the gutters for names, and what part is seen. */
export interface View {
  cell: number;
  gutterLeft: number;
  gutterTop: number;
  scrollLeft: number;
  scrollTop: number;
  width: number;
  height: number;
}

/** A cell narrower than this is hard to hit with a pointer. */
export const kHitCell = 8;
/** A cell narrower than this has no room for its class's name. */
export const kNamedCell = 11;
/** From this on a cell has room for its number. */
export const kNumberedCell = 24;
export const kLargestCell = 56;

/** The side at which all cells fit. */
export function fittingCell(rows: number, columns: number, width: number, height: number): number {
  return Math.min(kLargestCell, Math.max(0.01, Math.min(width / columns, height / rows)));
}

/** The place under a point of the canvas, or undefined for the gutters and beyond. */
export function placeAt(view: View, x: number, y: number, rows: number, columns: number): [number, number] | undefined {
  if (x < view.gutterLeft || y < view.gutterTop) return undefined;
  const row = Math.floor((y - view.gutterTop + view.scrollTop) / view.cell);
  const column = Math.floor((x - view.gutterLeft + view.scrollLeft) / view.cell);
  return row < rows && column < columns ? [row, column] : undefined;
}

/** The nearest cell within 8 pixels of a point, for cells too small to be hit. */
export function nearestCell(view: View, x: number, y: number, cells: Iterable<PlacedCell>): [number, number] | undefined {
  const row = (y - view.gutterTop + view.scrollTop) / view.cell;
  const column = (x - view.gutterLeft + view.scrollLeft) / view.cell;
  let nearest = 8 / view.cell;
  let found: [number, number] | undefined;
  for (const cell of cells) {
    const distance = Math.hypot(cell.row + 0.5 - row, cell.column + 0.5 - column);
    if (distance < nearest) {
      nearest = distance;
      found = [cell.row, cell.column];
    }
  }
  return found;
}

/** The scroll that brings a place into sight, moved no more than needed. */
export function scrollTo(view: View, row: number, column: number): { left: number; top: number } {
  const along = (scroll: number, room: number, place: number) => {
    const start = place * view.cell;
    if (start < scroll) return start;
    return start + view.cell > scroll + room ? start + view.cell - room : scroll;
  };
  return {
    left: along(view.scrollLeft, view.width - view.gutterLeft, column),
    top: along(view.scrollTop, view.height - view.gutterTop, row),
  };
}

/** A share as strength of colour: the root, since what matters are small shares off the diagonal. */
export const strength = (share: number) => 0.12 + 0.88 * Math.sqrt(Math.min(1, Math.max(0, share)));
