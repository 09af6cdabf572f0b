// node studio_try.mjs ADDRESS IMAGE ROUNDS: what benchmarks/studio_try prints.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const { chromium } = createRequire(new URL('../apps/web/package.json', import.meta.url))('playwright-core');
const [address, image, rounds] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
const page = await browser.newPage();
await page.goto(address);
await page.goto(`${new URL(address).origin}/#/try`);
await page.waitForFunction(() => document.querySelector('.try-model')?.textContent.includes('version'));
// The file lies in the page before the clock starts, as what is dropped lies in the browser.
await page.evaluate((base64) => {
  window.bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
}, readFileSync(image).toString('base64'));
const whole = [];
const parts = [];
for (let round = 0; round <= Number(rounds); round += 1) {
  const ms = await page.evaluate(async (number) => {
    const data = new DataTransfer();
    data.items.add(new File([window.bytes], `${number}.jpg`, { type: 'image/jpeg' }));
    const before = document.querySelector('.try-model .figure img')?.src;
    const isNew = () => {
      const now = document.querySelector('.try-model .figure img');
      const isOfThis = document.querySelector('.try-model')?.getAttribute('aria-busy') === 'false';
      return now && isOfThis && now.complete && now.naturalWidth > 0 && (number === 0 || now.src !== before || window.repeats);
    };
    const begin = performance.now();
    document.querySelector('.drop-zone').dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }));
    await new Promise((done) => requestAnimationFrame(done)); // until the page says that it looks
    while (!isNew()) await new Promise((done) => requestAnimationFrame(done));
    return performance.now() - begin;
  }, round);
  await page.evaluate(() => { window.repeats = true; }); // the same image gives the same map
  if (round === 0) console.log(`first: ${ms.toFixed(0)} ms`);
  else whole.push(ms);
  parts.push(await page.locator('.try-model p.soft.small').last().textContent());
}
whole.sort((a, b) => a - b);
console.log(`drop to prediction and map: median ${whole[whole.length >> 1].toFixed(0)} ms, longest ${whole.at(-1).toFixed(0)} ms, of ${whole.length}`);
console.log(`server, last: ${parts.at(-1)}`);
await browser.close();
