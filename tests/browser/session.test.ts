import { Code } from '@connectrpc/connect';
import type { BrowserContext, Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { call } from '../support/http.ts';
import { newPerson } from '../support/people.ts';
import { whyNoBrowser } from './support/chromium.ts';
import { refuse } from './support/refusal.ts';
import { violations } from './support/violations.ts';
import {
  createLink,
  holdBack,
  newContext,
  newPage,
  row,
  signedInPage,
  signUp,
  toast,
  useBrowser,
} from './support/visit.ts';

/** Ends the session of a page from elsewhere, as an owner of a lost laptop would. */
async function endSession(page: Page): Promise<void> {
  const asked = page.waitForRequest((request) => request.url().includes('/ListLinks'));
  await page.getByLabel('Order').selectOption('created_at asc');
  const { authorization = '' } = await (await asked).allHeaders();
  const token = authorization.replace('Bearer ', '');
  expect((await call('/api/auth/logout', { method: 'POST', token })).status).toBe(200);
  await expect.poll(async () => (await call('/api/v1/users/me', { token })).status, { timeout: 10_000 }).toBe(401);
}

const offline = (context: BrowserContext, isOffline: boolean) => context.setOffline(isOffline);

describe.skipIf(whyNoBrowser)('a session', () => {
  useBrowser();

  it('that ends in mid-edit keeps what was typed, asks to log in, and goes on', async () => {
    const { page, visitor } = await signedInPage();
    await page.getByText('No links yet').waitFor();
    await endSession(page);
    await page.getByRole('button', { name: 'Create a link' }).click();
    await page.getByLabel('Destination').fill('https://example.com/typed-before');
    await page.getByRole('button', { name: 'Create', exact: true }).click();
    const again = page.getByRole('dialog', { name: 'Your session has ended' });
    await again.waitFor();
    await again.getByLabel('Password').fill(visitor.password);
    await again.getByRole('button', { name: 'Log in' }).click();
    await again.waitFor({ state: 'detached' });
    expect(await page.getByLabel('Destination').inputValue()).toBe('https://example.com/typed-before');
    await page.getByRole('button', { name: 'Create', exact: true }).click();
    await row(page, 'example.com/typed-before').waitFor();
  });

  it('that ended makes room for somebody else', async () => {
    const { page } = await signedInPage();
    await page.getByText('No links yet').waitFor();
    await endSession(page);
    await page.getByRole('link', { name: 'Overview' }).click();
    await page.getByRole('button', { name: 'Use another account' }).click();
    await page.getByRole('heading', { name: 'Log in' }).waitFor();
    expect(await page.getByLabel('Email').inputValue()).toBe('');
  });

  it('of somebody else, whose cookie came into the browser by another way, is not that of an open page', async () => {
    const { page } = await signedInPage();
    await page.getByText('No links yet').waitFor();
    const { email, password, token } = await newPerson();
    const answer = await page.request.post('/api/auth/login', { data: { email, password, use_cookie: true } });
    expect(answer.status()).toBe(200);
    await endSession(page);
    await page.getByRole('button', { name: 'Create a link' }).click();
    await page.getByLabel('Destination').fill('https://example.com/private');
    await page.getByRole('button', { name: 'Create', exact: true }).click();
    await page.getByRole('dialog', { name: 'Your session has ended' }).waitFor();
    expect((await call('/api/v1/urls', { token })).json.urls).toEqual([]);
  });

  it('is one for all tabs: signed in, traded and left together', async () => {
    const context = await newContext();
    const first = await newPage(context);
    await signUp(first);
    const second = await newPage(context);
    await Promise.all([first.reload(), second.goto('/app/links')]);
    for (const page of [first, second]) await page.getByRole('heading', { name: 'Links', exact: true }).waitFor();
    await createLink(second, { Destination: 'https://example.com/', Title: 'From the second tab' });
    await first.reload();
    await row(first, 'From the second tab').waitFor();
    await first.getByRole('button', { name: 'Log out' }).click();
    await second.getByRole('heading', { name: 'Log in' }).waitFor();
  });

  it('whose token is refused by a stream is renewed, not tried again with the same', async () => {
    const { page } = await signedInPage();
    const renewed = page.waitForRequest((request) => request.url().endsWith('/RefreshSession'));
    await refuse(page, /WatchWorkspace$/, { code: Code.Unauthenticated, reason: 'CREDENTIALS_EXPIRED' });
    await page.getByRole('link', { name: 'Overview' }).click();
    await renewed;
    await page.unroute(/WatchWorkspace$/);
    await page.getByRole('status').filter({ hasText: 'Live' }).waitFor();
  });

  it('that takes long to be found says that it is being waited for', async () => {
    const { page } = await signedInPage();
    const goOn = await holdBack(page, /RefreshSession$/);
    await page.reload();
    await page.getByRole('status').filter({ hasText: 'Loading' }).waitFor();
    goOn();
    await page.getByText('No links yet').waitFor();
    expect(await page.getByText('Loading', { exact: true }).count()).toBe(0);
  });

  it('that cannot be found says why, and is looked for again', async () => {
    const { page } = await signedInPage();
    await refuse(page, /RefreshSession$/, { code: Code.Unavailable, reason: 'DEPENDENCY_UNAVAILABLE' });
    await page.reload();
    await page.getByRole('heading', { name: 'A part of Hopline is not responding', level: 1 }).waitFor();
    expect(await violations(page)).toEqual([]);
    await page.unroute(/RefreshSession$/);
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.getByText('No links yet').waitFor();
  });

  it('without a connection says so, changes nothing on the screen for good, and goes on with one', async () => {
    const context = await newContext();
    const page = await newPage(context);
    await signUp(page);
    await createLink(page, { Destination: 'https://example.com/', Title: 'Steadfast' });
    await offline(context, true);
    await page.getByText('nothing can be saved').waitFor();
    await page.getByRole('button', { name: 'Delete Steadfast' }).click();
    await toast(page, 'Nothing changed').waitFor();
    await row(page, 'Steadfast').waitFor();
    await offline(context, false);
    await page.getByText('nothing can be saved').waitFor({ state: 'detached' });
    // Of a list whose renewal failed meanwhile: it is renewed by itself.
    await page.getByText('You are offline.', { exact: true }).waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'Delete Steadfast' }).click();
    await toast(page, 'Steadfast deleted').waitFor();
  });

  it('without a connection has no stream that is called live, though nothing closed it, and has one again with it', async () => {
    const context = await newContext();
    const page = await newPage(context);
    await signUp(page);
    await page.getByRole('link', { name: 'Overview' }).click();
    const mark = (text: string) => page.getByRole('status').filter({ hasText: text });
    await mark('Live').waitFor();
    await offline(context, true);
    await mark('Connecting again: you are offline').waitFor();
    expect(await mark('Live').count()).toBe(0);
    await offline(context, false);
    await mark('Live').waitFor();
  });
});
