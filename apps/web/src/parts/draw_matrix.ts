// Draws the visible part of a confusion matrix.
import { type PlacedCell, type View, kNamedCell, kNumberedCell, strength } from './matrix_view';

type Place = [row: number, column: number];

export interface Matrix {
  cells: Map<number, PlacedCell>;
  rows: number;
  columns: number;
  values: 'counts' | 'shares';
  hovered?: Place | undefined;
  chosen?: Place | undefined;
  rowName: (place: number) => string;
  columnName: (place: number) => string;
}

interface Colours {
  card: string;
  ink: string;
  soft: string;
  grid: string;
  line: string;
  focus: string;
  hover: string;
  right: string;
  wrong: string;
}

function coloursOf(element: Element): Colours {
  const style = getComputedStyle(element);
  const of = (name: string) => style.getPropertyValue(name).trim();
  return {
    card: of('--card'), ink: of('--ink'), soft: of('--soft'), grid: of('--matrix-grid'), line: of('--line'),
    focus: of('--focus'), hover: of('--hover'), right: of('--matrix-right'), wrong: of('--matrix-wrong'),
  };
}

export function drawMatrix(canvas: HTMLCanvasElement, view: View, matrix: Matrix): void {
  const ratio = window.devicePixelRatio || 1;
  const width = Math.max(1, Math.round(view.width * ratio));
  const height = Math.max(1, Math.round(view.height * ratio));
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
    canvas.style.width = `${view.width}px`;
    canvas.style.height = `${view.height}px`;
  }
  const draw = canvas.getContext('2d');
  if (!draw) return;
  draw.setTransform(ratio, 0, 0, ratio, 0, 0);
  const colours = coloursOf(canvas);
  draw.fillStyle = colours.card;
  draw.fillRect(0, 0, view.width, view.height);
  draw.save();
  draw.beginPath();
  draw.rect(view.gutterLeft, view.gutterTop, view.width - view.gutterLeft, view.height - view.gutterTop);
  draw.clip();
  draw.translate(view.gutterLeft - view.scrollLeft, view.gutterTop - view.scrollTop);
  drawGrid(draw, view, matrix, colours);
  drawCells(draw, view, matrix, colours);
  drawMarked(draw, view, matrix, colours);
  draw.restore();
  drawNames(draw, view, matrix, colours);
}

/** The first and last place seen on an axis. */
function seen(scroll: number, room: number, cell: number, places: number): [number, number] {
  return [Math.max(0, Math.floor(scroll / cell)), Math.min(places - 1, Math.floor((scroll + room) / cell))];
}

const seenRows = (view: View, matrix: Matrix) =>
  seen(view.scrollTop, view.height - view.gutterTop, view.cell, matrix.rows);
const seenColumns = (view: View, matrix: Matrix) =>
  seen(view.scrollLeft, view.width - view.gutterLeft, view.cell, matrix.columns);

function drawGrid(draw: CanvasRenderingContext2D, view: View, matrix: Matrix, colours: Colours): void {
  const right = matrix.columns * view.cell;
  const bottom = matrix.rows * view.cell;
  draw.lineWidth = 1;
  if (view.cell >= 6) {
    draw.strokeStyle = colours.grid;
    draw.beginPath();
    const [firstRow, lastRow] = seenRows(view, matrix);
    for (let row = firstRow; row <= lastRow + 1; ++row) {
      draw.moveTo(0, Math.round(row * view.cell) + 0.5);
      draw.lineTo(right, Math.round(row * view.cell) + 0.5);
    }
    const [firstColumn, lastColumn] = seenColumns(view, matrix);
    for (let column = firstColumn; column <= lastColumn + 1; ++column) {
      draw.moveTo(Math.round(column * view.cell) + 0.5, 0);
      draw.lineTo(Math.round(column * view.cell) + 0.5, bottom);
    }
    draw.stroke();
  }
  draw.strokeStyle = colours.line;
  draw.strokeRect(0.5, 0.5, right, bottom);
}

function drawCells(draw: CanvasRenderingContext2D, view: View, matrix: Matrix, colours: Colours): void {
  const { cell } = view;
    const [firstRow, lastRow] = seenRows(view, matrix);
  const [firstColumn, lastColumn] = seenColumns(view, matrix);
  const gap = cell >= 6 ? 1 : 0;
  const hasNumbers = cell >= kNumberedCell;
  draw.textAlign = 'center';
  draw.textBaseline = 'middle';
  draw.font = `${Math.min(13, Math.max(9, cell * 0.38)).toFixed(1)}px system-ui, sans-serif`;
  for (const one of matrix.cells.values()) {
    if (one.row < firstRow || one.row > lastRow || one.column < firstColumn || one.column > lastColumn) continue;
    const { isRight } = one;
    const x = one.column * cell + gap;
    const y = one.row * cell + gap;
    const depth = strength(one.share);
    const side = sideOf(cell, depth, isRight);
    draw.globalAlpha = cell < 3 && !isRight ? Math.max(0.35, depth) : depth;
    draw.fillStyle = isRight ? colours.right : colours.wrong;
    draw.fillRect(x, y, side, side);
    draw.globalAlpha = 1;
    if (!hasNumbers) continue;
    draw.fillStyle = depth > 0.6 ? colours.card : colours.ink;
    draw.fillText(cellText(one, matrix.values), x + side / 2, y + side / 2 + 0.5, side - 1);
  }
}

/** A lone mistake among 1,000 classes is seen, and the diagonal hides none. */
function sideOf(cell: number, depth: number, isRight: boolean): number {
  if (cell >= 6) return cell - 1;
  return Math.max(cell, isRight ? 1.2 : 1.5 + 2.5 * depth);
}

function cellText(cell: PlacedCell, values: 'counts' | 'shares'): string {
  if (values === 'counts') return String(cell.count);
  const share = cell.share * 100;
  return share > 0 && share < 1 ? '<1' : share.toFixed(0);
}

function drawMarked(draw: CanvasRenderingContext2D, view: View, matrix: Matrix, colours: Colours): void {
  const { cell } = view;
  const frame = ([row, column]: Place, colour: string, width: number) => {
    const side = Math.max(cell, 5);
    const shift = (side - cell) / 2;
    draw.strokeStyle = colour;
    draw.lineWidth = width;
    draw.strokeRect(column * cell - shift + 0.5, row * cell - shift + 0.5, side, side);
  };
  if (matrix.hovered) {
    const [row, column] = matrix.hovered;
    draw.globalAlpha = 0.16;
    draw.fillStyle = colours.focus;
    draw.fillRect(0, row * cell, matrix.columns * cell, Math.max(1, cell));
    draw.fillRect(column * cell, 0, Math.max(1, cell), matrix.rows * cell);
    draw.globalAlpha = 1;
    frame(matrix.hovered, colours.ink, 1.5);
  }
  if (matrix.chosen && matrix.chosen[0] >= 0 && matrix.chosen[1] >= 0) frame(matrix.chosen, colours.focus, 2.5);
}

/** The names beside the cells; where cells are narrow, only those of the pointed row and column. */
function drawNames(draw: CanvasRenderingContext2D, view: View, matrix: Matrix, colours: Colours): void {
  draw.font = '12px system-ui, sans-serif';
  draw.textBaseline = 'middle';
  const marked = matrix.hovered ?? matrix.chosen;
  const isNamed = view.cell >= kNamedCell;
  const [firstRow, lastRow] = seenRows(view, matrix);
  const [firstColumn, lastColumn] = seenColumns(view, matrix);
  draw.save();
  draw.beginPath();
  draw.rect(0, view.gutterTop - 8, view.gutterLeft, view.height - view.gutterTop + 8);
  draw.clip();
  for (let row = firstRow; row <= lastRow; ++row) {
    if (!isNamed && row !== marked?.[0]) continue;
    const y = view.gutterTop - view.scrollTop + (row + 0.5) * view.cell;
    drawName(draw, matrix.rowName(row), view.gutterLeft - 8, y, 'row', view.gutterLeft - 12, row === marked?.[0], colours);
  }
  draw.restore();
  draw.save();
  draw.beginPath();
  draw.rect(view.gutterLeft - 8, 0, view.width - view.gutterLeft + 8, view.gutterTop);
  draw.clip();
  for (let column = firstColumn; column <= lastColumn; ++column) {
    if (!isNamed && column !== marked?.[1]) continue;
    const x = view.gutterLeft - view.scrollLeft + (column + 0.5) * view.cell;
    drawName(draw, matrix.columnName(column), x, view.gutterTop - 8, 'column', view.gutterTop - 12, column === marked?.[1],
             colours);
  }
  draw.restore();
  if (view.gutterLeft > 60 && view.gutterTop > 40) drawCorner(draw, view, colours);
}

function drawCorner(draw: CanvasRenderingContext2D, view: View, colours: Colours): void {
  draw.fillStyle = colours.soft;
  draw.font = '11px system-ui, sans-serif';
  draw.textAlign = 'right';
  draw.fillText('predicted →', view.gutterLeft - 8, view.gutterTop - 34, view.gutterLeft - 10);
  draw.fillText('actual ↓', view.gutterLeft - 8, view.gutterTop - 19, view.gutterLeft - 10);
}

/** A row's name ends at (x, y), a column's begins there and goes upwards. */
function drawName(draw: CanvasRenderingContext2D, name: string, x: number, y: number, axis: 'row' | 'column', room: number,
                  isMarked: boolean, colours: Colours): void {
  draw.save();
  draw.translate(x, y);
  if (axis === 'column') draw.rotate(-Math.PI / 2);
  draw.textAlign = axis === 'row' ? 'right' : 'left';
  draw.fillStyle = isMarked ? colours.ink : colours.soft;
  if (isMarked) draw.font = '600 12px system-ui, sans-serif';
  draw.fillText(fittedName(draw, name, room), 0, 0);
  draw.restore();
}

/** The name, its middle replaced by "…" where it is too long: beginnings and ends of names differ most. */
function fittedName(draw: CanvasRenderingContext2D, name: string, room: number): string {
  if (draw.measureText(name).width <= room) return name;
  const letters = Array.from(name);
  for (let kept = Math.min(letters.length - 1, 60); kept > 2; --kept) {
    const head = Math.ceil(kept * 0.6);
    const text = `${letters.slice(0, head).join('')}…${letters.slice(letters.length - (kept - head)).join('')}`;
    if (draw.measureText(text).width <= room) return text;
  }
  return `${letters[0] ?? ''}…`;
}
