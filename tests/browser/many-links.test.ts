import { describe, expect, it } from 'vitest';
import { concurrently } from '../support/concurrently.ts';
import { call } from '../support/http.ts';
import { whyNoBrowser } from './support/chromium.ts';
import { apiOf, signedInPage, useBrowser } from './support/visit.ts';

const many = 300;

describe.skipIf(whyNoBrowser)('a list of many links', () => {
  useBrowser();

  it('is asked for in few calls, and keeps the row that has the focus however far it is scrolled', async () => {
    const { page, visitor } = await signedInPage();
    const { token } = await apiOf(visitor);
    await concurrently(many, 8, (at) =>
      call('/api/v1/urls', { token, body: { long_url: 'https://example.com/', title: `Link ${at}` } }),
    );
    let calls = 0;
    page.on('request', (request) => {
      if (request.url().endsWith('/ListLinks')) calls += 1;
    });
    await page.reload();
    const rows = page.locator('[data-index]');
    const focused = () =>
      page.evaluate(() => document.activeElement?.closest('[data-index]')?.getAttribute('data-index'));
    await rows.nth(3).getByRole('link').focus();
    const scrolledToEnd = async () => {
      await page.evaluate(() => window.scrollTo(0, document.documentElement.scrollHeight));
      return page.locator(`[data-index="${many - 1}"]`).count();
    };
    await expect.poll(scrolledToEnd).toBe(1);
    expect([await focused(), calls]).toEqual(['3', 2]);
    // Not all of them are there, but for the one.
    expect(await rows.count()).toBeLessThan(60);
    await page.keyboard.press('ArrowDown');
    await expect.poll(focused).toBe('4');
  });
});
