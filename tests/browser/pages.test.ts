import { describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { call } from '../support/http.ts';
import { whyNoBrowser } from './support/chromium.ts';
import { apiOf, createLink, follow, holdBack, signedInPage, tile, toast, useBrowser } from './support/visit.ts';

describe.skipIf(whyNoBrowser)('the page of', () => {
  useBrowser();

  it('the workspace counts as it happens, and leads to the links that are followed most, where the system has no language set', async () => {
    const { page } = await signedInPage({ locale: 'en-US@posix' });
    const aliases = ['one', 'two'].map((name) => `${name}-${Date.now()}`) as [string, string];
    for (const alias of aliases) await createLink(page, { Destination: 'https://example.com/', Alias: alias });
    await page.keyboard.press('g');
    await page.keyboard.press('o');
    await page.getByText('No clicks in this period').waitFor();
    const today = page.getByRole('region', { name: 'Today' });
    await today.getByText('Live').waitFor();
    for (const alias of [...aliases, aliases[1]]) await follow(alias);
    await today.getByText('3 clicks today').waitFor();
    await page.reload();
    await expect.poll(() => tile(page, 'Links followed').textContent()).toBe('Links followed2');
    await page.locator('.uplot canvas').waitFor();
    const ranked = page.getByRole('table', { name: /The links with the most clicks/ }).getByRole('link');
    expect(await ranked.allTextContents()).toEqual([aliases[1], aliases[0]].map((alias) => `localhost/${alias}`));
    await ranked.first().click();
    await page.getByRole('heading', { name: aliases[1], level: 1 }).waitFor();
  });

  it('API keys makes one that works, shows it once, and takes it back', async () => {
    const { page } = await signedInPage();
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    // In the very moment that the page is there, before anything can have been painted.
    await page.evaluate(() => {
      const press = () => document.body.dispatchEvent(new KeyboardEvent('keydown', { key: 'c', bubbles: true }));
      const seen = new MutationObserver(() => {
        if (document.querySelector('h1')?.textContent !== 'API keys') return;
        seen.disconnect();
        press();
      });
      seen.observe(document.body, { childList: true, subtree: true, characterData: true });
    });
    await page.getByRole('link', { name: 'API keys' }).click();
    await page.getByRole('dialog', { name: 'Create an API key' }).waitFor();
    await page.getByLabel('Name').fill('Nightly export');
    await page.getByRole('button', { name: 'Create the key' }).click();
    const made = page.getByRole('dialog', { name: 'Nightly export was created' });
    await made.getByRole('button', { name: 'Copy' }).click();
    await made.getByText('Copied.').waitFor();
    const secret = await page.evaluate(() => navigator.clipboard.readText());
    expect((await call('/api/v1/urls', { token: secret })).status).toBe(200);
    // A browser closes a dialog at the second Escape without asking; this secret is shown once.
    for (let press = 0; press < 2; press++) await page.keyboard.press('Escape');
    // The palette would stand over it, and lead away.
    await page.keyboard.press('Control+k');
    await made.getByRole('button', { name: 'I have stored it' }).click();
    expect(await page.content()).not.toContain(secret);
    await page.getByRole('button', { name: 'Revoke Nightly export' }).click();
    await page.getByRole('button', { name: 'Revoke it' }).click();
    await toast(page, 'Nightly export is revoked').waitFor();
    await page.getByText('No keys yet').waitFor();
    // What to do with a key stands beside it.
    const [documentation] = await Promise.all([
      page.waitForEvent('popup'),
      page.getByRole('link', { name: 'API documentation' }).click(),
    ]);
    await documentation.getByRole('heading', { name: 'The API', level: 1 }).waitFor();
    await eventually(
      () => call('/api/v1/urls', { token: secret }),
      ({ status }) => status === 401,
    );
  });

  it('API keys loses no secret, closes no other question, and shows what became of a key', async () => {
    const { page, visitor } = await signedInPage();
    await page.getByRole('link', { name: 'API keys' }).click();
    const goOn = await holdBack(page, /(Create|Delete)ApiKey$/);
    const makeKey = async (name: string) => {
      await page.getByRole('button', { name: 'Create a key' }).click();
      await page.getByLabel('Name').fill(name);
      await page.getByRole('button', { name: 'Create the key' }).click();
    };
    await makeKey('First');
    await page.locator('button[aria-busy]').waitFor();
    await page.keyboard.press('Escape');
    goOn();
    await page.getByRole('button', { name: 'I have stored it' }).click();
    await makeKey('Second');
    await page.getByRole('button', { name: 'I have stored it' }).click();
    const revokeFirst = await holdBack(page, /DeleteApiKey$/);
    await page.getByRole('button', { name: 'Revoke First' }).click();
    await page.getByRole('button', { name: 'Revoke it' }).click();
    await page.getByRole('button', { name: 'Keep it' }).click();
    await page.getByRole('button', { name: 'Revoke Second' }).click();
    revokeFirst();
    await toast(page, 'First is revoked').waitFor();
    await page.getByRole('dialog', { name: 'Revoke Second?' }).waitFor();
    const { token } = await apiOf(visitor);
    const [{ id }] = (await call('/api/v1/api-keys', { token })).json.api_keys;
    expect((await call(`/api/v1/api-keys/${id}`, { method: 'DELETE', token })).status).toBe(200);
    await page.getByRole('button', { name: 'Revoke it' }).click();
    await page.getByRole('alert').filter({ hasText: 'There is no such key' }).waitFor();
    await page.getByRole('button', { name: 'Keep it' }).click();
    await page.getByText('No keys yet').waitFor();
  });

  it('the system shows who answers, the hot set, the lease, breakers and what is on its way', async () => {
    const { page } = await signedInPage();
    const alias = `hot-${Date.now()}`;
    await createLink(page, { Destination: 'https://example.com/hot', Alias: alias });
    await page.getByRole('link', { name: 'System' }).click();
    await page.getByRole('status').filter({ hasText: 'All is well.' }).waitFor({ timeout: 30_000 });
    const tiers = page.getByRole('table', { name: /Answers by tier/ });
    expect(await tiers.getByRole('rowheader').allTextContents()).toEqual(
      ['Edge', 'Memory', 'Redis', 'Replica', 'Primary', 'Filter', 'None'].map((name) => expect.stringContaining(name)),
    );
    await page.getByText('Lease held').waitFor();
    await page
      .getByText(/^\d+ of [\d,]+$/)
      .first()
      .waitFor();
    await page.getByRole('list', { name: 'Breakers of resolver-1' }).getByText('redis').waitFor();
    await page.getByText('analytics, Kafka').waitFor();
    await page.getByText(/behind, stored after/).waitFor();
    const answered = async () => Number((await tiers.getByRole('cell').last().textContent())?.replaceAll(/\D/g, ''));
    expect(await answered()).toBeGreaterThanOrEqual(0);
    await page.getByRole('button', { name: 'Pause' }).click();
    await page.getByText('Paused.').waitFor();
  });
});
