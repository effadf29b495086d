import { setTimeout as sleep } from 'node:timers/promises';
import type { Page } from 'playwright-core';
import { describe, expect, inject, it } from 'vitest';
import { concurrently } from '../support/concurrently.ts';
import { eventually } from '../support/eventually.ts';
import { call } from '../support/http.ts';
import { whyNoBrowser } from './support/chromium.ts';
import { sendPastClicks } from './support/past-clicks.ts';
import {
  createLink,
  holdBack,
  newContext,
  newPage,
  row,
  signedInPage,
  toast,
  useBrowser,
  type Visitor,
} from './support/visit.ts';

const dayMs = 86_400_000;
const bot = { 'user-agent': 'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)' };
const follow = async (alias: string, headers = {}) => expect((await call(`/${alias}`, { headers })).status).toBe(302);

/** The same person over the API. */
async function apiOf({ email, password }: Visitor) {
  const { json } = await call('/api/auth/login', { body: { email, password } });
  return { token: json.token as string, workspaceId: json.workspace.id as string };
}

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

/** A figure at the top of a page. */
const tile = (page: Page, label: string) => page.locator('dl > div').filter({ hasText: label });

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

  it('sessions lists them, and ends one elsewhere', async () => {
    const { page, visitor } = await signedInPage();
    const elsewhere = await newPage(await newContext({ userAgent: 'Mozilla/5.0 (X11; Linux x86_64) Firefox/141.0' }));
    await elsewhere.goto('/app/log-in');
    await elsewhere.getByLabel('Email').fill(visitor.email);
    await elsewhere.getByLabel('Password').fill(visitor.password);
    await elsewhere.getByRole('button', { name: 'Log in' }).click();
    await elsewhere.getByRole('heading', { name: 'Links', exact: true }).waitFor();
    await page.getByRole('link', { name: 'Sessions' }).click();
    const rows = page.getByRole('table', { name: /Your sessions/ }).locator('tbody tr');
    await rows.nth(1).waitFor();
    await rows.filter({ hasText: 'this one' }).getByText('Log out to end it').waitFor();
    await rows.filter({ hasText: 'Firefox' }).getByRole('button', { name: /^End/ }).click();
    await page.getByRole('button', { name: 'End it' }).click();
    await toast(page, 'is signed out').waitFor();
    await expect.poll(() => rows.count()).toBe(1);
    await elsewhere.reload();
    await elsewhere.getByRole('heading', { name: 'Log in' }).waitFor();
  });

  it('sessions lists all of more than a page, and ends all others at once', async () => {
    const { page, visitor } = await signedInPage();
    await concurrently(120, 8, () => call('/api/auth/login', { body: visitor }));
    await page.getByRole('link', { name: 'Sessions' }).click();
    const rows = page.getByRole('table', { name: /Your sessions/ }).locator('tbody tr');
    await expect.poll(() => rows.count()).toBe(100);
    await page.getByRole('button', { name: 'Show more' }).click();
    await expect.poll(() => rows.count()).toBe(121);
    expect(await page.getByRole('button', { name: 'Show more' }).count()).toBe(0);
    await page.getByRole('button', { name: 'End all others' }).click();
    await page.getByRole('button', { name: 'End them' }).click();
    await toast(page, '120 sessions are signed out').waitFor();
    await expect.poll(() => rows.count()).toBe(1);
    await rows.getByText('this one').waitFor();
    await page.reload();
    await rows.getByText('this one').waitFor();
  });

  it('the account changes the name everywhere, in other tabs too', async () => {
    const { page } = await signedInPage();
    const tab = await newPage(page.context());
    await tab.goto('/app/keys');
    await page.getByRole('link', { name: 'Account: Ada Lovelace' }).click();
    await page.getByLabel('Your name').fill('Ada King');
    await page.getByRole('button', { name: 'Save the name' }).click();
    await toast(page, 'Your name is saved').waitFor();
    for (const each of [page, tab]) await each.getByRole('link', { name: 'Account: Ada King' }).waitFor();
  });

  it('the account changes the email with the password, and says at the field what is wrong', async () => {
    const [{ page, visitor }, other] = [await signedInPage(), await signedInPage()];
    await page.getByRole('link', { name: /^Account/ }).click();
    const change = async (email: string, password: string) => {
      await page.getByLabel('New email').fill(email);
      await page.getByLabel('Your password').fill(password);
      await page.getByRole('button', { name: 'Change the email' }).click();
    };
    await change(`new.${visitor.email}`, 'not the password');
    await page.getByText('The current password is wrong').waitFor();
    expect(await page.getByLabel('Your password').evaluate((field) => field === document.activeElement)).toBe(true);
    await change(other.visitor.email, visitor.password);
    await page.getByRole('alert').filter({ hasText: 'This email has an account already' }).waitFor();
    await change(`new.${visitor.email}`, visitor.password);
    await toast(page, 'Your email was changed').waitFor();
    await page.getByText(`You sign in with new.${visitor.email}`).waitFor();
    expect(await page.getByLabel('Your password').inputValue()).toBe('');
  });

  it('the account changes the password, stays signed in here, and nowhere else', async () => {
    const { page, visitor } = await signedInPage();
    const { token } = await apiOf(visitor);
    await page.getByRole('link', { name: /^Account/ }).click();
    const next = 'a short ride in the snow';
    const change = async (current: string, chosen: string, again = chosen) => {
      await page.getByLabel('Current password').fill(current);
      await page.getByLabel('New password', { exact: true }).fill(chosen);
      await page.getByLabel('New password, again').fill(again);
      await page.getByRole('button', { name: 'Change the password' }).click();
    };
    const focused = () => page.evaluate(() => document.activeElement?.getAttribute('name'));
    await change(visitor.password, next, 'something else entirely');
    await page.getByText('This is not the same as above').waitFor();
    await expect.poll(focused).toBe('again');
    await change('not the password', next);
    await page.getByText('The current password is wrong').waitFor();
    await expect.poll(focused).toBe('password');
    expect(await page.getByText('This is not the same as above').count()).toBe(0);
    await change(visitor.password, 'password123');
    await page.getByText('This password is too common').waitFor();
    await expect.poll(focused).toBe('new-password');
    await change(visitor.password, next);
    await toast(page, 'Your password is changed. 1 other session is signed out').waitFor();
    expect(await page.getByLabel('Current password').inputValue()).toBe('');
    await expect.poll(async () => (await call('/api/v1/users/me', { token })).status).toBe(401);
    await page.reload();
    await page.getByRole('heading', { name: 'Account', exact: true }).waitFor();
    expect((await call('/api/auth/login', { body: { ...visitor, password: next } })).status).toBe(200);
  });

  it('the account is deleted with the password, after a question; the person is signed out in every tab', async () => {
    const { page, visitor } = await signedInPage();
    const { token } = await apiOf(visitor);
    const made = await call('/api/v1/urls', { token, body: { long_url: 'https://example.org/leaving' } });
    const tab = await newPage(page.context());
    await tab.goto('/app/keys');
    await page.getByRole('link', { name: /^Account/ }).click();
    const field = page.getByLabel('Password, to delete the account');
    const question = page.getByRole('dialog', { name: `Delete ${visitor.email}?` });
    const remove = async (password: string, answer: string) => {
      await field.fill(password);
      await page.getByRole('button', { name: 'Delete the account' }).click();
      await question.getByRole('button', { name: answer }).click();
    };
    await remove(visitor.password, 'Keep it');
    expect((await call('/api/v1/users/me', { token })).status).toBe(200);
    await remove('not the password', 'Delete it permanently');
    await page.getByText('The current password is wrong').waitFor();
    expect(await field.evaluate((element) => element === document.activeElement)).toBe(true);
    const sent = Promise.withResolvers<void>();
    await page.route(/DeleteCurrentUser$/, async (route) => {
      await sent.promise;
      await route.continue();
    });
    await field.fill(visitor.password);
    await page.getByRole('button', { name: 'Delete the account' }).click();
    // There is no way back from the press on, so none is offered.
    await question.getByRole('button', { name: 'Delete it permanently' }).evaluate(async (button) => {
      (button as HTMLElement).click();
      // As a key that was pressed right then, before what the press on has left for later.
      await new Promise<void>((resolve) => scheduler.postTask(resolve, { priority: 'user-blocking' }));
      button.closest('dialog')?.dispatchEvent(new Event('cancel', { cancelable: true }));
    });
    await page.keyboard.press('Escape');
    await question.getByRole('button', { name: 'Keep it' }).dispatchEvent('click');
    await question.getByRole('button', { name: 'Delete it permanently', disabled: true }).waitFor();
    sent.resolve();
    await toast(page, 'Your account is deleted').waitFor();
    for (const each of [page, tab]) await each.getByRole('heading', { name: 'Log in' }).waitFor();
    await page.reload();
    await page.getByRole('heading', { name: 'Log in' }).waitFor();
    expect((await page.context().cookies()).filter(({ name }) => name.includes('hop_session'))).toEqual([]);
    expect((await call('/api/auth/login', { body: visitor })).status).toBe(401);
    await expect.poll(async () => (await call(`/${made.json.code}`)).status).toBe(410);
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
