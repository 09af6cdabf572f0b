import { existsSync, mkdirSync, readdirSync, rmSync, copyFileSync } from 'node:fs';

export const at = '#/label/new';
export const ready = '.label form input';

const picturesOf = (folder) => {
  const train = `${folder}/images/train`;
  const classes = readdirSync(train).sort();
  return classes.slice(0, 2).flatMap((name) => readdirSync(`${train}/${name}`).sort().slice(0, 4).map((file) => `${train}/${name}/${file}`));
};

export function tests({ assert, test, open, accessible, folder, post }) {
  const place = `${folder}/new`;
  const fresh = async (loose) => {
    for (const name of readdirSync(place).filter((each) => !each.startsWith('.'))) rmSync(`${place}/${name}`, { recursive: true, force: true });
    picturesOf(folder).slice(0, loose).forEach((file, i) => copyFileSync(file, `${place}/${i}.jpg`));
    await post('/api/label/new/source', { folder: 'new' });  // lists them again
  };
  const saved = (page) => page.waitForSelector('.saving:has-text("Saved:")');
  const addClass = async (page, name) => {
    await page.fill('form input[type=text]', name);
    await page.click('form button[type=submit]');
    await page.waitForSelector(`.class-drop:has-text("${name}")`);
  };

  test('label: makes classes and labels loose images by keys', async () => {
    mkdirSync(place, { recursive: true });
    await fresh(4);
    const { page, close } = await open(at, { ready });
    await addClass(page, 'one');
    await addClass(page, 'two');
    await page.waitForSelector('.one-to-label img');
    assert.deepEqual(await accessible(page), []);
    await page.locator('h1').click();
    for (const key of ['1', '2', '1']) {
      await page.keyboard.press(key);
      await saved(page);
    }
    await page.waitForSelector('.label:has-text("1 image waits")');
    assert.equal(readdirSync(`${place}/one`).length, 2);
    assert.equal(readdirSync(`${place}/two`).length, 1);
    const shown = () => page.locator('.one-to-label figcaption bdi').textContent();
    const others = new Set(readdirSync(`${place}/one`));
    const left = await shown();
    await page.keyboard.press('u');
    await page.waitForSelector('.label:has-text("2 images wait")');
    assert.equal(readdirSync(`${place}/one`).length, 1);
    await page.waitForFunction((name) => document.querySelector('.one-to-label figcaption bdi').textContent !== name, left);
    assert.ok(others.has(await shown()), 'what was taken back is not the next to label');
    await close();
  });

  test('label: labels the image that is shown, whatever the source is by now', async () => {
    await fresh(2);
    const { page, close } = await open(at, { ready, expected: /ERR_FAILED|404/ });
    await addClass(page, 'one');
    await page.waitForSelector('.one-to-label img');
    const shown = await page.locator('.one-to-label figcaption bdi').textContent();
    await page.route('**/api/label/new*', (route) => route.abort());  // it hears of no change
    await page.route('**/api/label/new/next*', (route) => route.abort());
    await post('/api/label/new/source', { folder: 'images' });
    await page.locator('h1').click();
    await page.keyboard.press('1');
    await saved(page);
    assert.deepEqual(readdirSync(`${place}/one`), [shown]);
    assert.ok(!existsSync(`${place}/${shown}`));
    await close();
    await post('/api/label/new/source', { folder: 'new' });
  });

  test('label: images that are on their way, or refused, are shown by the next view, too', async () => {
    await fresh(0);
    const { page, close } = await open(at, { ready, expected: /422|ERR_|Failed to load resource/ });
    await addClass(page, 'one');
    await page.route('**/image?*', (route) => route.abort());
    await page.setInputFiles('.class-drop input[type=file]', picturesOf(folder).slice(0, 2));
    await page.waitForSelector('.saving.wrong:has-text("NOT SAVED YET: 2")');
    await page.evaluate(() => { location.hash = '#/runs'; });
    await page.waitForSelector('.label', { state: 'detached' });
    await page.evaluate(() => { location.hash = '#/label/new'; });
    await page.waitForSelector('.saving.wrong:has-text("NOT SAVED YET: 2")');
    await page.unroute('**/image?*');
    await page.waitForSelector('.class-drop:has-text("2 images")', { timeout: 15000 });
    await saved(page);
    assert.equal(readdirSync(`${place}/one`).length, 2);
    await close();
  });

  test('label: sees files that are put into its folder while it is open', async () => {
    await fresh(1);
    const { page, close } = await open(at, { ready, expected: /404/ });
    await page.waitForSelector('.label:has-text("1 image waits")');
    copyFileSync(picturesOf(folder)[5], `${place}/late.jpg`);
    await page.waitForSelector('.label:has-text("2 images wait")');
    mkdirSync(`${place}/by-hand`);
    copyFileSync(picturesOf(folder)[6], `${place}/by-hand/6.jpg`);
    await page.waitForSelector('.class-drop:has-text("by-hand"):has-text("1 image")');
    rmSync(`${place}/late.jpg`);
    await page.waitForSelector('.label:has-text("1 image waits")');
    await close();
  });

  test('label: takes images that are chosen, twice and never over another', async () => {
    await fresh(0);
    const { page, close } = await open(at, { ready });
    await addClass(page, 'one');
    const files = picturesOf(folder).slice(0, 3);
    await page.setInputFiles('.class-drop input[type=file]', files);
    await page.waitForSelector('.class-drop:has-text("3 images")');
    await page.setInputFiles('.class-drop input[type=file]', files.slice(0, 1));
    await saved(page);
    assert.equal(readdirSync(`${place}/one`).length, 3);
    await close();
  });

  test('label: says what is wrong with a file that is no image', async () => {
    await fresh(0);
    const { page, close } = await open(at, { ready, expected: /422/ });
    await addClass(page, 'one');
    await page.setInputFiles('.class-drop input[type=file]', { name: 'a.jpg', mimeType: 'image/jpeg', buffer: Buffer.from('no image') });
    await page.waitForSelector('.wrong:has-text("a.jpg")');
    assert.equal(readdirSync(`${place}/one`).length, 0);
    await close();
  });

  test('label: records images with the camera', async () => {
    await fresh(0);
    const { page, close } = await open(at, { ready });
    await addClass(page, 'one');
    await page.click('button:has-text("Use the camera")');
    await page.waitForFunction(() => document.querySelector('video')?.videoWidth > 0);
    await page.click('button:has-text("Record an image")');
    await page.waitForSelector('.class-drop:has-text("1 image")');
    assert.ok(existsSync(`${place}/one`) && readdirSync(`${place}/one`)[0].startsWith('camera-'));
    await close();
  });
}
