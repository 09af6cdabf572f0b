// What a visitor sees and does on the page of `margay serve`: node serve_page.mjs URL TOKEN_URL IMAGE, of two servers, the second one
// with the token "0123456789abcdef-page".
import assert from 'node:assert/strict';
import { accessible, runTests, test, visit } from './visitor.mjs';

const [url, tokenUrl, image] = process.argv.slice(2);


/** Opens the page; errors, what the policy forbids and requests to other places are faults. `expected`: of refusals. */
async function open(where, options = {}) {
  const opened = await visit({ mayAsk: (url) => url.startsWith(where) || /^blob:/.test(url), ...options });
  await opened.page.goto(where);
  await opened.page.waitForSelector('.drop-zone');
  return opened;
}

/** Gives the page an image, and waits for its map. */
async function show(page, file = image) {
  await page.setInputFiles('input[type=file]', file);
  await page.waitForSelector('.result figure:nth-of-type(2) img');
}

for (const colorScheme of ['light', 'dark']) {
  test(`is accessible, ${colorScheme}`, async () => {
    const { page, close } = await open(url, { colorScheme });
    assert.deepEqual(await accessible(page), []);
    await show(page);
    assert.deepEqual(await accessible(page), []);
    await close();
  });
}

test('shows the classes of an image, and the map of each', async () => {
  const { page, close } = await open(url);
  await show(page);
  const names = await page.locator('.bar-list .name').allTextContents();
  assert.equal(names.length, 5);
  const texts = await page.locator('.bar-list .text').allTextContents();
  assert.ok(texts.every((text) => /%$/.test(text)), texts.join());
  const source = () => page.locator('.result figure:nth-of-type(2) img').getAttribute('src');
  const first = await source();
  await page.locator('.bar-list .name').nth(1).click();
  await page.waitForFunction((before) => document.querySelectorAll('.result img')[1].src !== before, first);
  assert.match(await page.locator('.result figcaption').nth(1).textContent(), new RegExp(`speaks for ${names[1]};`));
  const seen = await page.evaluate(() => [...document.querySelectorAll('.result img')].map((each) => each.naturalWidth));
  assert.ok(seen.every((width) => width > 0), 'an image is not drawn');
  await close();
});

test('says what is wrong with a file that is no image, and goes on', async () => {
  const { page, close } = await open(url, { expected: /422/ });
  await page.setInputFiles('input[type=file]', { name: 'a.txt', mimeType: 'text/plain', buffer: Buffer.from('no image') });
  await page.waitForFunction(() => document.querySelector('[role=status]').textContent.includes('a.txt: '));
  await show(page);
  assert.equal((await page.locator('[role=status]').textContent()).trim(), '');
  await close();
});

test('takes an image that is dropped', async () => {
  const { page, close } = await open(url);
  await page.evaluate(async () => {
    const canvas = Object.assign(document.createElement('canvas'), { width: 40, height: 40 });
    canvas.getContext('2d').fillRect(5, 5, 20, 20);
    const blob = await new Promise((done) => canvas.toBlob(done));
    const data = new DataTransfer();
    data.items.add(new File([blob], 'drawn.png', { type: 'image/png' }));
    document.querySelector('.drop-zone').dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }));
  });
  await page.waitForSelector('.result figure:nth-of-type(2) img');
  assert.match(await page.locator('.result figcaption').first().textContent(), /drawn\.png/);
  await close();
});

test('asks for the token of a server that has one', async () => {
  const { page, close } = await open(tokenUrl, { expected: /401/ });
  await page.fill('#token', 'wrong-token-0123456789');
  await page.click('button[type=submit]');
  await page.waitForTimeout(200);
  assert.ok(await page.isVisible('#token'));
  await page.fill('#token', '0123456789abcdef-page');
  await page.click('button[type=submit]');
  await page.waitForSelector('#model');
  await show(page);
  await close();
});

test('fits a phone', async () => {
  const { page, close } = await open(url, { viewport: { width: 360, height: 740 } });
  await show(page);
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'the page scrolls sideways');
  if (process.env.SCREENSHOT) await page.screenshot({ path: process.env.SCREENSHOT, fullPage: true });
  await close();
});

await runTests();
