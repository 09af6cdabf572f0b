// node screenshots.mjs URL FOLDER PICTURES: what tools/screenshots draws, of a studio over FOLDER/shapes, FOLDER/photos and FOLDER/runs.
import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';

const { chromium } = createRequire(new URL('../apps/web/package.json', import.meta.url))('playwright-core');
const [url, folder, pictures] = process.argv.slice(2);
const { origin, searchParams } = new URL(url);
const kUsualSize = '1280x800';

const runs = readdirSync(`${folder}/runs`).filter((name) => /^\d{8}-/.test(name)).sort();
const model = `runs:${runs[0]}/model.margay`;
const imageOf = (side, at) => {
  const [label] = readdirSync(`${folder}/shapes/${side}`).sort().slice(at);
  return `${folder}/shapes/${side}/${label}/${readdirSync(`${folder}/shapes/${side}/${label}`).sort()[0]}`;
};

/** Asks the studio for something, as a program that has the token. */
async function post(path, body) {
  const headers = { Authorization: `Bearer ${searchParams.get('token')}`, Origin: origin, 'Content-Type': 'application/json' };
  const response = await fetch(`${origin}${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
}
/** Only once, whatever the number of pictures. */
const once = (work) => {
  let done;
  return (page) => (done ??= work(page));
};

/** Each view: where it is, what is there when it is drawn, what is done before the picture. */
const views = {
  runs: { at: '#/runs', ready: '.run-link' },
  run: { at: `#/runs/${runs[0]}`, ready: '.curve-plot canvas' },
  compare: { at: `#/runs/compare?of=${runs[0]}&of=${runs[1]}`, ready: '.curve-plot canvas' },
  data: { at: '#/data/shapes/images', ready: '.thumbnail.loaded' },
  image: { at: '#/data/shapes/images', ready: '.thumbnail.loaded', act: async (page) => {
    await page.locator('.virtual-grid').focus();
    for (let i = 0; i < 3; ++i) await page.keyboard.press('ArrowRight');
    await page.keyboard.press('Enter');
    await page.waitForSelector('.open-image .thumbnail.loaded');
  } },
  classes: { at: '#/data/shapes/classes', ready: '.split-bar' },
  check: { at: '#/data/shapes/check', ready: '.card button', act: once(async (page) => {
    await page.click('text=Check all images');
    await page.waitForSelector('.kinds .card', { timeout: 60_000 });
  }) },
  seen: { at: '#/data/shapes/seen', ready: '.draws img' },
  batch: { at: '#/data/shapes/batch', ready: '.draws img' },
  rate: { at: '#/data/shapes/rate', ready: '.card', act: once(async (page) => {
    await post('/api/data/shapes/lr-find', {
      arch: 'resnet20', sweep: { num_it: 60, start_lr: 1e-5 },
      batch: { loader: { batch_size: 16 }, transforms: { resize: { size: 80 }, augment: { size: 64 } } },
    });
    await page.waitForSelector('.lr-curve canvas', { timeout: 300_000 });
  }) },
  mistakes: { at: `#/mistakes?model=${encodeURIComponent(model)}`, ready: '.mistakes-sections button', act: async (page) => {
    await page.click('.mistakes-sections button:has-text("Confusion matrix")');
    await page.waitForTimeout(300);
  } },
  xray: { at: `#/mistakes/xray`, ready: '.xray' },
  clean: { at: '#/clean/shapes/one', ready: '.clean .summary', act: once(async (page) => {
    await post('/api/clean/shapes/search', { model });
    await page.waitForSelector('.search button:has-text("Search again")', { timeout: 300_000 });
  }) },
  'clean-grid': { at: '#/clean/shapes/grid', ready: '.thumbnail.loaded' },
  label: { at: '#/label/photos', ready: '.one-to-label img' },
  try: { at: `#/try?model=${encodeURIComponent(model)}&model=${encodeURIComponent(`runs:${runs[1]}/model.margay`)}`, ready: '.drop-zone', act: async (page) => {
    await page.setInputFiles('.drop-zone input', imageOf('valid', 3));
    await page.waitForFunction(() => document.querySelectorAll('.try-model .figure img').length === document.querySelectorAll('.try-model').length);
  } },
  train: { at: '#/train', ready: '.option' },
};

const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
const kLarge = ['image', 'batch', 'clean-grid']; // shown when they are asked for: docs/images need not hold them
const wanted = process.env.VIEWS?.split(' ') ?? Object.keys(views).filter((name) => !kLarge.includes(name));
for (const size of (process.env.SIZES ?? kUsualSize).split(' ')) {
  const [width, height] = size.split('x').map(Number);
  for (const colorScheme of ['light', 'dark']) {
    const context = await browser.newContext({ viewport: { width, height }, colorScheme, reducedMotion: 'reduce' });
    const page = await context.newPage();
    page.on('pageerror', (error) => console.error(error.message));
    if (process.env.STUDIO_DIST) {
      for (const file of ['studio.js', 'studio.css']) await page.route(`**/${file}`, (route) => route.fulfill({ path: `${process.env.STUDIO_DIST}/${file}` }));
    }
    await page.goto(url);
    for (const name of wanted) {
      const { at, ready, act } = views[name];
      await page.goto('about:blank');
      await page.goto(`${origin}/${at}`);
      await page.waitForSelector(ready, { timeout: 60_000 });
      await act?.(page);
      await page.waitForTimeout(700);
      await page.screenshot({ path: `${pictures}/studio-${name}-${colorScheme}${size === kUsualSize ? '' : `-${size}`}.png` });
    }
    await context.close();
  }
}
await browser.close();
