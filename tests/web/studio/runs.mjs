import { appendFileSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';

const runsOf = (folder) => readdirSync(`${folder}/runs`).filter((name) => /^\d{8}-/.test(name)).sort();

export const at = ({ folder }) => {
  const [plain, slower] = runsOf(folder);
  return ['#/runs', `#/runs/${plain}`, `#/runs/compare?of=${plain}&of=${slower}`];
};
export const ready = '.card';

export function tests({ assert, test, open, folder }) {
  const [plain] = runsOf(folder);

  test('runs: the list has results with error bars and curves', async () => {
    const { page, close } = await open('#/runs', { ready: '.run-link' });
    assert.equal(await page.locator('.run-link').count(), 2);
    assert.equal(await page.locator('.sparkline').count(), 2);
    assert.equal(await page.locator('.error-bar .interval').count(), 2);
    assert.match(await page.locator('tbody tr').first().textContent(), /± \d/);
    await close();
  });

  test('runs: are chosen and compared by keys', async () => {
    const { page, close } = await open('#/runs', { ready: '.run-link' });
    for (const key of ['j', 'x', 'j', 'x', 'c']) await page.keyboard.press(key);
    await page.waitForSelector('.verdicts li');
    assert.match(await page.locator('.verdicts').textContent(), /noise/);
    await page.waitForSelector('.curve-plot canvas');
    assert.ok(await page.locator('code', { hasText: /base_lr$/ }).count() > 0, 'the setting that differs is not shown');
    await page.keyboard.press('Escape');
    await page.waitForFunction(() => location.hash === '#/runs');
    await close();
  });

  test('runs: curves zoom by keys and by dragging, over steps and over time', async () => {
    const { page, close } = await open(`#/runs/${plain}`, { ready: '.curve-plot canvas' });
    const asked = [];
    page.on('request', (request) => request.url().includes('/api/curves') && asked.push(request.url()));
    await page.keyboard.press('+');
    await page.waitForSelector('button:has-text("show all")');
    await page.waitForTimeout(400);
    assert.ok(asked.some((each) => /low=.*high=/.test(each)), 'no points of the window were asked for');
    await page.keyboard.press('0');
    const box = await page.locator('.u-over').first().boundingBox();
    await page.mouse.move(box.x + box.width * 0.3, box.y + 50);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.6, box.y + 50, { steps: 5 });
    await page.mouse.up();
    await page.waitForSelector('button:has-text("show all")');
    await page.keyboard.press('t');
    await page.waitForFunction(() => [...document.querySelectorAll('[aria-pressed=true]')].some((each) => each.textContent === 'time'));
    await close();
  });

  test('runs: a run that begins elsewhere appears, changes while it is looked at, and may go', async () => {
    const name = '20990101-000000-elsewhere';
    const { page, close } = await open('#/runs', { ready: '.run-link', expected: /422/ });
    mkdirSync(`${folder}/runs/${name}`);
    writeFileSync(`${folder}/runs/${name}/config.json`, '{"arch": "resnet18"}');
    await page.waitForSelector(`.run-link:has-text("elsewhere")`);
    await page.click(`.run-link:has-text("elsewhere")`);
    await page.waitForSelector('.facts');
    for (let step = 1; step <= 3; ++step) appendFileSync(`${folder}/runs/${name}/steps.jsonl`, `{"step":${step},"loss":${1 / step},"smooth_loss":1}\n`);
    await page.waitForSelector('.curve-plot canvas');
    rmSync(`${folder}/runs/${name}`, { recursive: true });
    await page.waitForSelector('.wrong:has-text("What is shown is old")');
    await close();
  });

  test('runs: say what is wrong with a folder that is half written', async () => {
    mkdirSync(`${folder}/runs/20990101-000000-<b>half`, { recursive: true });
    writeFileSync(`${folder}/runs/20990101-000000-<b>half/config.json`, '{"arch": ');
    const { page, close } = await open('#/runs', { ready: '.run-link:has-text("<b>half")' });
    await page.click('.run-link:has-text("<b>half")');
    await page.waitForSelector('.unsure:has-text("config.json is damaged")');
    assert.equal(await page.locator('button:has-text("Resume")').count(), 0, 'it has no checkpoint to go on from');
    rmSync(`${folder}/runs/20990101-000000-<b>half`, { recursive: true });
    await close();
  });
}
