import { describe, expect, it } from 'vitest';
import { whyNoBrowser } from './support/chromium.ts';
import { violations } from './support/violations.ts';
import { createLink, newContext, newPage, row, signUp, useBrowser } from './support/visit.ts';

/** The narrow one is a wide screen at 400 %, as WCAG 2.2 asks. */
const looks = [
  { colorScheme: 'light', viewport: { width: 1280, height: 800 } },
  { colorScheme: 'dark', viewport: { width: 320, height: 640 } },
] as const;

const bottomOf = (box: { y: number; height: number } | null): number => (box ? box.y + box.height : Number.NaN);

/** The other pages, by their place in the navigation, and what is there once they are. */
const others = [
  ['Overview', 'No clicks in this period'],
  ['API keys', 'No keys yet'],
  ['Members', 'Joined'],
  ['Sessions', 'this one'],
  ['System', 'Lease'],
  ['Account', 'New password, again'],
] as const;

describe.skipIf(whyNoBrowser)('a page', () => {
  useBrowser();

  it.each(looks)(
    'breaks no rule of WCAG 2.2 AA, nor is wider than the screen: $colorScheme',
    async (look) => {
      const page = await newPage(await newContext(look));
      const check = async (what: string) => {
        expect([what, await violations(page)]).toEqual([what, []]);
        const [content, screen] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
        expect([what, content]).toEqual([what, screen]);
      };
      await page.goto('/app/log-in');
      await page.getByRole('heading', { name: 'Log in' }).waitFor();
      await check('log in');
      await signUp(page);
      await page.getByText('No links yet').waitFor();
      await check('links, none');
      await page.getByRole('button', { name: 'Create a link' }).click();
      await check('create a link');
      await page.keyboard.press('Escape');
      await createLink(page, {
        Destination: `https://example.com/${'long/'.repeat(60)}`,
        Title: `A link ${'that goes on '.repeat(5)}${'without-end'.repeat(10)}`,
        Tags: `mail, ${'spring'.repeat(10)}`,
      });
      await row(page, 'A link').waitFor();
      // What was told is not in the way.
      await page.getByRole('link', { name: 'System' }).click({ trial: true, timeout: 3_000 });
      await page.getByLabel('Select A link').check();
      await check('links, one of them chosen');
      await page.getByRole('button', { name: 'QR code of A link' }).click();
      await page.getByRole('img', { name: /QR code/ }).waitFor();
      await check('QR code');
      await page.keyboard.press('Escape');
      await page.keyboard.press('Control+k');
      await page.getByRole('combobox', { name: 'Command' }).waitFor();
      await check('palette');
      await page.keyboard.press('Escape');
      await page.getByLabel('Search').fill('no such link');
      await page.getByText('No link matches').waitFor();
      await check('links, none that match');
      await page.getByRole('button', { name: 'Clear' }).click();
      await row(page, 'A link').getByRole('link').first().click();
      await page.getByText('No clicks yet').waitFor();
      await check('a link');
      for (const [name, seen] of others) {
        await page.getByRole('link', { name }).click();
        await page.getByText(seen).first().waitFor();
        await check(name);
      }
      await page.getByRole('link', { name: 'API keys' }).click();
      await page.getByRole('button', { name: 'Create a key' }).click();
      await page.getByRole('dialog').waitFor();
      await check('make an API key');
    },
    180_000,
  );

  it('can be used by keyboard alone', async () => {
    const page = await newPage(await newContext());
    await signUp(page);
    await page.getByText('No links yet').waitFor();
    for (const title of ['First', 'Second']) {
      await page.keyboard.press('n');
      await page.keyboard.type(`example.com/${title}`);
      // Past the domain and the alias.
      for (let press = 0; press < 3; press++) await page.keyboard.press('Tab');
      await page.keyboard.type(title);
      await page.keyboard.press('Enter');
      await row(page, title).waitFor();
    }
    const focused = () => page.evaluate(() => document.activeElement?.textContent);
    await page.keyboard.press('j');
    await expect.poll(focused).toBe('Second');
    await page.keyboard.press('ArrowDown');
    await expect.poll(focused).toBe('First');
    await page.keyboard.press('d');
    await row(page, 'First').getByText('disabled').waitFor();
    await page.keyboard.press('e');
    await page.getByRole('dialog', { name: 'Edit First' }).waitFor();
    await page.keyboard.press('Escape');
    await expect.poll(focused).toBe('First');
    await page.keyboard.press('Delete');
    await row(page, 'First').waitFor({ state: 'detached' });
    await expect.poll(focused).toBe('Second');
    await page.keyboard.press('?');
    await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor();
    await page.keyboard.press('Escape');
    await page.keyboard.press('/');
    await page.keyboard.type('third');
    await row(page, 'Second').waitFor({ state: 'detached' });
    await page.keyboard.press('Control+k');
    await page.getByRole('combobox', { name: 'Command' }).waitFor();
    await page.keyboard.type('log out');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Log in' }).waitFor();
  });

  it('takes no letter for a command where somebody switched that off', async () => {
    const page = await newPage(await newContext());
    await signUp(page);
    await page.getByText('No links yet').waitFor();
    await page.keyboard.press('?');
    const sheet = page.getByRole('dialog', { name: 'Keyboard shortcuts' });
    await sheet.getByText('Create a link').waitFor();
    await sheet.getByLabel('Single keys').uncheck();
    await sheet.getByText('Create a link').waitFor({ state: 'detached' });
    await page.keyboard.press('Escape');
    await page.reload();
    await page.getByText('No links yet').waitFor();
    await page.keyboard.press('n');
    await page.keyboard.press('Control+k');
    await page.getByRole('combobox', { name: 'Command' }).waitFor();
    expect(await page.getByRole('dialog').count()).toBe(1);
    await page.keyboard.type('shortcuts');
    await page.keyboard.press('Enter');
    await sheet.getByLabel('Single keys').check();
    await page.keyboard.press('Escape');
    await page.keyboard.press('n');
    await page.getByRole('dialog', { name: 'Create a link' }).waitFor();
  });

  it('shows which command is chosen, on a small screen too', async () => {
    const page = await newPage(await newContext({ viewport: { width: 360, height: 640 } }));
    await signUp(page);
    await page.getByText('No links yet').waitFor();
    await page.keyboard.press('Control+k');
    await page.getByRole('combobox', { name: 'Command' }).waitFor();
    await page.keyboard.press('ArrowUp');
    const commands = page.getByRole('listbox', { name: 'Commands' });
    const chosen = commands.getByRole('option', { selected: true });
    // Both at once: the dialog is still rising.
    const [option, list] = await chosen.evaluate((element) =>
      [element, element.closest('[role=listbox]')].map((one) => one?.getBoundingClientRect().bottom ?? Number.NaN),
    );
    expect(option).toBeLessThanOrEqual(list ?? Number.NaN);
  });

  it('has all of a dialog on a small screen, with words in it that are longer', async () => {
    const page = await newPage(await newContext({ viewport: { width: 360, height: 640 } }));
    await signUp(page);
    const alias = `${'ü'.repeat(40)}${Date.now()}`;
    await createLink(page, { Destination: 'https://example.com/', Alias: alias, Title: 'w'.repeat(60) });
    await page.getByRole('button', { name: /^QR code of/ }).click();
    const widths = await page
      .getByRole('dialog')
      .evaluate(({ scrollWidth, clientWidth }) => [scrollWidth, clientWidth]);
    expect(widths[0]).toBe(widths[1]);
  });

  it('shows what has the focus, on a small screen too', async () => {
    const page = await newPage(await newContext({ viewport: { width: 360, height: 640 } }));
    await signUp(page);
    for (const title of ['One', 'Two', 'Three', 'Four'])
      await createLink(page, { Destination: 'https://example.com/', Title: title });
    await row(page, 'Four').waitFor();
    await page.keyboard.press('j');
    // Not the last row, which the end of the page brings up.
    for (const title of ['Four', 'Three', 'Two']) {
      await expect.poll(() => page.evaluate(() => document.activeElement?.textContent)).toBe(title);
      if (title !== 'Two') await page.keyboard.press('ArrowDown');
    }
    for (const name of ['Copy', 'QR code', 'Edit', 'Disable']) {
      await page.keyboard.press('Tab');
      const button = page.getByRole('button', { name: new RegExp(`${name}.* Two`) });
      const navigation = page.getByRole('navigation', { name: 'Pages' });
      const [focused, bar] = await Promise.all([button.boundingBox(), navigation.boundingBox()]);
      expect(bottomOf(focused)).toBeLessThanOrEqual(bar?.y ?? 0);
    }
  });

  it('has what can be done with a link on the first screen, however long its destination is', async () => {
    const page = await newPage(await newContext({ viewport: { width: 360, height: 740 } }));
    await signUp(page);
    const longUrl = `https://example.com/?${'x'.repeat(8_000)}`;
    await createLink(page, { Destination: longUrl, Title: 'A long one' });
    await page.getByRole('link', { name: 'A long one' }).click();
    await page.getByRole('heading', { name: 'A long one', level: 1 }).waitFor();
    expect(bottomOf(await page.getByRole('button', { name: 'Copy', exact: true }).boundingBox())).toBeLessThan(740);
    // All of it can still be read.
    const destination = page.getByRole('link', { name: longUrl });
    await destination.evaluate((link) => link.parentElement?.scrollTo(0, 100_000));
    expect(bottomOf(await destination.boundingBox())).toBeLessThan(740);
  });

  it('writes a title in the direction of its language', async () => {
    const page = await newPage(await newContext());
    await signUp(page);
    const title = 'مرحبا بالعالم (2) abc';
    const directionOf = (element: Element): string => getComputedStyle(element).direction;
    await page.getByRole('button', { name: 'Create a link' }).click();
    await page.getByLabel('Destination').fill('https://example.com/');
    await page.getByLabel('Title').fill(title);
    expect(await page.getByLabel('Title').evaluate(directionOf)).toBe('rtl');
    expect(await page.getByLabel('Destination').evaluate(directionOf)).toBe('ltr');
    await page.getByRole('button', { name: 'Create', exact: true }).click();
    const name = row(page, title).getByRole('link', { name: title });
    expect(await name.evaluate(directionOf)).toBe('rtl');
    await name.click();
    expect(await page.getByRole('heading', { name: title, level: 1 }).evaluate(directionOf)).toBe('rtl');
  });
});
