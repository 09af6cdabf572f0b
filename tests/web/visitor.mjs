// What the tests of pages share: Debian's Chromium, a page whose faults are kept, axe, and the loop over the tests.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';

const fromWeb = createRequire(new URL('../../apps/web/package.json', import.meta.url));
const axe = fromWeb('axe-core').source;

// Chromium's own sandbox needs user namespaces, which containers often lack; the pages are ours. The camera is a drawn one.
export const browser = await fromWeb('playwright-core').chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: ['--no-sandbox', '--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream'],
});

const tests = [];
export const test = (name, body) => tests.push({ name, body });

/**
 * An empty page. Errors, what a policy forbids and requests for addresses that `mayAsk` refuses are faults, unless they match
 * `expected`; close() fails where there are any. With STUDIO_DIST=FOLDER in the environment the studio's script and style are those of
 * that folder, not those in the program.
 */
export async function visit({ mayAsk, expected = /^$/, ...options }) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  const faults = [];
  const note = (text) => expected.test(text) || faults.push(text);
  page.on('pageerror', (error) => note(error.message));
  page.on('console', (message) => message.type() === 'error' && note(message.text()));
  page.on('request', (request) => mayAsk(request.url()) || note(`asks for ${request.url()}`));
  if (process.env.STUDIO_DIST) {
    for (const file of ['studio.js', 'studio.css']) await page.route(`**/${file}`, (route) => route.fulfill({ path: `${process.env.STUDIO_DIST}/${file}` }));
  }
  return { page, context, close: async () => { await context.close(); assert.deepEqual(faults, []); } };
}

/** For visit: a server of this address, and what the page itself has made. */
export const onlyOf = (address) => {
  const { origin } = new URL(address);
  return (url) => url.startsWith(origin) || /^(blob|data):/.test(url);
};

/** The rules of WCAG 2.1 A and AA that axe can check. The pages forbid strange scripts, so axe comes by the debugger. */
export async function accessible(page) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, {
    runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice'],
  }));
  return violations.map(({ id, nodes }) => `${id}: ${nodes[0].html.slice(0, 160)}: ${nodes[0].failureSummary}`);
}

/** Runs the tests, with ONLY=TEXT in the environment those whose names hold it, and ends the process. */
export async function runTests() {
  const chosen = tests.filter(({ name }) => name.includes(process.env.ONLY ?? ''));
  let failures = 0;
  for (const { name, body } of chosen) {
    const begin = performance.now();
    try {
      await body();
      console.log(`ok: ${name} (${((performance.now() - begin) / 1000).toFixed(1)} s)`);
    } catch (error) {
      failures += 1;
      console.log(`FAILED: ${name}\n    ${String(error.stack ?? error).replaceAll('\n', '\n    ')}`);
    }
  }
  await browser.close();
  console.log(`${chosen.length - failures} of ${chosen.length} passed`);
  process.exit(failures === 0 && chosen.length > 0 ? 0 : 1);
}
