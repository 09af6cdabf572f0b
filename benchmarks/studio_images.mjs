// node studio_images.mjs make FOLDER IMAGES: small PNGs, all different, in 20 classes.
// node studio_images.mjs measure URL FOLDER_ID: what benchmarks/studio_images prints.
import { mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { crc32, deflateSync } from 'node:zlib';

const [what, ...given] = process.argv.slice(2);

function chunk(type, body) {
  const whole = Buffer.alloc(12 + body.length);
  whole.writeUInt32BE(body.length, 0);
  whole.write(type, 4, 'latin1');
  body.copy(whole, 8);
  whole.writeUInt32BE(crcOf(whole.subarray(4, 8 + body.length)), 8 + body.length);
  return whole;
}

/** zlib.crc32 is not in Node 18. */
function crcOf(bytes) {
  if (crc32) return crc32(bytes);
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; ++bit) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}

/** 64 x 64, RGB: waves whose lengths and colours are those of this number. */
function png(number) {
  const side = 64;
  const rows = Buffer.alloc(side * (1 + 3 * side));
  const [a, b, c] = [1 + (number % 97) / 10, 1 + ((number * 7) % 89) / 10, (number * 13) % 256];
  for (let y = 0; y < side; ++y) {
    for (let x = 0; x < side; ++x) {
      const at = y * (1 + 3 * side) + 1 + 3 * x;
      rows[at] = 128 + 120 * Math.sin((x * a) / 20);
      rows[at + 1] = 128 + 120 * Math.sin((y * b) / 20 + x / 9);
      rows[at + 2] = c;
    }
  }
  const header = Buffer.from([0, 0, 0, side, 0, 0, 0, side, 8, 2, 0, 0, 0]);
  return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), chunk('IHDR', header),
    chunk('IDAT', deflateSync(rows, { level: 1 })), chunk('IEND', Buffer.alloc(0))]);
}

function make(folder, images) {
  for (let i = 0; i < images; ++i) {
    const place = `${folder}/class${String(i % 20).padStart(2, '0')}`;
    if (i < 20) mkdirSync(place, { recursive: true });
    writeFileSync(`${place}/${String(i).padStart(6, '0')}.png`, png(i));
  }
}

/** In the page: what of the grid's view is there now; isThere: and belongs to where the scroll bar is. */
function inView() {
  const grid = document.querySelector('.virtual-grid');
  if (!grid) return { seen: 0, loaded: 0, isThere: false };
  const view = grid.getBoundingClientRect();
  let seen = 0;
  let loaded = 0;
  for (const tile of grid.querySelectorAll('.tile')) {
    const box = tile.getBoundingClientRect();
    if (box.bottom <= view.top + 4 || box.top >= view.bottom - 4) continue;
    seen += 1;
    if (tile.querySelector('.thumbnail.loaded')) loaded += 1;
  }
  return { seen, loaded, isThere: !grid.querySelector('.pinned') };
}

async function measure(url, id) {
  const fromWeb = createRequire(new URL('../apps/web/package.json', import.meta.url));
  const { chromium } = fromWeb('playwright-core');
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
  await page.addInitScript({ content: `globalThis.inView = ${inView}` });
  const say = (text) => console.log(`  ${text}`);
  const complete = () => page.waitForFunction(() => {
    const { seen, loaded, isThere } = inView();
    return isThere && seen > 0 && loaded === seen;
  }, undefined, { polling: 'raf', timeout: 120_000 });

  // The page is there before the program, and Chromium takes half a second for its first one; here it is the view that is measured.
  await page.goto(url);
  await page.waitForSelector('#content h1');
  await page.goto('about:blank');
  await page.waitForTimeout(2000);
  let begun = performance.now();
  await page.goto(`${url}#/data/${id}/images`);
  await page.waitForFunction(() => inView().loaded > 0, undefined, { polling: 'raf', timeout: 120_000 });
  const first = performance.now() - begun;
  await complete();
  const { seen } = await page.evaluate(() => inView());
  say(`first screen: first image after ${first.toFixed(0)} ms, all ${seen} after ${(performance.now() - begun).toFixed(0)} ms`);

  // Through everything in ten seconds, then the end.
  const scrolled = await page.evaluate(async () => {
    const grid = document.querySelector('.virtual-grid');
    const end = grid.scrollHeight - grid.clientHeight;
    const duration = 10_000;
    const start = performance.now();
    const frames = [];
    let last = start;
    let emptySince;
    let longestEmpty = 0;
    let shares = 0;
    let empty = 0;
    for (;;) {
      const now = await new Promise((done) => requestAnimationFrame(done));
      frames.push(now - last);
      last = now;
      const { seen, loaded } = inView();
      shares += seen > 0 ? loaded / seen : 0;
      if (loaded === 0) {
        emptySince ??= now;
        empty += 1;
      } else emptySince = undefined;
      longestEmpty = Math.max(longestEmpty, emptySince === undefined ? 0 : now - emptySince);
      if (now - start > duration) break;
      grid.scrollTop = end * ((now - start) / duration);
    }
    grid.scrollTop = end;
    frames.sort((a, b) => a - b);
    return { longestEmpty, share: shares / frames.length, empty: empty / frames.length, frames: frames.length,
      median: frames[frames.length >> 1], p99: frames[Math.floor(frames.length * 0.99)], images: grid.querySelector('.tile')?.ariaSetSize };
  });
  begun = performance.now();
  await complete();
  say(`scroll through ${scrolled.images} in 10 s: no frame without an image for longer than ${scrolled.longestEmpty.toFixed(0)} ms `
    + `(${(100 * scrolled.empty).toFixed(1)} % of frames), ${(100 * scrolled.share).toFixed(0)} % of the tiles in view are loaded; `
    + `${scrolled.frames} frames, median ${scrolled.median.toFixed(1)} ms, 99 % ${scrolled.p99.toFixed(1)} ms; at its end all in view after ${(performance.now() - begun).toFixed(0)} ms`);

  const jumps = { first: [], all: [] };
  for (let i = 0; i < 20; ++i) {
    const took = await page.evaluate(async (to) => {
      const grid = document.querySelector('.virtual-grid');
      const start = performance.now();
      grid.scrollTop = to * (grid.scrollHeight - grid.clientHeight);
      let first;
      for (;;) {
        await new Promise((done) => requestAnimationFrame(done));
        const { seen, loaded, isThere } = inView();
        if (!isThere || performance.now() - start < 17) continue;
        if (first === undefined && loaded > 0) first = performance.now() - start;
        if (first !== undefined && seen > 0 && loaded === seen) return { first, all: performance.now() - start };
      }
    }, (i * 0.6180339887 + 0.1) % 1);
    jumps.first.push(took.first);
    jumps.all.push(took.all);
  }
  const spread = (list) => { list.sort((a, b) => a - b); return `median ${list[10].toFixed(0)} ms, most ${list[19].toFixed(0)} ms`; };
  say(`20 jumps: first image ${spread(jumps.first)}; all in view ${spread(jumps.all)}`);

  const filters = [];
  for (const label of ['3', '7', '11']) {
    filters.push(await page.evaluate(async (value) => {
      const select = document.querySelector('.filters select');
      const before = document.querySelector('.filters [role=status]').textContent;
      const start = performance.now();
      select.value = value;
      select.dispatchEvent(new Event('change', { bubbles: true }));
      let isCounted = false;
      for (;;) {
        await new Promise((done) => requestAnimationFrame(done));
        isCounted ||= document.querySelector('.filters [role=status]').textContent !== before || performance.now() - start > 60;
        const { seen, loaded } = inView();
        if (isCounted && seen > 0 && loaded === seen) return performance.now() - start;
      }
    }, label));
  }
  say(`filter by a class: all in view after ${filters.map((each) => each.toFixed(0)).join(', ')} ms`);
  begun = performance.now();
  await page.fill('#data-filter', '777');
  await page.waitForFunction(() => location.hash.includes('777'));
  await complete();
  say(`filter by a name: ${(performance.now() - begun).toFixed(0)} ms`);
  const memory = await page.evaluate(() => performance.memory?.usedJSHeapSize ?? 0);
  say(`page: ${(memory / 1e6).toFixed(0)} MB of JavaScript's heap`);
  await browser.close();
}

if (what === 'make') make(given[0], Number(given[1]));
else await measure(given[0], given[1]);
