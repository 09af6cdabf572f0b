// The pages' parts that need no browser: node parts.mjs.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

const fromWeb = createRequire(new URL('../../apps/web/package.json', import.meta.url));
const { buildSync } = fromWeb('esbuild');

/** A module of src/parts as a module of JavaScript. */
function part(name) {
  const file = fileURLToPath(new URL(`../../apps/web/src/parts/${name}.ts`, import.meta.url));
  const { outputFiles } = buildSync({ entryPoints: [file], bundle: true, format: 'esm', write: false });
  return import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`);
}
const numbers = await part('numbers');
const matrix = await part('matrix_view');
const rows = await part('virtual_rows');
const spaced = (text) => text.replaceAll('\u00a0', ' ');

test('a share that is not all or nothing never reads as 0 % or 100 %', () => {
  for (const [share, text] of [[0, '0 %'], [1, '100 %'], [0.8342, '83.4 %'], [0.9996, '99.96 %'], [0.0003, '0.03 %'], [0.0000002, '< 0.01 %'], [0.9999998, '> 99.99 %'], [NaN, '–']]) {
    assert.equal(spaced(numbers.percent(share)), text);
  }
});

test('numbers keep three digits', () => {
  for (const [value, text] of [[0, '0'], [1.23456, '1.23'], [0.00123456, '0.00123'], [1234.5, '1,235'], [-0.5, '−0.500'], [0.00001, '1.0e−5'], [Infinity, '–']]) {
    assert.equal(numbers.number(value), text);
  }
  assert.equal(numbers.pValue(0.00001), '< .0001');
  assert.equal(numbers.pValue(0.0123), '.012');
  assert.equal(numbers.counted(1, 'class', 'classes'), '1 class');
  assert.equal(numbers.counted(1200, 'image'), '1,200 images');
});

test('an interval stands beside its number where it is known', () => {
  assert.equal(spaced(numbers.withInterval({ value: 0.5, low: 0.4, high: 0.6 }, 'percent')), '50.0 % (40.0 – 60.0 %)');
  assert.equal(spaced(numbers.withInterval({ value: 0.5 }, 'percent')), '50.0 %');
});

test('ticks are round and lie within', () => {
  assert.deepEqual(numbers.ticks(0, 1, 5), [0, 0.2, 0.4, 0.6, 0.8, 1]);
  assert.deepEqual(numbers.ticks(0.13, 0.29, 4), [0.15, 0.2, 0.25]);
  assert.deepEqual(numbers.ticks(3, 3, 5), [3]);
});

const view = { cell: 10, gutterLeft: 100, gutterTop: 50, scrollLeft: 20, scrollTop: 0, width: 400, height: 300 };

test('a point of the canvas is a place of the matrix', () => {
  assert.deepEqual(matrix.placeAt(view, 100, 50, 37, 37), [0, 2]);
  assert.deepEqual(matrix.placeAt(view, 109.9, 69, 37, 37), [1, 2]);
  assert.equal(matrix.placeAt(view, 99, 60, 37, 37), undefined);
  assert.equal(matrix.placeAt(view, 390, 60, 37, 20), undefined);
});

test('a cell too small to be hit is found nearby', () => {
  const small = { ...view, cell: 0.5, scrollLeft: 0 };
  const cells = [{ row: 20, column: 20, count: 1, share: 1, isRight: false }, { row: 90, column: 20, count: 1, share: 1, isRight: false }];
  assert.deepEqual(matrix.nearestCell(small, 112, 62, cells), [20, 20]);
  assert.equal(matrix.nearestCell(small, 150, 62, cells), undefined);
});

test('scrolling brings a place into sight and moves no more than needed', () => {
  assert.deepEqual(matrix.scrollTo(view, 5, 5), { left: 20, top: 0 });
  assert.deepEqual(matrix.scrollTo(view, 5, 1), { left: 10, top: 0 });
  assert.deepEqual(matrix.scrollTo(view, 30, 5), { left: 20, top: 60 });
});

test('all cells fit, and none is larger than the largest', () => {
  assert.equal(matrix.fittingCell(1000, 1000, 500, 700), 0.5);
  assert.equal(matrix.fittingCell(2, 2, 500, 700), matrix.kLargestCell);
});

test('of a long list only the rows in view and next to it are drawn', () => {
  const layout = { rows: 1000, rowPx: 100, viewPx: 450 };
  assert.equal(rows.scrollHeight(layout), 100_000);
  assert.deepEqual(rows.shownRows(layout, 0, 2), { first: 0, end: 7, topPx: 0 });
  assert.deepEqual(rows.shownRows(layout, 5030, 2), { first: 48, end: 57, topPx: 4800 });
  assert.deepEqual(rows.shownRows(layout, 99_550, 2), { first: 993, end: 1000, topPx: 99_300 });
  assert.deepEqual(rows.shownRows({ ...layout, rows: 0 }, 0, 2), { first: 0, end: 0, topPx: 0 });
});

test('a list higher than browsers draw is scrolled proportionally, to its last row', () => {
  const layout = { rows: 1_000_000, rowPx: 200, viewPx: 800 };
  const height = rows.scrollHeight(layout);
  assert.ok(height <= 8_000_000);
  const { first, end, topPx } = rows.shownRows(layout, height - 800, 0);
  assert.equal(end, 1_000_000);
  assert.equal(first, 999_996);
  assert.ok(Math.abs(topPx + 4 * 200 - height) < 1, `the last row ends at ${topPx + 800} of ${height}`);
  for (const row of [0, 1, 123_456, 500_000, 999_999]) {
    const at = rows.scrollTo(layout, 4_000_000, row);
    const shown = rows.shownRows(layout, at, 0);
    assert.ok(shown.first <= row && row < shown.end, `row ${row}`);
    const top = shown.topPx + (row - shown.first) * 200 - at;
    assert.ok(top >= -1 && top <= 601, `row ${row} is seen whole: ${top}`);
  }
});

test('a row that is seen whole is not scrolled to', () => {
  const layout = { rows: 1000, rowPx: 100, viewPx: 450 };
  assert.equal(rows.scrollTo(layout, 5030, 52), 5030);
  assert.equal(rows.scrollTo(layout, 5030, 50), 5000);
  assert.equal(rows.scrollTo(layout, 5030, 55), 5150);
});
