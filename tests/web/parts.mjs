// The pages' parts that need no browser: node parts.mjs.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { kinds, madePng } from './made_png.mjs';

const fromWeb = createRequire(new URL('../../apps/web/package.json', import.meta.url));
const { buildSync } = fromWeb('esbuild');

/** A module of src/, "parts/numbers", as a module of JavaScript. */
function part(name) {
  const file = fileURLToPath(new URL(`../../apps/web/src/${name}.ts`, import.meta.url));
  const { outputFiles } = buildSync({ entryPoints: [file], bundle: true, format: 'esm', write: false });
  return import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`);
}
const numbers = await part('parts/numbers');
const matrix = await part('parts/matrix_view');
const rows = await part('parts/virtual_rows');
const loss = await part('studio/xray/loss_math');
const subject = await part('studio/xray/subject');
const decisions = await part('studio/clean/decision_table');
const png = await part('onnx/png');
const exported = await part('onnx/pixels');
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

// ---- the X-ray: the same file holds the C++ library to these numbers (tests/interpret/loss_anatomy_test.cpp)

const golden = JSON.parse(readFileSync(new URL('../golden/loss_anatomy.json', import.meta.url), 'utf8')).cases;
const numberOf = (value) => (typeof value === 'string' ? Number(value.replace('inf', 'Infinity')) : value);
const inputOf = (one) => ({
  kind: one.kind, logits: one.logits.map(numberOf), targets: one.targets ?? undefined, temperature: one.temperature, smoothing: one.smoothing,
});

function assertClose(numbers, wanted, what) {
  assert.equal(numbers.length, wanted.length, what);
  wanted.map(numberOf).forEach((value, k) => {
    const isSame = numbers[k] === value || Math.abs(numbers[k] - value) <= 1e-12 * Math.max(1, Math.abs(value));
    assert.ok(isSame, `${what} of class ${k}: ${numbers[k]}, not ${value}`);
  });
}

test('the X-ray computes what the formulas give in sixty digits', () => {
  assert.ok(golden.length > 20);
  for (const one of golden) {
    const numbers = loss.lossNumbers(inputOf(one));
    assertClose(numbers.probability, one.probability, `${one.name}: p`);
    assertClose(numbers.negativeLog, one.negative_log, `${one.name}: -log p`);
    if (one.negative_log_not) assertClose(numbers.negativeLogNot, one.negative_log_not, `${one.name}: -log(1 - p)`);
    assert.equal(numbers.loss !== undefined, 'loss' in one, one.name);
    if (numbers.loss === undefined) continue;
    assertClose([numbers.loss], [one.loss], `${one.name}: loss`);
    assertClose(numbers.gradient, one.gradient, `${one.name}: gradient`);
  }
});

test('a gradient is the slope of the loss', () => {
  for (const one of golden.filter(({ loss: value }) => typeof value === 'number')) {
    const input = inputOf(one);
    const gradient = loss.lossNumbers(input).gradient;
    for (let k = 0; k < Math.min(6, input.logits.length); k += 1) {
      if (input.logits[k] === -Infinity || Math.abs(input.logits[k]) > 100) continue;
      const moved = (by) => loss.lossNumbers({ ...input, logits: input.logits.map((z, i) => (i === k ? z + by : z)) }).loss;
      const slope = (moved(1e-5) - moved(-1e-5)) / 2e-5;
      assert.ok(Math.abs(slope - gradient[k]) < 1e-6, `${one.name}, class ${k}: ${slope}, not ${gradient[k]}`);
    }
  }
});

test('a step along the gradient never raises a softmax\'s loss', () => {
  for (const one of golden.filter(({ kind, loss: value, temperature }) => kind === 'softmax' && typeof value === 'number' && temperature >= 1)) {
    const input = inputOf(one);
    const numbers = loss.lossNumbers(input);
    const after = loss.lossNumbers({ ...input, logits: loss.afterStep(input.logits, numbers.gradient, 1) });
    assert.ok(after.loss <= numbers.loss + 1e-12, one.name);
  }
});

test('the widest gap is what leaving the class out would save', () => {
  const input = { kind: 'softmax', logits: [3, 1, 0, 2], targets: [1], temperature: 1, smoothing: 0 };
  const gap = loss.widestGap(input, loss.lossNumbers(input));
  assert.equal(gap.index, 0);
  assert.ok(Math.abs(gap.lossWithout - Math.log(1 + Math.exp(-1) + Math.exp(1))) < 1e-14);
});

const breeds = { name: '', kind: 'softmax', classes: ['a', 'b', 'c'], logits: [2, 1, 0], targets: [1], temperature: 1 };

test('what is moved can be taken back, and a slider that moves on is one change', () => {
  const reduce = subject.reducerOf('softmax');
  let state = subject.firstState(breeds);
  for (const value of [2.1, 2.2, 2.3]) state = reduce(state, { type: 'logit', index: 0, value });
  state = reduce(state, { type: 'target', index: 2 });
  state = reduce(state, { type: 'step', rate: 1 });
  assert.equal(state.trace.length, 2);
  assert.ok(state.trace[1] < state.trace[0]);
  for (let i = 0; i < 3; i += 1) state = reduce(state, { type: 'undo' });
  assert.deepEqual(state.setting, subject.firstSetting(breeds));
  assert.equal(reduce(state, { type: 'undo' }), state);
});

test('the last possible class of a softmax cannot be ruled out', () => {
  const reduce = subject.reducerOf('softmax');
  let state = subject.firstState(breeds);
  for (const index of [0, 1]) state = reduce(state, { type: 'mask', index, original: breeds.logits[index] });
  assert.deepEqual(state.setting.logits, [-Infinity, -Infinity, 0]);
  assert.equal(reduce(state, { type: 'mask', index: 2, original: 0 }), state);
  assert.deepEqual(reduce(state, { type: 'mask', index: 0, original: 2 }).setting.logits, [2, -Infinity, 0]);
});

test('logits are read as people write them', () => {
  for (const [text, value] of [['2.5', 2.5], ['−2,5', -2.5], ['1e3', 1000], ['-inf', -Infinity], ['−∞', -Infinity], ['.5', 0.5], ['', undefined], ['1e999', undefined], ['cat', undefined]]) {
    assert.equal(subject.readLogit(text), value, text);
  }
});

test('of many classes the most probable are shown, and always the label', () => {
  const probability = Array.from({ length: 100 }, (_, k) => (k === 50 ? 0.5 : 0.5 / 99));
  const shown = subject.shownClasses(probability, [99], 5);
  assert.deepEqual(shown, [50, 0, 1, 2, 3, 99]);
  assert.deepEqual(subject.shownClasses([0.1, 0.9], [0], 5), [0, 1]);
});

// ---- the page of an exported model

test('a PNG of every kind has the pixels that the standard says', async () => {
  for (const kind of kinds) {
    for (const options of [{}, { isKeyed: true }, { width: 1, height: 1 }, { width: 3, height: 9 }, ...(kind.bits === 16 ? [{ deepBits: 12 }] : [])]) {
      const made = madePng({ ...kind, ...options });
      const { width, height, rgb } = await png.decodePng(new Uint8Array(made.bytes), options.deepBits ?? 16);
      assert.deepEqual([width, height], [made.width, made.height]);
      assert.deepEqual(rgb, made.pixels, JSON.stringify({ ...kind, ...options }));
    }
  }
});

test('a broken PNG is refused with what is wrong', async () => {
  const { bytes } = madePng({ kind: 2, bits: 8 });
  const refuses = (changed, pattern) => assert.rejects(() => png.decodePng(new Uint8Array(changed), 16), pattern);
  for (const length of [8, 20, 60, bytes.length - 30]) await refuses(bytes.subarray(0, length), /broken PNG: truncated/);
  const data = bytes.indexOf('IDAT');
  await refuses(Buffer.concat([bytes.subarray(0, data + 20), Buffer.alloc(20, 255), bytes.subarray(data + 40)]), /cannot be unpacked/);
  const higher = Buffer.from(bytes);
  higher.writeUInt32BE(300, 20);
  await refuses(higher, /fewer rows/);
  higher.writeUInt32BE(0x7fffffff, 20);
  await refuses(higher, /too many/);
  const strange = Buffer.from(bytes);
  strange[25] = 5;
  await refuses(strange, /kind 5/);
});

test('a photo lies as its camera says', () => {
  // F as 2 x 3 pixels; what each orientation stores of it, by the table of the Exif standard.
  const upright = [1, 2, 3, 4, 5, 6];
  const stored = {
    1: [2, [1, 2, 3, 4, 5, 6]], 2: [2, [2, 1, 4, 3, 6, 5]], 3: [2, [6, 5, 4, 3, 2, 1]], 4: [2, [5, 6, 3, 4, 1, 2]],
    5: [3, [1, 3, 5, 2, 4, 6]], 6: [3, [2, 4, 6, 1, 3, 5]], 7: [3, [6, 4, 2, 5, 3, 1]], 8: [3, [5, 3, 1, 6, 4, 2]],
  };
  for (const [orientation, [width, values]] of Object.entries(stored)) {
    const rgb = Uint8Array.from(values.flatMap((value) => [value, value, value]));
    const turned = exported.turnedUpright({ width, height: 6 / width, rgb }, Number(orientation));
    assert.deepEqual([turned.width, turned.height], [2, 3]);
    assert.deepEqual([...turned.rgb].filter((_, i) => i % 3 === 0), upright, orientation);
  }
});

test('decisions that wait are a table with the names of the files, without those that are taken back', () => {
  const decide = (who, image, kind, more = {}) => ({ kind: 'decide', who, body: { image_id: image, kind, ...more } });
  const undo = (who) => ({ kind: 'undo', who, body: {} });
  const table = (items) => Buffer.from(decisions.decisionTable(items)).toString('latin1').split('\n').slice(1, -1);
  assert.equal(Buffer.from(decisions.decisionTable([])).toString(), 'image,action,label,other\n');
  assert.deepEqual(table([decide('ann', 'a/100%25.jpg', 'keep'), decide('ann', 'caf%E9.jpg', 'relabel', { labels: ['50 %', 'b'] })]),
    ['"a/100%.jpg",keep,,', '"caf\xe9.jpg",relabel,"50 %;b",']);
  assert.deepEqual(table([decide('ann', 'a, "b".jpg', 'not_duplicate', { others: ['c.jpg', 'd%0A.jpg'] })]).join('\n'),
    '"a, ""b"".jpg",not_duplicate,,c.jpg\n"a, ""b"".jpg",not_duplicate,,"d\n.jpg"');
  const both = [decide('ann', '1.jpg', 'keep'), decide('bob', '2.jpg', 'delete'), decide('ann', '3.jpg', 'delete')];
  assert.deepEqual(table([...both, undo('ann')]), ['1.jpg,keep,,', '2.jpg,delete,,']);
  assert.deepEqual(table([undo('bob'), ...both, undo('ann'), undo('ann'), undo('ann')]), ['2.jpg,delete,,']);
});
