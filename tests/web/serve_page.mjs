// What a visitor sees and does on the page of `margay serve`: node serve_page.mjs URL TOKEN_URL IMAGE, of two servers, the second one
// with the token "0123456789abcdef-page".
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';

const fromWeb = createRequire(new URL('../../apps/web/package.json', import.meta.url));
const { chromium } = fromWeb('playwright-core');
const axe = fromWeb('axe-core').source;
const [url, tokenUrl, image] = process.argv.slice(2);

const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
const tests = [];
const test = (name, body) => tests.push({ name, body });

/** Opens the page; errors, what the policy forbids and requests to other places are faults. `expected`: of refusals. */
async function open(where, { expected = /^$/, ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  const faults = [];
  const note = (text) => expected.test(text) || faults.push(text);
  page.on('pageerror', (error) => note(error.message));
  page.on('console', (message) => message.type() === 'error' && note(message.text()));
  page.on('request', (request) => request.url().startsWith(where) || /^blob:/.test(request.url()) || note(`asks for ${request.url()}`));
  await page.goto(where);
  await page.waitForSelector('.drop-zone');
  return { page, close: async () => { await context.close(); assert.deepEqual(faults, []); } };
}

async function accessible(page) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, {
    runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice'],
  }));
  return violations.map(({ id, nodes }) => `${id}: ${nodes[0].html.slice(0, 160)}: ${nodes[0].failureSummary}`);
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

let failed = 0;
for (const { name, body } of tests) {
  try {
    await body();
    console.log(`ok: ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED: ${name}: ${error.message}`);
  }
}
await browser.close();
process.exit(failed === 0 ? 0 : 1);
