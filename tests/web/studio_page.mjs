// Each view of the studio in Chromium: node studio_page.mjs URL READ_ONLY_URL FOLDER, of two studios over FOLDER/images and FOLDER/runs.
// The tests of a view stand in studio/VIEW.mjs, which exports `at` (its address), `ready` (what is there when it is drawn) and
// `tests(tools)`; these are made for every view: it is accessible, light and dark, fits a phone and a 4k screen, and asks no other host.
// With VIEWS="runs train" in the environment only those views are looked at.
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { accessible, browser, onlyOf, runTests, test, visit } from './visitor.mjs';

const [url, readOnlyUrl, folder] = process.argv.slice(2);

const here = new URL('./studio/', import.meta.url);
const views = await Promise.all(readdirSync(here).sort().filter((name) => name.endsWith('.mjs'))
  .filter((name) => !process.env.VIEWS || process.env.VIEWS.split(' ').includes(name.replace('.mjs', '')))
  .map(async (name) => ({ name: name.replace('.mjs', ''), ...await import(new URL(name, here)) })));

/** A page at a place of the studio; errors, what the policy forbids and requests to other hosts are faults. `expected`: of refusals. */
async function open(at, { address = url, ready = 'main h1', prepare = async () => {}, ...options } = {}) {
  const opened = await visit({ mayAsk: onlyOf(address), reducedMotion: 'reduce', ...options });
  const { page } = opened;
  await prepare(page);
  await page.goto(address);
  await page.goto(`${new URL(address).origin}/${at}`);
  await page.waitForSelector(ready);
  return opened;
}

/** Changes something behind the pages' backs, as another program that has the token. */
async function post(path, body) {
  const { origin, searchParams } = new URL(url);
  const headers = { Authorization: `Bearer ${searchParams.get('token')}`, Origin: origin, 'Content-Type': 'application/json' };
  const response = await fetch(`${origin}${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
  assert.ok(response.ok, `${response.status}: ${await response.text()}`);
}

const tools = { assert, test, open, accessible, url, readOnlyUrl, folder, post };
for (const view of views) {
  const at = typeof view.at === 'function' ? await view.at(tools) : view.at;
  const places = Array.isArray(at) ? at : [at];
  for (const place of places) {
    for (const colorScheme of ['light', 'dark']) {
      test(`${view.name}: ${place} is accessible, ${colorScheme}`, async () => {
        const { page, close } = await open(place, { colorScheme, ready: view.ready });
        assert.deepEqual(await accessible(page), []);
        await close();
      });
    }
    for (const width of [360, 3840]) {
      test(`${view.name}: ${place} fits ${width} pixels`, async () => {
        const { page, close } = await open(place, { ready: view.ready, viewport: { width, height: 800 } });
        assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'the page scrolls sideways');
        await close();
      });
    }
  }
  view.tests?.(tools);
}

test('asks for the token where the browser has none, and takes the whole address', async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(new URL(url).origin);
  await page.fill('#token', 'wrong-token-0123456789');
  assert.deepEqual(await accessible(page), []);
  await page.fill('#token', url);
  await page.click('button[type=submit]');
  await page.waitForSelector('nav');
  assert.equal(new URL(page.url()).search, '');
  await context.close();
});

test('goes everywhere by keys, and lists them', async () => {
  const { page, close } = await open('#/runs');
  await page.keyboard.press('?');
  await page.waitForSelector('dialog.key-help[open]');
  assert.deepEqual(await accessible(page), []);
  await page.keyboard.press('Escape');
  for (const [key, at] of [['t', '#/train'], ['r', '#/runs']]) {
    await page.keyboard.press('g');
    await page.keyboard.press(key);
    await page.waitForFunction((hash) => location.hash === hash, at);
  }
  await close();
});

test('connects anew after a sleep, when nothing may come on the old stream', async () => {
  const { page, close } = await open('#/runs', { ready: 'nav', prepare: (each) => each.clock.install() });
  let streams = 0;
  page.on('request', (request) => { if (request.url().endsWith('/api/events')) streams += 1; });
  await page.clock.fastForward(4000);
  assert.equal(streams, 0);
  const again = page.waitForRequest((request) => request.url().endsWith('/api/runs'));
  await page.clock.fastForward('10:00');
  await page.clock.runFor(6000);
  await again; // what is shown is asked for anew
  assert.equal(streams, 1);
  await close();
});

test('a file that is dropped beside its place does not take the page away', async () => {
  const { page, close } = await open('#/runs');
  const isTaken = await page.evaluate(() => {
    const data = new DataTransfer();
    data.items.add(new File(['x'], 'x.jpg', { type: 'image/jpeg' }));
    const event = new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true });
    document.querySelector('main').dispatchEvent(event);
    return event.defaultPrevented;
  });
  assert.ok(isTaken);
  await close();
});

await runTests();
