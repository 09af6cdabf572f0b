import { copyFileSync, existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';

export const at = ['#/clean/images/one', '#/clean/images/grid', '#/clean/images/history', '#/clean/images/apply'];
export const ready = '.clean .summary';

export function tests({ assert, test, open, accessible, folder, readOnlyUrl, post }) {
  const journal = `${folder}/images/.margay/decisions.jsonl`;
  const lines = () => (existsSync(journal) ? readFileSync(journal, 'utf8').trim().split('\n').slice(1).map((line) => JSON.parse(line)) : []);
  const saved = (page) => page.waitForSelector('.saving:has-text("Saved:")');
  const decided = async (page, count) => {
    await page.waitForSelector(`.summary:has-text("(${count} lines)")`);
    await saved(page);
    assert.equal(lines().length, count);
  };
  const fresh = async () => {
    rmSync(`${folder}/images/.margay`, { recursive: true, force: true });
    await post('/api/clean/images/reload', {});
  };

  test('clean: decides about an image by keys, and takes it back', async () => {
    await fresh();
    const { page, close } = await open('#/clean/images/one', { ready: '.one img' });
    await page.keyboard.press('o');
    await decided(page, 1);
    assert.equal(lines()[0].kind, 'keep');
    await page.waitForSelector('.one img');
    await page.keyboard.press('r');
    await page.keyboard.type('lad');
    assert.deepEqual(await accessible(page), []);
    await page.keyboard.press('Enter');
    await decided(page, 2);
    await page.keyboard.press('u');
    await decided(page, 3);
    assert.equal(lines()[2].kind, 'undo');
    await close();
  });

  test('clean: what was decided before the page was opened is shown again when it is taken back', async () => {
    await fresh();
    const first = await open('#/clean/images/one', { ready: '.one img' });
    const name = await first.page.locator('.one figcaption .small').first().textContent();
    await first.page.keyboard.press('o');
    await decided(first.page, 1);
    await first.close();
    const { page, close } = await open('#/clean/images/one', { ready: '.one img' });
    assert.notEqual(await page.locator('.one figcaption .small').first().textContent(), name);
    await page.keyboard.press('u');
    await decided(page, 2);
    await page.waitForFunction((wanted) => document.querySelector('.one figcaption .small')?.textContent === wanted, name);
    await close();
  });

  test('clean: says that files have come since the folder was read, and reads them when asked', async () => {
    await fresh();
    const { page, close } = await open('#/clean/images/grid', { ready: '.many' });
    const images = () => page.locator('.many select >> nth=0').locator('option[value=images]').textContent();
    const before = await images();
    const from = `${folder}/images/train/${readdirSync(`${folder}/images/train`)[0]}`;
    const late = `${from}/late.jpg`;
    copyFileSync(`${from}/${readdirSync(from)[0]}`, late);
    await page.waitForSelector('[role=alert]:has-text("Files have come or gone")');
    assert.deepEqual(await accessible(page), []);
    assert.equal(await images(), before);
    await page.click('button:has-text("Read again")');
    await page.waitForFunction((was) => document.querySelector('.many option[value=images]').textContent !== was, before);
    await page.waitForSelector('[role=alert]:has-text("Files have come or gone")', { state: 'detached' });
    await close();
    rmSync(late);
    await fresh();
  });

  test('clean: decides about many at once, one line each', async () => {
    await fresh();
    const { page, close } = await open('#/clean/images/grid', { ready: '.many' });
    await page.selectOption('.many select >> nth=0', 'images');
    await page.waitForSelector('.virtual-grid .tile img');
    await page.locator('.tile').nth(0).click();
    await page.locator('.tile').nth(4).click({ modifiers: ['Shift'] });
    await page.waitForSelector('.many:has-text("5 of")');
    await page.keyboard.press('d');
    await decided(page, 5);
    assert.ok(lines().every(({ kind }) => kind === 'delete'));
    assert.deepEqual(await accessible(page), []);
    await close();
  });

  test('clean: a name that is no class becomes one only after a question', async () => {
    await fresh();
    const { page, close } = await open('#/clean/images/one', { ready: '.one img' });
    await page.keyboard.press('r');
    await page.keyboard.type('quaverish');
    await page.keyboard.press('Enter');
    await page.waitForSelector('.class-field:has-text("There is no class")');
    assert.equal(lines().length, 0);
    await page.click('.class-field button:has-text("Make the new class")');
    await decided(page, 1);
    assert.equal(lines()[0].new_class, true);
    await close();
  });

  test('clean: a choice that cannot be saved stays, is said, and is sent again', async () => {
    await fresh();
    const { page, close } = await open('#/clean/images/one', { ready: '.one img', expected: /Failed to load resource|ERR_/ });
    await page.route('**/decide', (route) => route.abort());
    await page.keyboard.press('d');
    await page.waitForSelector('.saving.wrong:has-text("NOT SAVED YET: 1")');
    assert.deepEqual(await accessible(page), []);
    await page.reload();
    await page.waitForSelector('.saving.wrong:has-text("NOT SAVED YET: 1")');
    assert.equal(lines().length, 0);
    // What the page sends by itself goes on failing, as the button would be gone once it succeeds.
    await page.evaluate(() => addEventListener('click', () => { globalThis.isPressed = true; }, true));
    await page.route('**/decide', async (route) => (await page.evaluate(() => globalThis.isPressed) ? route.continue() : route.abort()));
    await page.click('.saving button:has-text("Try again")');
    await decided(page, 1);
    assert.equal(lines()[0].kind, 'delete');
    await close();
  });

  test('clean: an answer that was lost makes no second decision', async () => {
    await fresh();
    const { page, close } = await open('#/clean/images/one', { ready: '.one img', expected: /Failed to load resource|ERR_/ });
    let isFirst = true;
    await page.route('**/decide', async (route) => {
      if (!isFirst) return route.continue();
      isFirst = false;
      await route.fetch();
      return route.abort();
    });
    await page.keyboard.press('o');
    await decided(page, 1);
    await close();
  });

  test('clean: a second user sees it at once', async () => {
    await fresh();
    const first = await open('#/clean/images/one', { ready: '.one img' });
    const second = await open('#/clean/images/history', { ready: '.clean .summary' });
    await first.page.keyboard.press('d');
    await second.page.waitForSelector('.summary:has-text("1 deleted")', { timeout: 3000 });
    await second.page.waitForSelector('td:has-text("Delete")');
    await first.close();
    await second.close();
  });

  test('clean: applies what it has shown, and undoes it', async () => {
    await fresh();
    const { page, close } = await open('#/clean/images/one', { ready: '.one img' });
    await page.keyboard.press('d');
    await decided(page, 1);
    const gone = `${folder}/images/${lines()[0].image}`;
    await page.keyboard.press('c');
    await page.keyboard.press('a');
    await page.waitForSelector('.apply li:has-text("1 deleted image goes into the trash")');
    assert.ok(existsSync(gone));
    await page.click('.apply button:has-text("Apply …")');
    await page.click('.apply button:has-text("Yes, apply")');
    await page.waitForSelector('.apply :text("Application 1: 1 file moved")');
    assert.ok(!existsSync(gone));
    await page.click('.apply button:has-text("Undo the last application")');
    await page.waitForSelector('.apply :text("is undone: 1 file is back")');
    assert.ok(existsSync(gone));
    await fresh();
    await close();
  });

  test('clean: reads labels as one says, and its address holds how', async () => {
    await fresh();
    const { page, close } = await open('#/clean/images/grid', { ready: '.many' });
    const usual = await page.locator('.many select >> nth=1').locator('option').allTextContents();
    await page.click('.how-read summary');
    await page.fill('.how-read .option:has(label:text-is("label regex")) input', '^(.)');
    assert.deepEqual(await accessible(page), []);
    await page.click('.how-read button.primary');
    await page.waitForFunction(() => location.hash.includes('options='));
    await page.waitForFunction((before) => document.querySelectorAll('.many select')[1]?.options[1]?.textContent.length === 1
      && document.querySelectorAll('.many select')[1].options.length !== before, -1);
    assert.notDeepEqual(await page.locator('.many select >> nth=1').locator('option').allTextContents(), usual);
    await page.selectOption('.many select >> nth=0', 'images');
    await page.waitForSelector('.virtual-grid .tile img');
    await page.locator('.virtual-grid').focus();
    await page.keyboard.press('o');
    await decided(page, 1);
    assert.equal(lines()[0].before[0].length, 1);
    await page.click('.tabs a:has-text("History")');
    await page.waitForSelector('td:has-text("Keep")');
    await close();
    await fresh();
  });

  test('clean: decides nothing where the studio is read-only', async () => {
    const { page, close } = await open('#/clean/images/one', { ready: '.one img', address: readOnlyUrl });
    await page.keyboard.press('d');
    assert.ok(await page.locator('.actions button').first().isDisabled());
    assert.equal(lines().length, 0);
    await close();
  });
}
