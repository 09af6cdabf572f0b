// What a visitor sees of an exported model's page, and that its numbers are those of `margay predict`:
// node onnx_page.mjs MARGAY FOLDER IMAGE. FOLDER holds two models, their ONNX files and their pages.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { kinds, madePng } from './made_png.mjs';
import { accessible, onlyOf, runTests, test, visit } from './visitor.mjs';

const [margay, folder, photo] = process.argv.slice(2);
/** Of a probability, shown with six digits: both get the same pixels, and resize them to the same bytes. */
const kBound = 1e-5;
const kOne = 'one & <b>only';

/**
 * A server of files as plain as they come: no header but the type of HTML, so that nothing rests on a server's knowledge. Below
 * /isolated/ with the headers that threads ask for.
 */
function served(root) {
  const isolation = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' };
  const server = http.createServer((request, response) => {
    const asked = decodeURIComponent(new URL(request.url, 'http://x').pathname);
    const isIsolated = asked.startsWith('/isolated/');
    const file = path.join(root, isIsolated ? asked.slice('/isolated'.length) : asked);
    const found = fs.existsSync(file) && fs.statSync(file).isDirectory() ? path.join(file, 'index.html') : file;
    if (!fs.existsSync(found)) return response.writeHead(404).end();
    const type = { '.html': 'text/html', '.js': 'text/javascript' }[path.extname(found)] ?? 'application/octet-stream';
    response.writeHead(200, { 'Content-Type': type, ...(isIsolated ? isolation : {}) }).end(fs.readFileSync(found));
  });
  return new Promise((done) => server.listen(0, '127.0.0.1', () => done(`http://127.0.0.1:${server.address().port}/`)));
}
const address = await served(folder);
const pageOf = (model) => `${address}${encodeURIComponent(model)}.page/`;

async function open(url, options = {}) {
  const opened = await visit({ mayAsk: onlyOf(address), ...options });
  await opened.page.goto(url);
  return opened;
}

async function openReady(model, options) {
  const opened = await open(pageOf(model), options);
  await opened.page.waitForFunction(() => document.querySelector('[role=status]')?.textContent === '');
  return opened;
}

/** Gives the page a file and reads the numbers that it shows: {class: [logit, probability]}. */
async function shown(page, file) {
  const name = typeof file === 'string' ? path.basename(file) : file.name;
  await page.setInputFiles('input[type=file]', file);
  await page.waitForFunction((text) => document.querySelector('figcaption')?.textContent === text && document.querySelector('tbody'), name);
  return page.evaluate(() => Object.fromEntries([...document.querySelectorAll('tbody tr')].map((row) => {
    const [label, ...numbers] = [...row.children].map((cell) => cell.textContent);
    return [label, numbers.map(Number)];
  })));
}

const predicted = (model, files) => execFileSync(margay, ['predict', `${model}.margay`, ...files, '--json', '--top', '1000', '--decode', 'full'], { cwd: folder })
  .toString().trim().split('\n').map((line) => JSON.parse(line));

/** The largest difference of the page's probabilities and Margay's. */
function difference(numbers, prediction) {
  assert.deepEqual(Object.keys(numbers).sort(), prediction.predictions.map(({ label }) => label).sort());
  return Math.max(...prediction.predictions.map(({ label, probability }) => Math.abs(numbers[label][1] - probability)));
}

const pngs = kinds.flatMap((kind, i) => [{ ...kind, width: 80, height: 61, seed: i + 1 }, { ...kind, width: 33, height: 120, isKeyed: true, seed: 50 + i }]);
const pngFiles = pngs.map((options, i) => {
  const file = path.join(folder, `made ${i}.png`);
  fs.writeFileSync(file, madePng(options).bytes);
  return file;
});

for (const model of [kOne, 'several']) {
  test(`says of PNGs what margay predict says: ${model}`, async () => {
    const predictions = predicted(model, pngFiles);
    const { page, close } = await openReady(model);
    let largest = 0;
    for (const [i, file] of pngFiles.entries()) {
      const numbers = await shown(page, file);
      largest = Math.max(largest, difference(numbers, predictions[i]));
      if (model === kOne) assert.ok(Math.abs(Number(await page.locator('.p-known').textContent()) - predictions[i].p_known) < 1e-6);
    }
    console.log(`  largest difference of a probability over ${pngFiles.length} PNGs: ${largest.toExponential(1)}`);
    assert.ok(largest <= kBound, `a probability differs by ${largest}`);
    assert.match(await page.locator('.words').textContent(), /A PNG: /);
    await close();
  });
}

test('says of a JPEG nearly what margay predict says, and that decoders differ', async () => {
  const [prediction] = predicted(kOne, [photo]);
  const { page, close } = await openReady(kOne);
  const largest = difference(await shown(page, photo), prediction);
  console.log(`  difference of a probability of a JPEG: ${largest.toExponential(1)}`);
  assert.ok(largest <= 0.02, `a probability differs by ${largest}`);
  assert.match(await page.locator('.words').textContent(), /Decoders of JPEG/);
  await close();
});

test('shows the labels of a model of several', async () => {
  const [{ labels }] = predicted('several', [pngFiles[0]]);
  const { page, close } = await openReady('several');
  await shown(page, pngFiles[0]);
  assert.equal(await page.locator('.words p b').first().textContent(), labels.join(', ') || 'none of these');
  await close();
});

test('shows the best five classes, the best first', async () => {
  const [{ predictions }] = predicted(kOne, [pngFiles[0]]);
  const { page, close } = await openReady(kOne);
  await shown(page, pngFiles[0]);
  assert.deepEqual(await page.locator('.bar-list .name').allTextContents(), predictions.slice(0, 5).map(({ label }) => label));
  await close();
});

for (const colorScheme of ['light', 'dark']) {
  test(`is accessible and fits a phone, ${colorScheme}`, async () => {
    const { page, close } = await openReady(kOne, { colorScheme, viewport: { width: 360, height: 740 } });
    assert.deepEqual(await accessible(page), []);
    await shown(page, photo);
    await page.locator('summary').click();
    assert.deepEqual(await accessible(page), []);
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'the page scrolls sideways');
    if (process.env.SCREENSHOT) await page.screenshot({ path: process.env.SCREENSHOT, fullPage: true });
    await close();
  });
}

test('needs no mouse', async () => {
  const { page, close } = await openReady(kOne);
  const chooser = page.waitForEvent('filechooser'); // well before the key: the browser must be told of it first
  await page.keyboard.press('Tab');
  await page.waitForFunction(() => document.activeElement?.matches('input[type=file]'));
  await page.keyboard.press('Enter');
  await (await chooser).setFiles(photo);
  await page.waitForSelector('tbody', { state: 'attached' });
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  assert.ok(await page.isVisible('tbody'));
  await close();
});

test('says what is wrong with a file that is no image, and goes on', async () => {
  const { page, close } = await openReady(kOne);
  const whole = fs.readFileSync(pngFiles[7]);
  const bad = [{ name: 'a.txt', buffer: Buffer.from('no image') }, { name: 'half.png', buffer: whole.subarray(0, 300) }, { name: 'empty.jpg', buffer: Buffer.alloc(0) }];
  for (const file of bad) {
    await page.setInputFiles('input[type=file]', { mimeType: 'image/png', ...file });
    await page.waitForFunction((name) => document.querySelector('[role=status]').textContent.startsWith(`${name}: `), file.name);
  }
  await shown(page, photo);
  assert.equal(await page.locator('[role=status]').textContent(), '');
  await close();
});

test('takes an image before the model is there, and of two the later', async () => {
  const { page, close } = await open(pageOf(kOne));
  await page.waitForSelector('input[type=file]', { state: 'attached' });
  await page.setInputFiles('input[type=file]', photo);
  const numbers = await shown(page, pngFiles[3]);
  assert.ok(difference(numbers, predicted(kOne, [pngFiles[3]])[0]) <= kBound);
  await close();
});

test('also runs where the server allows threads', async () => {
  const { page, close } = await open(pageOf(kOne).replace(address, `${address}isolated/`));
  assert.ok(await page.evaluate(() => crossOriginIsolated));
  assert.ok(difference(await shown(page, pngFiles[3]), predicted(kOne, [pngFiles[3]])[0]) <= kBound);
  await close();
});

/** A copy of a page in which something is different. */
function changedPage(name, change) {
  const copy = path.join(folder, `${name}.page`);
  fs.cpSync(path.join(folder, `${kOne}.page`), copy, { recursive: true });
  change(copy);
  return pageOf(name);
}

const damages = [
  ['a model of which a bit is changed', 'not the file', (copy) => {
    const bytes = fs.readFileSync(path.join(copy, 'model.onnx'));
    bytes[bytes.length >> 1] ^= 1;
    fs.writeFileSync(path.join(copy, 'model.onnx'), bytes);
  }],
  ['a model that is not there', 'model.onnx does not lie beside this page', (copy) => fs.rmSync(path.join(copy, 'model.onnx'))],
  ['a runtime that is not there', 'could not be loaded', (copy) => fs.rmSync(path.join(copy, 'ort.wasm.bundle.min.js'))],
  ['no WebAssembly beside it', 'ort-wasm-simd-threaded.wasm does not lie', (copy) => fs.rmSync(path.join(copy, 'ort-wasm-simd-threaded.wasm'))],
];
for (const [i, [name, wanted, change]] of damages.entries()) {
  test(`names ${name}`, async () => {
    const { page, close } = await open(changedPage(`damaged ${i}`, change), { expected: /integrity|404|Failed to (load|fetch)/i });
    await page.waitForFunction((text) => document.querySelector('[role=status]')?.textContent.includes(text), wanted);
    await close();
  });
}

test('says that it cannot work from a disk', async () => {
  const file = pathToFileURL(path.join(folder, `${kOne}.page`, 'index.html')).href;
  const { page, close } = await visit({ mayAsk: (url) => url === file || url.startsWith('data:') });
  await page.goto(file);
  await page.waitForFunction(() => document.querySelector('[role=status]')?.textContent.includes('python3 -m http.server'));
  await close();
});

await runTests();
