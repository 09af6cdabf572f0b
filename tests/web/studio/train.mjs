import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

export const at = '#/train';
export const ready = '.option';

export function tests({ assert, test, open, accessible, readOnlyUrl, folder }) {
  test('train: the form shows the command line that it stands for', async () => {
    const { page, close } = await open(at, { ready });
    await page.fill('.option:has(label:text-is("epochs")) input', '1');
    await page.waitForSelector('.command code:has-text("--epochs=1")');
    assert.match(await page.locator('.command code').textContent(), /^margay train \S+images --epochs=1 /);
    await close();
  });

  test('train: says what the command would refuse, and starts nothing', async () => {
    const { page, close } = await open(at, { ready });
    await page.fill('.option:has(label:text-is("epochs")) input', 'many');
    await page.waitForSelector('.command .wrong:has-text("--epochs")');
    assert.ok(await page.locator('button.primary').isDisabled());
    await close();
  });

  test('train: starts a training that the runs show, stops it, and goes on with it', async () => {
    const { page, close } = await open(at, { ready });
    const set = async (name, value) => {
      await page.fill('input[type=search]', `--${name.replaceAll(' ', '-')}`);
      const input = page.locator(`.option:has(label:text-is("${name}")) :is(input, select)`);
      if (await input.evaluate((each) => each.tagName) === 'SELECT') await input.selectOption(value);
      else await input.fill(value);
    };
    for (const [name, value] of [['arch', 'resnet20'], ['resize', '40'], ['size', '32'], ['batch size', '8'], ['epochs', '400'], ['name', 'from-the-page']]) await set(name, value);
    await page.waitForSelector('.command code:has-text("--name=from-the-page")');
    await page.click('button.primary');
    await page.waitForSelector('.unfinished a:has-text("from-the-page")', { timeout: 30000 });
    await page.waitForSelector('.printed:has-text("epoch")', { timeout: 30000 });
    await page.click('button[aria-label="Stop: from-the-page"]');
    await page.waitForSelector('button[aria-label="Resume: from-the-page"]', { timeout: 30000 });
    assert.ok(readdirSync(`${folder}/runs`).some((name) => name.endsWith('-from-the-page')));
    await page.click('button[aria-label="Resume: from-the-page"]');
    await page.waitForSelector('button[aria-label="Stop: from-the-page"]:not([disabled])', { timeout: 30000 });
    await page.click('button[aria-label="Stop: from-the-page"]');
    await page.waitForSelector('button[aria-label="Resume: from-the-page"]', { timeout: 30000 });
    await close();
  });

  test('train: says why a run does not go on, and takes the folder where its images lie now', async () => {
    const run = `${folder}/runs/${readdirSync(`${folder}/runs`).find((name) => name.endsWith('-from-the-page'))}`;
    const config = readFileSync(`${run}/config.json`, 'utf8');
    writeFileSync(`${run}/config.json`, config.replaceAll(`${folder}/images`, `${folder}/elsewhere`));
    const { page, close } = await open(at, { ready });
    const resume = 'button[aria-label="Resume: from-the-page"]';
    await page.click(resume);
    await page.waitForSelector('.resume-failure .printed:has-text("elsewhere")', { timeout: 30000 });
    assert.ok(await page.locator(resume).isEnabled());
    assert.deepEqual(await accessible(page), []);
    await page.selectOption('.resume-failure select', 'images');
    await page.click(resume);
    await page.waitForSelector('button[aria-label="Stop: from-the-page"]:not([disabled])', { timeout: 30000 });
    await page.click('button[aria-label="Stop: from-the-page"]');
    await page.waitForSelector(resume, { timeout: 30000 });
    await close();
  });

  test('train: starts nothing where the studio is read-only', async () => {
    const { page, close } = await open(at, { ready, address: readOnlyUrl });
    await page.waitForSelector('.command code:has-text("margay train")');
    assert.ok(await page.locator('button.primary').isDisabled());
    assert.equal(await page.locator('.badge').textContent(), 'read-only');
    await close();
  });
}
