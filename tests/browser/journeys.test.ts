import { describe, expect, inject, it } from 'vitest';
import { otherDomain } from '../support/domains.ts';
import { call } from '../support/http.ts';
import { whyNoBrowser } from './support/chromium.ts';
import {
  apiOf,
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

describe.skipIf(whyNoBrowser)(`the dashboard${whyNoBrowser ? `, skipped: ${whyNoBrowser}` : ''}`, () => {
  useBrowser();

  it('takes somebody from sign-up to a link that can be followed, and knows them after a reload', async () => {
    const { page } = await signedInPage();
    await page.getByText('No links yet').waitFor();
    const alias = `spring-${Date.now()}`;
    await createLink(page, {
      Destination: 'example.com/spring?a=1',
      Alias: alias,
      Title: 'Spring',
      Tags: 'mail, 2026',
    });
    await row(page, 'Spring').waitFor();
    const followed = await fetch(`${inject('meshUrl')}/${alias}`, { redirect: 'manual' });
    expect([followed.status, followed.headers.get('location')]).toEqual([302, 'https://example.com/spring?a=1']);
    await page.reload();
    await row(page, 'Spring').waitFor();
    expect(await page.evaluate(() => [document.cookie, localStorage.length, sessionStorage.length])).toEqual([
      '',
      0,
      0,
    ]);
  });

  it('keeps the refresh token from scripts, and sends it to one call', async () => {
    const context = await newContext();
    const page = await newPage(context);
    await signUp(page);
    const [cookie, ...more] = await context.cookies(
      `${inject('meshUrl')}/hop.identity.v1.IdentityService/RefreshSession`,
    );
    expect(more).toEqual([]);
    expect(cookie).toMatchObject({ httpOnly: true, sameSite: 'Strict' });
    expect(await context.cookies(`${inject('meshUrl')}/app/`)).toEqual([]);
  });

  it('refuses a wrong password in words, and lets the right one in to where they wanted to go', async () => {
    const { visitor } = await signedInPage();
    const page = await newPage(await newContext());
    await page.goto('/app/links?q=a%2526b&state=active');
    await page.getByRole('link', { name: 'Create an account' }).click();
    await page.getByRole('link', { name: 'Log in' }).click();
    await page.getByLabel('Email').fill(visitor.email);
    await page.getByLabel('Password').fill('not the password');
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.getByRole('alert').filter({ hasText: 'The email or the password is wrong' }).waitFor();
    await page.getByLabel('Password').fill(visitor.password);
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.getByRole('heading', { name: 'Links', exact: true }).waitFor();
    expect(page.url()).toContain('/app/links?q=a%2526b&state=active');
    await page.goto(`/app/log-in?${new URLSearchParams({ to: '/../elsewhere' })}`);
    await page.getByRole('heading', { name: 'Links', exact: true }).waitFor();
    expect(page.url()).toContain('/app/links');
    await page.getByRole('button', { name: 'Log out' }).click();
    await page.getByRole('heading', { name: 'Log in' }).waitFor();
    await page.reload();
    await page.getByRole('heading', { name: 'Log in' }).waitFor();
  });

  it('edits, disables, deletes and takes that back; finds links by search, tag and state', async () => {
    const { page } = await signedInPage();
    const Destination = 'https://example.com/one%20more';
    await createLink(page, { Destination, Title: 'First', Tags: 'mail, summer sale' });
    await createLink(page, { Destination: 'https://example.com/two', Title: 'Second' });
    await page.getByRole('button', { name: 'Edit First' }).click();
    await page.getByLabel('Title').fill('Foremost');
    await page.getByRole('button', { name: 'Save' }).click();
    await row(page, 'Foremost').waitFor();
    await page.getByRole('button', { name: 'Disable Second' }).click();
    await row(page, 'Second').getByText('disabled').waitFor();
    await page.getByLabel('State').selectOption('disabled');
    await row(page, 'Foremost').waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'Clear' }).click();
    await page.getByLabel('Search').fill('forem');
    await row(page, 'Second').waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'Delete Foremost' }).click();
    await page.getByText('No link matches').waitFor();
    await toast(page, 'Foremost deleted').getByRole('button', { name: 'Undo' }).click();
    await row(page, 'Foremost').waitFor();
    await row(page, 'Foremost').getByRole('button', { name: 'mail', exact: true }).click();
    expect(page.url()).toContain('tag=mail');
    await page.getByLabel('Tag (optional)').fill('');
    await page.getByLabel('Tag (optional)').pressSequentially('summer sale', { delay: 50 });
    await expect.poll(() => page.url()).toContain('tag=summer+sale');
    await row(page, 'Foremost').waitFor();
    await page.getByRole('button', { name: 'Clear' }).click();
    await page.getByLabel('Search').fill(Destination);
    await row(page, 'Second').waitFor({ state: 'detached' });
    await row(page, 'Foremost').waitFor();
    expect(await page.getByLabel('Search').inputValue()).toBe(Destination);
  });

  it('makes a link on another domain, tells it from its twin, and does to it what is done to any', async () => {
    const { page, visitor } = await signedInPage();
    const alias = `twin-${Date.now()}`;
    await createLink(page, { Destination: 'https://example.com/here', Alias: alias });
    await page.getByRole('button', { name: 'Create a link' }).click();
    const form = page.getByRole('dialog', { name: 'Create a link' });
    await form.getByLabel('Destination').fill('https://example.com/there');
    await form.getByLabel('Alias').fill(alias);
    await form.getByText('A link of this workspace already has it').waitFor();
    await form.getByLabel('Domain').selectOption(otherDomain);
    await form.getByText('No link of this workspace has it.').waitFor();
    await form.getByRole('button', { name: 'Create', exact: true }).click();
    const there = row(page, `${otherDomain}/${alias}`);
    await there.waitFor();
    const here = page.getByRole('link', { name: `localhost/${alias}`, exact: true });
    await here.waitFor();
    await there.getByRole('button', { name: /^QR code/ }).click();
    await page.getByRole('img', { name: new RegExp(`http://${otherDomain}:`) }).waitFor();
    await page.keyboard.press('Escape');
    await there.getByRole('button', { name: /^Edit/ }).click();
    await page.getByLabel('Title').fill('There');
    await page.getByRole('button', { name: 'Save' }).click();
    const named = page.getByRole('link', { name: 'There', exact: true });
    await named.waitFor();
    await there.waitFor();
    await page.getByLabel('Domain').selectOption(otherDomain);
    await here.waitFor({ state: 'detached' });
    await named.click();
    await page.getByRole('link', { name: new RegExp(`^${otherDomain}`) }).waitFor();
    await page.getByText('None so far').waitFor();
    await page.getByRole('button', { name: 'Delete' }).click();
    await toast(page, 'There deleted').waitFor();
    const { token } = await apiOf(visitor);
    const statuses = ['', `?domain=${otherDomain}`].map(async (query) => {
      return (await call(`/api/v1/urls/${alias}${query}`, { token })).status;
    });
    expect(await Promise.all(statuses)).toEqual([200, 404]);
  });

  it('limits the visits of a link, says how many are left, and finds those that are used up', async () => {
    const { page, visitor } = await signedInPage();
    const alias = `once-${Date.now()}`;
    await createLink(page, {
      Destination: 'https://example.com/',
      Alias: alias,
      Title: 'Secret',
      'Visit limit': '2',
    });
    await row(page, 'Secret').getByText('2 left').waitFor();
    await call(`/${alias}`);
    await row(page, 'Secret').getByRole('link', { name: 'Secret' }).click();
    await page.getByText('1 of 2 visits left').waitFor();
    await call(`/${alias}`);
    await page.getByRole('link', { name: 'Links', exact: true }).click();
    await page.reload();
    await row(page, 'Secret').getByText('used up').waitFor();
    await page.getByLabel('State').selectOption('used_up');
    await row(page, 'Secret').waitFor();
    await page.getByRole('button', { name: 'Edit Secret' }).click();
    await page.getByText('2 of them used so far.').waitFor();
    await page.getByLabel('Visit limit').fill('');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('No link matches').waitFor();
    const { token } = await apiOf(visitor);
    const { state, max_clicks } = (await call(`/api/v1/urls/${alias}`, { token })).json;
    expect([state, max_clicks]).toEqual(['active', undefined]);
  });

  it('acts on many at once', async () => {
    const { page, visitor } = await signedInPage();
    for (const title of ['One', 'Two', 'Three'])
      await createLink(page, { Destination: 'https://example.com/', Title: title });
    for (const title of ['One', 'Three']) await page.getByLabel(`Select ${title}`).check();
    await page.getByRole('region', { name: 'Selection' }).getByRole('button', { name: 'Delete' }).click();
    await row(page, 'Three').waitFor({ state: 'detached' });
    await toast(page, '2 links deleted').waitFor();
    expect(await page.getByRole('listitem').count()).toBe(1);
    // Where one fails, the other does not come back with it until the list is loaded again.
    await createLink(page, { Destination: 'https://example.com/', Title: 'Four' });
    // Until it is there a checkbox that is pressed may move.
    await row(page, 'Four').waitFor();
    for (const title of ['Two', 'Four']) await page.getByLabel(`Select ${title}`).check();
    await page.route(/DeleteLink$/, (route) => route.abort(), { times: 1 });
    const loadAgain = await holdBack(page, /ListLinks$/);
    await page.getByRole('region', { name: 'Selection' }).getByRole('button', { name: 'Delete' }).click();
    await toast(page, '1 of 2 not changed').waitFor();
    expect(await page.getByRole('listitem').count()).toBe(1);
    loadAgain();
    const { token } = await apiOf(visitor);
    for (let made = 0; made < 100; made += 10)
      await Promise.all(
        Array.from({ length: 10 }, () => call('/api/v1/urls', { token, body: { long_url: 'https://example.com/' } })),
      );
    await page.reload();
    await page.getByRole('checkbox').first().check();
    await page.getByRole('button', { name: 'Select all loaded' }).click();
    await page.getByText('100 selected').waitFor();
    await page.getByRole('region', { name: 'Selection' }).getByRole('button', { name: 'Delete' }).click();
    await row(page, 'Four').waitFor();
    expect(await page.getByRole('listitem').count()).toBe(1);
  });

  it('takes back of many what it did, and nothing else', async () => {
    const { page } = await signedInPage();
    for (const title of ['One', 'Two', 'Three'])
      await createLink(page, { Destination: 'https://example.com/', Title: title });
    await page.getByRole('button', { name: 'Disable Two' }).click();
    await toast(page, 'Two disabled').waitFor();
    const choose = async (titles: readonly string[], action: string) => {
      for (const title of titles) await page.getByLabel(`Select ${title}`).check();
      await page.getByRole('region', { name: 'Selection' }).getByRole('button', { name: action }).click();
    };
    await choose(['One', 'Two', 'Three'], 'Disable');
    await toast(page, '2 links disabled').getByRole('button', { name: 'Undo' }).click();
    await toast(page, '2 links enabled').waitFor();
    expect(await row(page, 'Two').getByText('disabled', { exact: true }).count()).toBe(1);
    await choose(['Two'], 'Disable');
    await toast(page, 'Two is disabled already').waitFor();
  });
});
