// node studio_kills.mjs MARGAY FOLDER ROUNDS: a person decides about images by keys while studio and browser are killed (SIGKILL).
// A choice is in the browser's storage until the studio has it on its disk, so when the studio is killed none may be lost; when the browser is
// killed, those may that it had neither sent nor been able to put on the disk, never one that the page called saved.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const { chromium } = createRequire(new URL('../../apps/web/package.json', import.meta.url))('playwright-core');
const [margay, folder, rounds] = process.argv.slice(2);
const journal = `${folder}/images/.margay/decisions.jsonl`;

let state = Number(process.env.MARGAY_TEST_SEED) >>> 0;
const random = (below) => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 2 ** 32) * below);
};
const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

let studio;
process.once('exit', () => studio?.kill('SIGKILL')); // also after a failure
let address;
let port = 0;
async function startStudio() {
  for (let attempt = 0; ; ++attempt) {
    studio = spawn(margay, ['studio', 'images', '--port', String(port), '--token-file', 'token'], { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    studio.stdout.on('data', (part) => { text += part; });
    const ended = new Promise((resolve) => { studio.once('exit', resolve); });
    while (!/^Studio: (.*)$/m.test(text) && studio.exitCode === null) await Promise.race([pause(20), ended]);
    const found = /^Studio: (.*)$/m.exec(text);
    if (found) {
      address = found[1];
      port = Number(new URL(address).port);
      return;
    }
    assert.ok(attempt < 20, 'the studio does not begin');
    await pause(100);
  }
}
async function killStudio() {
  const ended = new Promise((resolve) => { studio.once('exit', resolve); });
  studio.kill('SIGKILL');
  await ended;
}

let context;
let page;
let kills = 0;
async function openBrowser() {
  context = await chromium.launchPersistentContext(`${folder}/browser`, { executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--remote-debugging-port=0'] });
  page = context.pages()[0] ?? await context.newPage();
  await page.goto(`${address}#/clean/images/grid`); // without a place the page would go to one of its own just when it is sent on
  await showImages();
}
/** All images in the grid, whatever was decided. */
async function showImages() {
  await page.goto(`${new URL(address).origin}/#/clean/images/grid`);
  await page.reload();
  await page.waitForSelector('.many select').catch(async (error) => {
    throw new Error(`${error.message}, seed ${process.env.MARGAY_TEST_SEED}, kill ${kills}; the page at ${page.url()} says:\n${await page.innerText('body')}`);
  });
  await page.selectOption('.many select >> nth=0', 'images');
  await page.selectOption('.many select >> nth=2', 'all');
  await page.waitForSelector('.virtual-grid .tile img');
  await page.locator('.virtual-grid').focus();
}
/** Of every process of the browser, as a crash of the machine would. */
async function killBrowser() {
  const profile = `${folder}/browser`;
  const killer = spawn('bash', ['-c', 'for p in /proc/[0-9]*; do tr "\\0" " " <$p/cmdline 2>/dev/null | grep -qF -- "--user-data-dir=$1" && kill -KILL ${p#/proc/}; done; true', 'bash', profile]);
  await new Promise((resolve) => { killer.once('exit', resolve); });
  await context.close().catch(() => undefined);
}

const unsavedIds = () => page.evaluate(() => Object.keys(localStorage).filter((key) => key.startsWith('margay.unsaved.')).map((key) => key.slice(15)));
const lines = () => (existsSync(journal) ? readFileSync(journal, 'utf8').trim().split('\n').slice(1).map((line) => JSON.parse(line)) : []);
function checkOnce(ids) {
  const count = new Map();
  for (const { id } of lines()) count.set(id, (count.get(id) ?? 0) + 1);
  for (const id of ids) assert.equal(count.get(id), 1, `seed ${process.env.MARGAY_TEST_SEED}: the choice ${id} stands ${count.get(id) ?? 0} times in the journal`);
}

await startStudio();
await openBrowser();
const saved = new Set();
let choices = 0;
for (; kills < Number(rounds); ++kills) {
  const seen = new Set();
  const kill = ['studio', 'browser', 'studio'][random(3)];
  let isKilled = false;
  const killing = pause(random(250)).then(async () => {
    isKilled = true;
    await (kill === 'studio' ? killStudio() : killBrowser());
  });
  try {
    for (let i = 0; i < 12 && !(isKilled && kill === 'browser'); ++i) {
      await page.keyboard.press('j');
      await page.keyboard.press(['o', 'd', 's'][random(3)]);
      const now = await unsavedIds();
      now.forEach((id) => seen.add(id));
      for (const id of seen) if (!now.includes(id)) saved.add(id);
      choices += 1;
    }
  } catch (error) {
    if (kill !== 'browser') throw error;
  }
  await killing;
  if (kill === 'studio') await startStudio();
  else await openBrowser();
  await page.waitForSelector('.saving:has-text("Saved:")', { timeout: 40000 });
  checkOnce(kill === 'studio' ? [...saved, ...seen] : saved);
  seen.clear();
  if (kill === 'studio') await showImages(); // the page has begun anew, as the studio has
}
assert.ok(lines().length >= Number(rounds), `only ${lines().length} decisions are in the journal: nothing was tried`);
console.log(`ok: ${lines().length} decisions of ${choices} choices over ${rounds} kills`);
await context.close();
studio.kill('SIGKILL');
