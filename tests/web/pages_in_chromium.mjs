// What a reader sees and does on report.html: node pages_in_chromium.mjs FOLDER, of the pages of write_report_pages.
import assert from 'node:assert/strict';
import { pathToFileURL } from 'node:url';
import { accessible, runTests, test, visit } from './visitor.mjs';

const folder = process.argv[2];


/** Opens a page; whatever it asks of a network, and every error, is a failure. */
async function open(name, options = {}) {
  const opened = await visit({ mayAsk: (url) => /^(file|data):/.test(url), ...options });
  await opened.page.goto(pathToFileURL(`${folder}/${name}.html`).href);
  await opened.page.waitForSelector('#about');
  return opened;
}

const kNames = ['breeds', 'thousand', 'several', 'unlabelled', 'one', 'hostile'];
for (const name of kNames) {
  for (const colorScheme of ['light', 'dark']) {
    test(`${name} is accessible, ${colorScheme}`, async () => {
      const { page, close } = await open(name, { colorScheme });
      assert.deepEqual(await accessible(page), []);
      await close();
    });
  }
}

test('the check of accessibility finds a fault', async () => {
  const { page, close } = await open('one');
  await page.evaluate(() => document.querySelector('main').append(document.createElement('img')));
  assert.match((await accessible(page)).join(), /image-alt/);
  await close();
});

for (const name of kNames) {
  test(`${name} fits a phone`, async () => {
    const { page, close } = await open(name, { viewport: { width: 360, height: 740 } });
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'the page scrolls sideways');
    await close();
  });
}

/** The pixel in the middle of a cell that a matrix of the whole shows. */
async function cellPoint(page, row, column, rows, columns) {
  await page.locator('.confusion-matrix .box').scrollIntoViewIfNeeded();
  const whole = await page.locator('.confusion-matrix .whole').boundingBox();
  const side = Number(await page.locator('.confusion-matrix .box').getAttribute('data-cell'));
  return [whole.x + whole.width - 1 - (columns - column - 0.5) * side, whole.y + whole.height - 1 - (rows - row - 0.5) * side];
}

test('a click on a cell shows its images', async () => {
  const { page, close } = await open('breeds');
  const [row, column, images] = await page.evaluate(() => {
    const { cells } = JSON.parse(document.getElementById('page-data').textContent);
    return cells.find(([a, p]) => a !== p && p < 37);
  });
  const order = await page.evaluate(() => JSON.parse(document.getElementById('page-data').textContent).document.orders.cluster);
  const point = await cellPoint(page, order.indexOf(row), order.indexOf(column), 37, 38);
  await page.mouse.click(...point);
  await page.waitForSelector('#cell img');
  assert.equal(await page.locator('#cell .image-card').count(), images.length);
  assert.match(await page.locator('#cell h3').innerText(), new RegExp(`actual breed ${row}, predicted breed ${column}`));
  const width = await page.locator('#cell img').first().evaluate((image) => image.naturalWidth);
  assert.equal(width, 72);
  await close();
});

test('keys walk through the matrix, zoom and open a cell', async () => {
  const { page, close } = await open('thousand');
  await page.locator('.confusion-matrix .box').focus();
  const words = () => page.locator('.confusion-matrix .words').innerText();
  const before = await words();
  await page.keyboard.press('ArrowDown');
  assert.notEqual(await words(), before);
  await page.keyboard.press('n');
  assert.match(await words(), /: \d+ images?, /);
  await page.keyboard.press('Enter');
  await page.waitForSelector('#cell h3');
  const side = () => page.locator('.confusion-matrix .box').getAttribute('data-cell').then(Number);
  const whole = await side();
  for (let i = 0; i < 12; ++i) await page.keyboard.press('+');
  assert.ok(await side() > 8 * whole);
  for (let i = 0; i < 3; ++i) await page.keyboard.press('End');
  await page.waitForFunction(() => document.querySelector('.confusion-matrix .box').scrollLeft > 0);
  await page.keyboard.press('0');
  await page.waitForFunction((wanted) => Number(document.querySelector('.confusion-matrix .box').dataset.cell) === wanted, whole);
  await close();
});

test('a pair leads to its cell', async () => {
  const { page, close } = await open('breeds');
  await page.locator('#pairs tbody button').first().click();
  await page.waitForSelector('#cell .image-card');
  assert.match(await page.locator('#cell h3').innerText(), /actual breed \d+, predicted breed \d+/);
  await close();
});

test('the table of classes sorts and filters', async () => {
  const { page, close } = await open('breeds');
  const names = () => page.locator('#classes tbody').first().locator('th').allInnerTexts();
  const heading = page.locator('#classes th', { hasText: 'Class' });
  await heading.getByRole('button').click();
  assert.deepEqual((await names()).slice(0, 3), ['breed 0', 'breed 1', 'breed 2']);
  assert.equal(await heading.getAttribute('aria-sort'), 'ascending');
  await heading.getByRole('button').click();
  assert.equal((await names())[0], 'breed 36');
  await page.locator('#classes input').fill('breed 1');
  assert.equal((await names()).length, 11);
  await close();
});

test('top losses change with their list, and an image to its maps', async () => {
  const { page, close } = await open('breeds');
  const card = page.locator('#images .image-card').first();
  const source = () => card.locator('img').getAttribute('src');
  const image = await source();
  await card.getByRole('button', { name: 'the predicted class' }).click();
  assert.notEqual(await source(), image);
  await page.getByRole('button', { name: 'Lowest loss' }).click();
  assert.equal(await page.locator('#images .image-card.right').count(), 24);
  await close();
});

test('outcomes of several labels show their images', async () => {
  const { page, close } = await open('several');
  await page.locator('#classes button[aria-label*="wrongly given"]').first().click();
  await page.waitForSelector('#cell .image-card');
  assert.equal(await page.locator('#confusion').count(), 0);
  await close();
});

test('without labels there is what can be said', async () => {
  const { page, close } = await open('unlabelled');
  for (const id of ['confusion', 'pairs', 'calibration']) assert.equal(await page.locator(`#${id}`).count(), 0, id);
  assert.ok(await page.locator('#images .image-card').count() > 0);
  assert.equal(await page.locator('.image-card.wrong').count(), 0);
  await close();
});

test('names that try to be something else are text', async () => {
  const { page, close } = await open('hostile');
  assert.equal(await page.title(), 'hostile');
  assert.equal(await page.locator('img[src="x"]').count(), 0);
  assert.ok((await page.locator('#classes tbody').first().innerText()).includes("</script><script>document.title='broken'</script>"));
  assert.ok((await page.locator('#about').innerText()).includes('<img src=x'));
  await close();
});

test('reliability, risk and learning curves are drawn', async () => {
  const { page, close } = await open('breeds');
  assert.equal(await page.locator('#calibration svg').count(), 2);
  assert.ok(await page.locator('#calibration .error').count() > 2, 'no error bars');
  assert.ok((await page.locator('#calibration .curve').last().getAttribute('d')).length > 50);
  assert.equal(await page.locator('#learning svg').count(), 2);
  await close();
});

test('the page prints, in light colours', async () => {
  const { page, close } = await open('breeds', { colorScheme: 'dark' });
  const pdf = await page.pdf({ format: 'A4' });
  assert.equal(pdf.subarray(0, 5).toString(), '%PDF-');
  await page.emulateMedia({ media: 'print' });
  assert.equal(await page.evaluate(() => getComputedStyle(document.body).color), 'rgb(28, 35, 48)');
  assert.equal(await page.locator('nav').isVisible(), false);
  await close();
});

test('1,000 classes are drawn at once', async () => {
  const { page, close } = await open('thousand');
  const painted = await page.evaluate(() => {
    const canvas = document.querySelector('.confusion-matrix canvas');
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    let red = 0;
    for (let i = 0; i < data.length; i += 4) red += data[i] > data[i + 2] + 30 ? 1 : 0;
    return red;
  });
  assert.ok(painted > 500, `only ${painted} pixels show mistakes`);
  await close();
});

await runTests();
