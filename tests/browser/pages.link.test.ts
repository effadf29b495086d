import { setTimeout as sleep } from 'node:timers/promises';
import type { Page } from 'playwright-core';
import { describe, expect, inject, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { call } from '../support/http.ts';
import { whyNoBrowser } from './support/chromium.ts';
import { sendPastClicks } from './support/past-clicks.ts';
import { apiOf, createLink, follow, row, signedInPage, tile, toast, useBrowser } from './support/visit.ts';

const dayMs = 86_400_000;
const bot = { 'user-agent': 'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)' };

/** A link that was followed three times 40 days ago, and its page. */
async function pageOfLink(): Promise<{ page: Page; alias: string }> {
  const { page, visitor } = await signedInPage();
  const alias = `spring-${Date.now()}`;
  await createLink(page, { Destination: 'https://example.com/spring', Alias: alias, Title: 'Spring' });
  const { token, workspaceId } = await apiOf(visitor);
  const { id, domain, code } = (await call(`/api/v1/urls/${alias}`, { token })).json;
  const at = Date.now() - 40 * dayMs;
  const clicks = [0, 1, 2].map((visitorNumber) => ({ at, visitor: visitorNumber, country: 'NZ', browser: 'Firefox' }));
  await sendPastClicks(inject('meshPorts').kafka ?? 0, { id, workspaceId, domain, code }, clicks);
  const read = async () => (await call(`/api/v1/urls/${alias}`, { token })).json.click_count;
  await eventually(read, (count) => count === 3);
  await row(page, 'Spring').getByRole('link', { name: 'Spring' }).click();
  await page.getByRole('heading', { name: 'Spring', level: 1 }).waitFor();
  return { page, alias };
}

describe.skipIf(whyNoBrowser)('the page of', () => {
  useBrowser();

  it('a link shows clicks as they happen, any range, and the time before it', async () => {
    const { page, alias } = await pageOfLink();
    await tile(page, 'Clicks').getByText('than the 30 days before').waitFor();
    await page.getByRole('status').filter({ hasText: 'Live' }).waitFor();
    await follow(alias);
    await page.getByRole('list', { name: 'Latest clicks, newest first' }).locator('[data-new]').waitFor();
    await tile(page, 'Clicks').getByText('67%').waitFor();
    expect(await tile(page, 'Clicks').textContent()).toMatch(/Clicks1.*67%.*than the 30 days before/);
    await page.getByLabel('90 days').check();
    await tile(page, 'Clicks').getByText('None in the 90 days before').waitFor();
    expect(await tile(page, 'Clicks').textContent()).toMatch(/^Clicks4/);
    await page.getByRole('row', { name: /New Zealand 3 75%/ }).waitFor();
    await page.locator('path[data-country=NZ][data-shade="5"]').waitFor();
    // The click of this test has no country, and there are shapes that have none.
    const isShaded = page.locator('path:not([data-shade="0"])[data-country]');
    expect(await isShaded.count()).toBe(1);
    await page.getByLabel('Custom').check();
    const day = new Date(Date.now() - 40 * dayMs).toLocaleDateString('sv');
    await page.getByLabel('From').fill(day);
    await page.getByLabel('to', { exact: true }).fill(day);
    await page.getByRole('button', { name: 'Show', exact: true }).click();
    await expect.poll(() => tile(page, 'Clicks').textContent()).toMatch(/^Clicks3/);
    await page.reload();
    await expect.poll(() => tile(page, 'Clicks').textContent()).toMatch(/^Clicks3/);
    expect(page.url()).toContain(`from=${day}&to=${day}`);
  });

  it('a link keeps the days that are being typed while the range that is left moves on with the hour', async () => {
    const { page } = await pageOfLink();
    await page.clock.install();
    await page.reload();
    await page.getByLabel('24 hours').check();
    await page.getByLabel('Custom').check();
    await page.getByLabel('From').fill('2026-01-31');
    const isMovedOn = page.waitForRequest(/GetLinkStats$/);
    await page.clock.fastForward('01:00:00');
    await isMovedOn;
    expect(await page.getByLabel('From').inputValue()).toBe('2026-01-31');
  });

  it('a link does not compare a range with the time before another', async () => {
    const { page } = await pageOfLink();
    await tile(page, 'Clicks').getByText('than the 30 days before').waitFor();
    let asked = 0;
    const isBefore = Promise.withResolvers<void>();
    await page.route(/GetLinkStats$/, async (route) => {
      if (++asked === 2) await isBefore.promise;
      await route.continue();
    });
    await page.getByLabel('90 days').check();
    await expect.poll(() => tile(page, 'Clicks').textContent()).toMatch(/^Clicks3\s*$/);
    isBefore.resolve();
    await tile(page, 'Clicks').getByText('None in the 90 days before').waitFor();
  });

  it('a link that is followed all the time shows how often, however long its statistics take', async () => {
    const { page, alias } = await pageOfLink();
    await page.getByRole('status').filter({ hasText: 'Live' }).waitFor();
    await page.route(/GetLinkStats$/, async (route) => {
      await sleep(2_500);
      // It may have been given up meanwhile.
      await route.continue().catch(() => {});
    });
    let isOver = false;
    const following = (async () => {
      for (; !isOver; await sleep(300)) await follow(alias);
    })();
    try {
      await expect.poll(() => tile(page, 'Clicks').textContent(), { timeout: 10_000 }).toMatch(/^Clicks[1-9]/);
    } finally {
      isOver = true;
      await following;
      await page.unrouteAll({ behavior: 'ignoreErrors' });
    }
  });

  it('a link lists no bots where they are not counted', async () => {
    const { page } = await signedInPage();
    const alias = `bots-${Date.now()}`;
    await createLink(page, { Destination: 'https://example.com/', Alias: alias });
    await row(page, alias).getByRole('link', { name: alias }).click();
    await page.getByLabel('Count bots').check();
    await page.getByRole('status').filter({ hasText: 'Live' }).waitFor();
    const clicks = page.getByRole('list', { name: 'Latest clicks, newest first' }).getByRole('listitem');
    await follow(alias, bot);
    await clicks.filter({ hasText: 'Bot' }).waitFor();
    await page.getByLabel('Count bots').uncheck();
    await page.getByText('None so far.').waitFor();
    await follow(alias);
    await clicks.waitFor();
    expect(await clicks.filter({ hasText: 'Bot' }).count()).toBe(0);
  });

  it('a link that was deleted says so, and how to have it back', async () => {
    const { page } = await signedInPage();
    await createLink(page, { Destination: 'https://example.com/', Title: 'Gone' });
    await row(page, 'Gone').getByRole('link', { name: 'Gone' }).click();
    await page.getByRole('button', { name: 'Delete' }).click();
    await toast(page, 'Gone deleted').waitFor();
    await page.goBack();
    await page.getByRole('heading', { name: 'This link was deleted' }).waitFor();
    expect(await page.getByRole('button', { name: 'Disable' }).count()).toBe(0);
    await page.getByRole('link', { name: 'Go to the deleted links' }).click();
    await page.getByRole('button', { name: 'Restore Gone' }).click();
    await toast(page, 'Gone restored').waitFor();
  });

  it('a link on a domain that is not ours says so, and where the links are', async () => {
    const { page } = await signedInPage();
    await page.goto('/app/links/spring?domain=not-ours.example');
    await page.getByRole('heading', { name: 'That domain is not ours' }).waitFor();
    await page.getByRole('link', { name: 'Go to the links' }).waitFor();
  });
});
