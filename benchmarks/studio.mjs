// node studio.mjs MARGAY SOURCE FOLDER, of FOLDER/images and FOLDER/runs; benchmarks/studio calls it.
import { spawn } from 'node:child_process';
import { createWriteStream, mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { once } from 'node:events';

const [margay, source, folder] = process.argv.slice(2);
const { chromium } = createRequire(`${source}/apps/web/package.json`)('playwright-core');
const starts = Number(process.env.STARTS ?? 20);
const steps = Number(process.env.STEPS ?? 100000);
const seconds = Number(process.env.WATCH ?? 60);
const now = () => performance.timeOrigin + performance.now();
const quantile = (values, share) => [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(share * values.length))];
const ms = (values) => `median ${quantile(values, 0.5).toFixed(0)} ms, 9 of 10 below ${quantile(values, 0.9).toFixed(0)} ms`;

const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--js-flags=--expose-gc'] });
const ofBrowser = await browser.newBrowserCDPSession();
const newPage = async () => (await browser.newContext({ viewport: { width: 1600, height: 1000 } })).newPage();

/** A studio, once it has told its address. */
async function studio() {
  const begun = now();
  const process = spawn(margay, ['studio', 'images', '--port', '0'], { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  for await (const piece of process.stdout) {
    text += piece;
    const address = /^Studio: (.*)$/m.exec(text)?.[1];
    if (address) return { begun, listening: now(), address, process, end: async () => { process.kill('SIGTERM'); await once(process, 'exit'); } };
  }
  throw new Error(`the studio ended: ${text}`);
}

async function firstPaint(page) {
  const { begun, listening, address, end } = await studio();
  await page.goto(address, { waitUntil: 'commit' });
  await page.waitForFunction(() => performance.getEntriesByName('first-contentful-paint').length > 0, undefined, { polling: 10 });
  const painted = await page.evaluate(() => performance.timeOrigin + performance.getEntriesByName('first-contentful-paint')[0].startTime);
  await page.waitForSelector('.run-link');
  const shown = now();
  await end();
  return { listening: listening - begun, painted: painted - begun, shown: shown - begun };
}

const cpuSeconds = (pid) => {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /, '').split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
};
const residentMb = (pid) => Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024;
/** What would be free without the process: not its share of Chromium's own program. */
const privateMb = (pid) => [...readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8').matchAll(/^Private_\w+:\s+(\d+)/gm)].reduce((sum, [, kb]) => sum + Number(kb), 0) / 1024;

async function writeLongRun() {
  mkdirSync(`${folder}/runs/20990101-000000-long`, { recursive: true });
  createWriteStream(`${folder}/runs/20990101-000000-long/config.json`).end('{"arch":"resnet18"}');
  const file = createWriteStream(`${folder}/runs/20990101-000000-long/steps.jsonl`);
  let smooth = 2.3;
  for (let step = 1; step <= steps; ++step) {
    const loss = 2.3 * Math.exp((-3 * step) / steps) * (1 + 0.6 * Math.sin(step * 12.9898) ** 3);
    smooth += 0.02 * (loss - smooth);
    const line = `{"step":${step},"stage":"unfrozen","epoch":${Math.floor(step / 1000)},"loss":${loss},"smooth_loss":${smooth},"lr":${0.002 * (1 - step / steps)},"momentum":0.95,"images_per_s":900.5,"time":${1700000000 + step / 10}}\n`;
    if (!file.write(line)) await once(file, 'drain');
  }
  file.end();
  await once(file, 'close');
}

async function taskSeconds(session) {
  const { metrics } = await session.send('Performance.getMetrics');
  return metrics.find(({ name }) => name === 'TaskDuration').value;
}

/** The main thread's time for each frame while `act` runs. */
async function perFrame(page, session, act) {
  await page.evaluate(() => {
    globalThis.frames = 0;
    globalThis.counts = true;
    const count = () => { globalThis.frames += 1; if (globalThis.counts) requestAnimationFrame(count); };
    requestAnimationFrame(count);
  });
  const before = await taskSeconds(session);
  await act();
  const used = (await taskSeconds(session)) - before;
  const frames = await page.evaluate(() => { globalThis.counts = false; return globalThis.frames; });
  return `${((1000 * used) / frames).toFixed(1)} ms of the main thread a frame (${frames} frames)`;
}

async function longRun() {
  await writeLongRun();
  const { address, process, end } = await studio();
  const page = await newPage();
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable');
  await page.goto(address);
  await page.waitForSelector('.run-link');
  const begun = now();
  await page.goto(`${new URL(address).origin}/#/runs/20990101-000000-long`);
  await page.waitForSelector('.curve-plot canvas');
  console.log(`${steps} steps: opened in ${(now() - begun).toFixed(0)} ms (the first time that the studio reads them)`);
  await page.reload();
  const again = now();
  await page.waitForSelector('.curve-plot canvas');
  console.log(`  again: ${(now() - again).toFixed(0)} ms`);
  const box = await page.locator('.u-over').first().boundingBox();
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  const wheel = async (x, y, times) => {
    for (let i = 0; i < times; ++i) {
      await page.mouse.wheel(x, y);
      await page.waitForTimeout(16);
    }
  };
  console.log(`  zoom: ${await perFrame(page, session, () => wheel(0, -60, 60))}`);
  console.log(`  pan: ${await perFrame(page, session, () => wheel(40, 0, 60))}`);
  await page.evaluate(() => globalThis.gc?.());
  const { metrics } = await session.send('Performance.getMetrics');
  const heap = metrics.find(({ name }) => name === 'JSHeapUsedSize').value / 1e6;
  const { processInfo } = await ofBrowser.send('SystemInfo.getProcessInfo');
  const tab = Math.max(...processInfo.filter(({ type }) => type === 'renderer').map(({ id }) => privateMb(id)));
  console.log(`  memory: ${heap.toFixed(0)} MB of JavaScript, ${tab.toFixed(0)} MB private in the largest tab, ${residentMb(process.pid).toFixed(0)} MB in the studio`);
  await page.context().close();
  await end();
}

async function watching() {
  const { address, process, end } = await studio();
  const page = await newPage();
  await page.goto(address);
  await page.waitForSelector('.run-link');
  const training = spawn(margay, ['train', 'images', '--arch', 'resnet20', '--resize', '40', '--size', '32', '--batch-size', '8', '--epochs', '10000', '--name', 'watched'],
    { cwd: folder, stdio: 'ignore' });
  await page.click('.run-link:has-text("watched")');
  await page.waitForSelector('.curve-plot canvas');
  await page.waitForTimeout(2000);
  const tabs = async () => {
    const { processInfo } = await ofBrowser.send('SystemInfo.getProcessInfo');
    return processInfo.filter(({ type }) => type === 'renderer').reduce((sum, { cpuTime }) => sum + cpuTime, 0);
  };
  const used = async () => [cpuSeconds(process.pid), await tabs(), cpuSeconds(training.pid)];
  for (const part of ['the first', 'the next']) {
    const before = await used();
    await page.waitForTimeout(seconds * 1000);
    const [server, tab, trained] = (await used()).map((value, i) => value - before[i]);
    console.log(`looking at a training for ${part} ${seconds} s: studio ${server.toFixed(2)} s, page ${tab.toFixed(2)} s, training ${trained.toFixed(1)} s of processor; ${(100 * (server + tab) / trained).toFixed(2)} %`);
  }
  training.kill('SIGINT');
  await once(training, 'exit');
  await page.context().close();
  await end();
}

const page = await newPage();
await firstPaint(page);
const measured = [];
for (let i = 0; i < starts; ++i) measured.push(await firstPaint(page));
await page.context().close();
console.log(`exec to listening: ${ms(measured.map(({ listening }) => listening))}`);
console.log(`exec to first paint: ${ms(measured.map(({ painted }) => painted))}`);
console.log(`exec to the list of runs: ${ms(measured.map(({ shown }) => shown))}`);
await longRun();
await watching();
await browser.close();
