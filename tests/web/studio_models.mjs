// What a visitor sees and does in the views Mistakes and Try: node studio_models.mjs ADDRESS IMAGE FOLDER. FOLDER: for saved pages.
import assert from 'node:assert/strict';
import { pathToFileURL } from 'node:url';
import { accessible, onlyOf, runTests, test, visit } from './visitor.mjs';

const [address, image, folder] = process.argv.slice(2);
const origin = new URL(address).origin;


/** Opens a view; errors, what the policy forbids and requests to other hosts are faults. `expected`: of refusals. */
async function open(hash, options = {}) {
  const opened = await visit({ mayAsk: onlyOf(address), acceptDownloads: true, ...options });
  opened.context.setDefaultTimeout(90000); // what is tested is not how fast a busy machine is
  await opened.page.goto(address);
  await opened.page.waitForSelector('.studio-header nav');
  await opened.page.goto(`${origin}/${hash}`);
  await opened.page.waitForSelector('#content h1');
  return opened;
}

/** Asks every tenth of a second, as a busy machine draws no frames for a while. */
const until = (page, condition, argument) => page.waitForFunction(condition, argument, { polling: 100 });

const fits = (page) => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth);
async function screenshot(page, name) {
  if (process.env.SCREENSHOTS) await page.screenshot({ path: `${process.env.SCREENSHOTS}/${name}.png`, fullPage: true });
}

/** The mistakes of the newest model, judged by all images. */
async function mistakes(options = {}) {
  const opened = await open('#/mistakes', options);
  await until(opened.page, () => location.hash.includes('model='));
  await opened.page.selectOption('.mistakes-choice label:nth-of-type(3) select', 'all');
  await opened.page.waitForSelector('#about', { timeout: 60000 });
  return opened;
}

for (const colorScheme of ['light', 'dark']) {
  test(`Mistakes, X-ray and Try are accessible, ${colorScheme}`, async () => {
    const { page, close } = await mistakes({ colorScheme });
    assert.deepEqual(await accessible(page), []);
    await screenshot(page, `mistakes-${colorScheme}`);
    await page.locator('#images .image-card a').first().click();
    await page.waitForSelector('.xray-rows li');
    assert.deepEqual(await accessible(page), []);
    await screenshot(page, `xray-${colorScheme}`);
    await page.goto(`${origin}/#/try`);
    await page.waitForSelector('.drop-zone');
    await page.setInputFiles('input[type=file]', image);
    await page.waitForSelector('.try-model .figure img');
    assert.deepEqual(await accessible(page), []);
    await screenshot(page, `try-${colorScheme}`);
    await close();
  });
}

test('a click on a pair shows the images of its cell, and a map of each', async () => {
  const { page, close } = await mistakes();
  const row = page.locator('#pairs tbody tr').first();
  if (await row.count()) {
    await row.locator('button').first().click();
    await page.waitForSelector('#cell .image-card img');
    await until(page, () => [...document.querySelectorAll('#cell img')].every((each) => each.complete && each.naturalWidth > 0));
    const before = await page.locator('#cell img').first().getAttribute('src');
    await page.locator('#cell .maps button').nth(1).click();
    await until(page, (old) => { const now = document.querySelector('#cell img'); return now.getAttribute('src') !== old && now.complete && now.naturalWidth > 0; }, before);
  }
  await close();
});

test('the X-ray changes everything when a logit moves, agrees with the library, and takes it back', async () => {
  const { page, close } = await open('#/mistakes/xray');
  const loss = () => page.locator('.xray-gauge .loss').textContent();
  const first = await loss();
  assert.equal(first, '0.3907'); // as docs/guide/chapter5.md has it
  await page.locator('.xray-rows li[data-class="1"] input[type=range]').focus();
  for (let i = 0; i < 10; i += 1) await page.keyboard.press('ArrowLeft');
  assert.notEqual(await loss(), first);
  assert.equal(await page.locator('.xray-rows li[data-class="1"] .logit-field').inputValue(), '2.10');
  await until(page, () => document.body.textContent.includes('The C++ library computes the same numbers'));
  await page.locator('.xray-rows li[data-class="2"] input[type=range]').focus();
  await page.keyboard.press('t');
  assert.ok(await page.locator('.xray-rows li[data-class="2"] .target input').isChecked());
  await page.keyboard.press('s');
  assert.match(await page.locator('.trace figcaption').textContent(), /1 step:/);
  for (let i = 0; i < 3; i += 1) await page.keyboard.press('u');
  assert.equal(await loss(), first);
  await page.keyboard.press('m');
  assert.match(await page.locator('.xray-rows li[data-class="2"] .probability').textContent(), /0\s%/);
  await close();
});

test('the X-ray stays exact where float64 would overflow', async () => {
  const { page, close } = await open('#/mistakes/xray');
  await page.getByRole('button', { name: 'Large logits' }).click();
  const loss = await page.locator('.xray-gauge .loss').textContent();
  assert.match(loss, /^1\.4644/);
  await page.locator('.xray-naive summary').click();
  assert.match(await page.locator('.xray-naive').textContent(), /overflows to infinity/);
  await until(page, () => document.body.textContent.includes('The C++ library computes the same numbers'));
  for (const name of ['One class', 'A class ruled out', 'Several labels']) {
    await page.getByRole('button', { name }).click();
    await until(page, () => document.body.textContent.includes('The C++ library computes the same numbers'));
    assert.ok(!/NaN/.test(await page.locator('.xray').textContent()), name);
  }
  await close();
});

test('Try takes files, what is pasted and dropped, and the camera', async () => {
  const { page, close } = await open('#/try', { permissions: ['camera'] });
  await page.waitForSelector('.drop-zone');
  const seen = () => page.locator('.try-model .figure img').getAttribute('src');
  await page.setInputFiles('input[type=file]', image);
  await page.waitForSelector('.try-model .figure img');
  const first = await seen();
  for (const kind of ['drop', 'paste']) {
    const before = await seen();
    await page.evaluate(async (how) => {
      const canvas = Object.assign(document.createElement('canvas'), { width: 40, height: 40 });
      const context = canvas.getContext('2d');
      context.fillStyle = how === 'drop' ? 'red' : 'blue';
      context.fillRect(5, 5, 20, 20);
      const blob = await new Promise((done) => canvas.toBlob(done));
      const data = new DataTransfer();
      data.items.add(new File([blob], `${how}.png`, { type: 'image/png' }));
      const event = how === 'drop' ? new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true })
        : new ClipboardEvent('paste', { clipboardData: data, bubbles: true });
      (how === 'drop' ? document.querySelector('.drop-zone') : document.body).dispatchEvent(event);
    }, kind);
    await until(page, (old) => document.querySelector('.try-model .figure img').src !== old, before);
  }
  assert.notEqual(await seen(), first);
  await page.getByRole('button', { name: 'Use the camera' }).click();
  await until(page, () => document.querySelector('video')?.videoWidth > 0);
  const before = await seen();
  await page.getByRole('button', { name: 'Take an image' }).click();
  await until(page, (old) => document.querySelector('.try-model .figure img').src !== old, before);
  await page.getByRole('button', { name: 'Close the camera' }).click();
  assert.equal(await page.locator('.try-strip img').count(), 4);
  await close();
});

test('Try compares models, maps each class, and finds the nearest training images', async () => {
  const { page, close } = await open('#/try');
  await page.waitForSelector('.drop-zone');
  await page.setInputFiles('input[type=file]', image);
  await page.locator('select').selectOption({ index: 1 });
  await until(page, () => document.querySelectorAll('.try-model .figure img').length === 2);
  const card = page.locator('.try-model').first();
  const second = card.locator('.bar-list .name').nth(1);
  const label = await second.textContent();
  await second.click();
  await until(page, (name) => document.querySelector('.try-model .figure').textContent.includes(`speaks for ${name}`), label);
  await card.getByRole('button', { name: 'Find the nearest training images' }).click();
  await card.locator('.near-images img').first().waitFor({ timeout: 60000 });
  assert.equal(await card.locator('.near-images li').count(), 6);
  await card.locator('details summary').first().click();
  await card.locator('.xray-rows li').first().waitFor();
  await close();
});

test('Try says what is wrong with a file that is no image, and goes on', async () => {
  const { page, close } = await open('#/try', { expected: /422/ });
  await page.waitForSelector('.drop-zone');
  await page.setInputFiles('input[type=file]', { name: 'a.txt', mimeType: 'text/plain', buffer: Buffer.from('no image') });
  await until(page, () => document.querySelector('.try-model .wrong')?.textContent.includes('a.txt: '));
  await page.setInputFiles('input[type=file]', image);
  await page.waitForSelector('.try-model .figure img');
  assert.equal(await page.locator('.try-model .wrong').count(), 0);
  await close();
});

/** Saves the page with its button, and opens the file from the disk, where nothing may be asked of anybody. */
async function saved(page, context, name) {
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Save page' }).click()]);
  const file = `${folder}/${name}.html`;
  await download.saveAs(file);
  const copy = await context.newPage();
  const faults = [];
  copy.on('pageerror', (error) => faults.push(error.message));
  copy.on('console', (message) => message.type() === 'error' && faults.push(message.text()));
  copy.on('request', (request) => /^(file|data):/.test(request.url()) || faults.push(`asks for ${request.url()}`));
  await copy.goto(pathToFileURL(file).href);
  await copy.waitForSelector('.saved-note');
  return { copy, faults };
}

test('a saved page of each of these views opens from disk', async () => {
  const { page, context, close } = await mistakes();
  const accuracy = await page.locator('#summary .value').first().textContent();
  await page.evaluate(() => document.querySelectorAll('#images img').forEach((each) => each.scrollIntoView()));
  const first = await saved(page, context, 'mistakes');
  assert.equal(await first.copy.locator('#summary .value').first().textContent(), accuracy);
  await first.copy.locator('#images img').first().scrollIntoViewIfNeeded(); // they are loaded when they are seen
  await until(first.copy, () => document.querySelector('#images img').naturalWidth > 0);
  assert.deepEqual(await accessible(first.copy), []);
  assert.deepEqual(first.faults, []);
  await first.copy.close();

  await page.locator('#images .image-card a').first().click();
  await page.waitForSelector('.xray-rows li');
  await page.locator('.xray-rows li').first().locator('input[type=range]').focus();
  await page.keyboard.press('PageUp');
  const loss = await page.locator('.xray-gauge .loss').textContent();
  const second = await saved(page, context, 'xray');
  assert.equal(await second.copy.locator('.xray-gauge .loss').textContent(), loss);
  await second.copy.locator('.xray-rows li').first().locator('input[type=range]').focus();
  await second.copy.keyboard.press('PageDown');
  assert.notEqual(await second.copy.locator('.xray-gauge .loss').textContent(), loss);
  assert.deepEqual(second.faults, []);
  await second.copy.close();

  await page.goto(`${origin}/#/try`);
  await page.waitForSelector('.drop-zone');
  await page.setInputFiles('input[type=file]', image);
  await page.waitForSelector('.try-model .figure img');
  const third = await saved(page, context, 'try');
  await until(third.copy, () => document.querySelector('.try-model .figure img').naturalWidth > 0);
  assert.deepEqual(third.faults, []);
  await close();
});

for (const [hash, selector] of [['#/mistakes/xray', '.xray-rows li'], ['#/try', '.drop-zone']]) {
  test(`${hash} fits a phone`, async () => {
    const { page, close } = await open(hash, { viewport: { width: 360, height: 740 } });
    await page.waitForSelector(selector);
    if (hash === '#/try') {
      await page.setInputFiles('input[type=file]', image);
      await page.waitForSelector('.try-model .figure img');
      await page.locator('.try-model details summary').first().click();
      await page.waitForSelector('.xray-rows li');
    }
    assert.ok(await fits(page), 'the page scrolls sideways');
    await screenshot(page, `phone-${hash.replaceAll(/[#/]+/g, '-')}`);
    await close();
  });
}

test('Mistakes fits a phone', async () => {
  const { page, close } = await mistakes({ viewport: { width: 360, height: 740 } });
  assert.ok(await fits(page), 'the page scrolls sideways');
  await close();
});

await runTests();
