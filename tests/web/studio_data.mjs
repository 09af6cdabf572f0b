// What a visitor sees and does in the view Data of the studio: node studio_data.mjs URL READ_ONLY_URL FOLDER.
import assert from 'node:assert/strict';
import { cpSync, readdirSync, rmSync } from 'node:fs';
import { accessible, onlyOf, runTests, test, visit } from './visitor.mjs';

const [url, readOnlyUrl, folder] = process.argv.slice(2);
const images = (below) => readdirSync(`${folder}/${below}`, { recursive: true }).filter((name) => /\.(jpg|png)$/.test(name)).length;
const total = images('.');


/** Opens a part of the view; errors, what the policy forbids and requests to other hosts are faults. A file that is no image has no thumbnail (422). */
async function open(part = 'images', { where = url, expected = / 422 /, ...options } = {}) {
  const opened = await visit({ mayAsk: onlyOf(where), expected, ...options });
  await opened.page.goto(`${where}#/data/images/${part}`);
  await opened.page.waitForSelector('.data-view .summary');
  return opened;
}

const loaded = (page, count = 1) => page.waitForFunction(
  (most) => document.querySelectorAll('.virtual-grid .thumbnail.loaded').length >= most, count);
const found = (page, text) => page.waitForFunction(
  (wanted) => document.querySelector('.filters [role=status]')?.textContent.startsWith(wanted), text);

test('shows every image with its class, and filters them', async () => {
  const { page, close } = await open();
  await loaded(page, 8);
  await found(page, `${total} images`);
  await page.selectOption('.filters label:has-text("Set") select', 'valid');
  await found(page, `${images('valid')} images`);
  await page.fill('#data-filter', 'COPY');
  await found(page, '1 image ');
  assert.match(await page.locator('.tile').textContent(), /copy\.jpg/);
  await page.fill('#data-filter', 'no such name');
  await page.waitForSelector('text=No image passes this filter.');
  await page.click('text=Clear the filter');
  await found(page, `${total} images`);
  await close();
});

test('shows names and labels as text whatever is in them', async () => {
  const { page, close } = await open();
  await page.fill('#data-filter', '100%');
  await found(page, '1 image ');
  await loaded(page);
  assert.match(await page.locator('.tile').textContent(), /<b>ネコ/);
  assert.equal(await page.locator('.tile b').count(), 0);
  await close();
});

test('is walked through by keys, and opens an image with its facts', async () => {
  const { page, close } = await open();
  await loaded(page, 8);
  await page.locator('.virtual-grid').focus();
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('j');
  assert.equal(await page.locator('.tile.current').getAttribute('aria-posinset'), '3');
  await page.keyboard.press('End');
  await page.waitForFunction(() => document.querySelector('.tile.current')?.getAttribute('aria-posinset') === document.querySelector('.tile').ariaSetSize);
  await page.keyboard.press('Home');
  await page.keyboard.press('Enter');
  await page.waitForSelector('dialog[open] dl');
  const name = () => page.locator('dialog h2').textContent();
  const first = await name();
  await page.keyboard.press('ArrowRight');
  await page.waitForFunction((before) => document.querySelector('dialog h2').textContent !== before, first);
  await page.waitForSelector('dialog .thumbnail.loaded');
  assert.match(await page.locator('dialog dl').textContent(), /pixels/);
  assert.deepEqual(await accessible(page), []);
  await page.keyboard.press('Escape');
  await page.waitForSelector('dialog', { state: 'detached' });
  await close();
});

test('says what is wrong with a file that is no image', async () => {
  const { page, close } = await open('images', { expected: /422/ });
  await page.fill('#data-filter', 'broken');
  await page.waitForSelector('.tile[aria-setsize="1"] .thumbnail.failed');
  await page.locator('.tile').click();
  await page.waitForSelector('dialog .image-facts .wrong');
  assert.match(await page.locator('dialog .image-facts .wrong').first().textContent(), /broken\.jpg/);
  await close();
});

test('checks the images in the background and shows what was found', async () => {
  const { page, close } = await open('check', { expected: /422/ });
  await page.click('button.primary[type=button]');
  await page.waitForSelector('.kinds');
  assert.deepEqual(await accessible(page), []);
  const leak = page.locator('.kinds .card', { hasText: 'both in training and in validation' });
  await leak.locator('a').click();
  await page.waitForSelector('.tile.wrong .badge');
  await found(page, '3 images');
  await close();
});

test('shows the balance of the classes and the split', async () => {
  const { page, close } = await open('classes');
  assert.match(await page.textContent('.data-view'), /By the folders of training and validation/);
  await page.waitForSelector('tbody .split-bar');
  assert.deepEqual(await accessible(page), []);
  await page.locator('tbody a').first().click();
  await page.waitForSelector('.virtual-grid');
  await close();
});

test('draws what the network sees while a slider moves', async () => {
  const { page, close } = await open('seen');
  await page.waitForFunction(() => document.querySelectorAll('.seen-part .draws img').length === 9);
  const sources = () => page.evaluate(() => [...document.querySelectorAll('.seen-part .draws img')].map((each) => each.src));
  const before = await sources();
  const slider = page.locator('.option', { hasText: /^max rotate/ }).locator('input[type=range]');
  await slider.fill('180');
  await page.waitForFunction((old) => document.querySelectorAll('.seen-part .draws img')[1].src !== old, before[1]);
  assert.equal((await sources())[0], before[0]);  // validation draws nothing
  assert.match(await page.textContent('.controls code'), /--max-rotate 180/);
  assert.match(await page.textContent('.seen-part figcaption'), /seed 42, 224 × 224 pixels/);
  await page.keyboard.press('Escape');
  assert.deepEqual(await accessible(page), []);
  await page.click('text=Use in Train');
  const { folder: taken, flags } = await page.evaluate(() => JSON.parse(sessionStorage.getItem('margay-train-settings')));
  assert.equal(taken, 'images');
  assert.equal(flags['--max-rotate'], '180');
  assert.equal(flags['--min-scale'], null); // its default again
  assert.equal(flags['--resize'], null);
  await close();
});

test('shows a training batch and how an image gets there', async () => {
  const { page, close } = await open('batch');
  await page.waitForSelector('.draws img');
  const images = await page.locator('.draws img').count();
  assert.equal(images + await page.locator('div.unsure li').count(), 16);  // the broken file may be one of them, and is named
  assert.match(await page.textContent('.data-view'), new RegExp(`float \\[${images}, 3, 224, 224\\]`));
  await page.waitForSelector('text=From the file to the batch');
  assert.deepEqual(await accessible(page), []);
  await close();
});

test('searches for a learning rate and hands the one that is clicked to Train', async () => {
  const { page, close } = await open('rate');
  await page.locator('select', { has: page.locator('option', { hasText: /^resnet20$/ }) }).selectOption('resnet20');
  await page.click('details summary:has-text("The sweep")');
  await page.locator('.option', { hasText: /^num it/ }).locator('input').fill('40');
  await page.locator('.option', { hasText: /^start lr/ }).locator('input').fill('0.0001');
  await page.locator('.option', { hasText: /^batch size/ }).locator('input').fill('8');
  await page.click('button.primary[type=button]');
  await page.waitForSelector('.lr-curve canvas', { timeout: 60_000 });
  assert.deepEqual(await accessible(page), []);
  await page.locator('text=Use in Train').first().click();
  const taken = await page.evaluate(() => JSON.parse(sessionStorage.getItem('margay-train-settings')));
  assert.ok(Number(taken.flags['--base-lr']) > 0, JSON.stringify(taken));
  assert.equal(taken.flags['--arch'], 'resnet20');
  await close();
});

test('reads the folder in another way', async () => {
  const { page, close } = await open();
  await page.click('.how-read summary');
  await page.locator('.option', { hasText: /^label path regex/ }).locator('input').fill('(train|valid)/');
  await page.locator('.option', { hasText: /^valid fraction/ }).locator('input').fill('0.5');
  await page.click('text=Read it so');
  await page.waitForFunction(() => /2 classes/.test(document.querySelector('.summary')?.textContent));
  await close();
});

test('offers no check and no search when it is read-only', async () => {
  for (const part of ['check', 'rate']) {
    const { page, close } = await open(part, { where: readOnlyUrl });
    assert.ok(await page.locator('button.primary[type=button]').isDisabled());
    await close();
  }
});

for (const colorScheme of ['light', 'dark']) {
  test(`is accessible, ${colorScheme}`, async () => {
    const { page, close } = await open('images', { colorScheme, expected: /422/ });
    await loaded(page, 8);
    assert.deepEqual(await accessible(page), []);
    await close();
  });
}

test('fits a phone', async () => {
  for (const part of ['images', 'classes', 'check', 'seen', 'batch', 'rate']) {
    const { page, close } = await open(part, { viewport: { width: 360, height: 740 }, expected: /422/ });
    await page.waitForTimeout(300);
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${part} scrolls sideways`);
    await close();
  }
});

test('says that files have come, and reads them', async () => {
  const { page, close } = await open();
  await found(page, `${total} images`);
  cpSync(`${folder}/valid`, `${folder}/train/more`, { recursive: true });
  await page.waitForSelector('text=Files have come or gone', { timeout: 15_000 });
  rmSync(`${folder}/train/more`, { recursive: true });
  await page.click('text=Read again');
  await page.waitForSelector('text=Files have come or gone', { state: 'detached' });
  await found(page, `${total} images`);
  await close();
});

await runTests();
