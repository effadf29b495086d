import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { concurrently } from '../support/concurrently.ts';
import { call } from '../support/http.ts';
import { whyNoBrowser } from './support/chromium.ts';
import { apiOf, createLink, row, signedInPage, toast, useBrowser } from './support/visit.ts';

/** What has the focus: how it is read out. */
const focused = (page: Page) =>
  page.evaluate(() => {
    const element = document.activeElement;
    return element?.getAttribute('aria-label') ?? element?.textContent?.trim();
  });
const rowInFocus = (page: Page) =>
  page.evaluate(() => document.activeElement?.closest('[data-index]')?.getAttribute('data-index'));

async function withLinks(titles: readonly string[]): Promise<Page> {
  const { page } = await signedInPage();
  for (const Title of titles) await createLink(page, { Destination: 'https://example.com/', Title });
  return page;
}

/** Presses a button as somebody does who has no pointer. */
async function press(page: Page, name: string): Promise<void> {
  await page.getByRole('button', { name, exact: true }).focus();
  await page.keyboard.press('Enter');
}

describe.skipIf(whyNoBrowser)('when what had the focus is gone, it is', () => {
  useBrowser();

  it('in the list of links, after something was done to many', async () => {
    const page = await withLinks(['One', 'Two', 'Three']);
    for (const action of ['Disable', 'Delete']) {
      await page.getByLabel('Select Three').check();
      await press(page, action);
      await toast(page, `Three ${action.toLowerCase()}d`).waitFor();
      await expect.poll(() => rowInFocus(page)).toBe('0');
    }
    await expect.poll(() => row(page, 'Three').count()).toBe(0);
    await page.getByLabel('Select Two').check();
    await page.getByLabel('Select One').check();
    await press(page, 'Delete');
    await page.getByText('No links yet').waitFor();
    await expect.poll(() => focused(page)).toBe('Create the first link');
  });

  it('in the row that took the place, else in the title, after a key was revoked', async () => {
    const { page, visitor } = await signedInPage();
    const { token } = await apiOf(visitor);
    for (const name of ['First', 'Second', 'Third'])
      await call('/api/v1/api-keys', { token, body: { name, scopes: ['links:read'] } });
    await page.getByRole('link', { name: 'API keys' }).click();
    for (const [name, next] of [
      ['Second', 'Revoke First'],
      ['First', 'Revoke Third'],
      ['Third', 'API keys'],
    ] as const) {
      await press(page, `Revoke ${name}`);
      await press(page, 'Revoke it');
      await toast(page, `${name} is revoked`).waitFor();
      await expect.poll(() => focused(page)).toBe(next);
    }
  });

  it('in the row that took the place after a session was ended, and in the title after all others were', async () => {
    const { page, visitor } = await signedInPage();
    await concurrently(3, 3, () => call('/api/auth/login', { body: visitor, headers: { 'user-agent': 'curl/8.0' } }));
    await page.getByRole('link', { name: 'Sessions' }).click();
    await page.getByRole('button', { name: 'End curl' }).first().focus();
    await page.keyboard.press('Enter');
    await press(page, 'End it');
    await expect.poll(() => page.getByRole('button', { name: 'End curl' }).count()).toBe(2);
    await expect.poll(() => focused(page)).toBe('End curl');
    await press(page, 'End all others');
    await press(page, 'End them');
    await page.getByRole('button', { name: 'End all others' }).waitFor({ state: 'detached' });
    await expect.poll(() => focused(page)).toBe('Sessions');
  });

  it('where it was before, after a message was dismissed', async () => {
    const page = await withLinks(['One', 'Two']);
    await press(page, 'Disable One');
    const message = toast(page, 'One disabled');
    await message.getByRole('button', { name: 'Undo' }).focus();
    await page.keyboard.press('Enter');
    await toast(page, 'One enabled').waitFor();
    await expect.poll(() => focused(page)).toBe('Disable One');
  });

  it('in the search field, after it was cleared', async () => {
    const page = await withLinks(['One']);
    await page.getByLabel('State').selectOption('disabled');
    await press(page, 'Clear');
    await row(page, 'One').waitFor();
    expect(await page.getByLabel('Search').evaluate((field) => field === document.activeElement)).toBe(true);
  });

  it('nowhere, where somebody had left it for nothing', async () => {
    const page = await withLinks(['One', 'Two']);
    await page.getByRole('button', { name: 'Disable One' }).focus();
    await page.evaluate(() => (document.activeElement as HTMLElement).blur());
    await page.getByLabel('State').selectOption('disabled');
    await page.evaluate(() => (document.activeElement as HTMLElement).blur());
    await page.getByText('No link matches').waitFor();
    await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
    expect(await page.evaluate(() => document.activeElement === document.body)).toBe(true);
  });
});
