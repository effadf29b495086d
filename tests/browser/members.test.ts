import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { call } from '../support/http.ts';
import { whyNoBrowser } from './support/chromium.ts';
import { violations } from './support/violations.ts';
import {
  apiOf,
  createLink,
  newContext,
  newPage,
  row,
  signedInPage,
  signUp,
  toast,
  useBrowser,
} from './support/visit.ts';

/** Invites somebody by the dialog; answers the link. */
async function invite(page: Page, role: string): Promise<string> {
  await page.getByRole('link', { name: 'Members' }).click();
  await page.getByRole('button', { name: 'Invite' }).click();
  await page.getByRole('textbox', { name: 'For' }).fill('Grace');
  await page.getByRole('radio', { name: `${role} can` }).check();
  await page.getByRole('button', { name: 'Create the invitation' }).click();
  const link = await page.getByLabel('Link', { exact: true }).inputValue();
  // The link is shown this once, so that a key pressed by mistake does not take it away.
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'I have copied it' }).click();
  return link;
}

const memberRow = (page: Page, name: string) => page.getByRole('row').filter({ hasText: name });

/** Signs somebody new up on the way to an invitation, and lets them join. */
async function joined(link: string, name: string) {
  const page = await newPage(await newContext());
  await page.goto(link);
  await page.getByRole('link', { name: 'Create an account' }).click();
  const visitor = { email: `${name.toLowerCase()}.${Date.now()}@example.org`, password: 'a long walk in the rain' };
  await page.getByLabel('Your name').fill(name);
  await page.getByLabel('Email').fill(visitor.email);
  await page.getByLabel('Password').fill(visitor.password);
  await page.getByRole('button', { name: 'Create the account' }).click();
  await page.getByRole('button', { name: 'Join' }).click();
  await page.getByRole('heading', { name: 'Links', exact: true }).waitFor();
  return { page, visitor };
}

const workspaceDialogs = ['New workspace', 'Delete this workspace'];

describe.skipIf(whyNoBrowser)('the members of a workspace', () => {
  useBrowser();

  it('come in by a link, through the sign-up, are given another role, and are removed', async () => {
    const { page } = await signedInPage();
    await createLink(page, { Destination: 'https://example.com/', Title: 'Of the team' });
    const link = await invite(page, 'viewer');
    expect(link).toMatch(/\/app\/join#hopi_[\w-]{43}$/);
    await page.getByRole('heading', { name: 'Open invitations' }).waitFor();
    const grace = await joined(link, 'Grace');
    await row(grace.page, 'Of the team').waitFor();
    expect(grace.page.url()).not.toContain('hopi_');
    expect(await grace.page.evaluate(() => [sessionStorage.length, history.length < 10])).toEqual([0, true]);
    await grace.page.getByRole('link', { name: 'Members' }).click();
    await grace.page.getByText('As viewer you can see links and statistics.').waitFor();
    await grace.page.getByText('For owners and admins').waitFor();

    await page.reload();
    await memberRow(page, 'Grace').waitFor();
    await page.getByRole('button', { name: 'Change the role of Grace' }).click();
    await page.getByRole('radio', { name: 'admin can' }).check();
    await page.getByRole('button', { name: 'Change the role', exact: true }).click();
    await toast(page, 'Grace is admin now.').waitFor();
    await memberRow(page, 'Grace').getByText('admin').waitFor();
    const { visitor } = grace;
    expect((await call('/api/v1/users/me', { token: (await apiOf(visitor)).token })).json.workspace.role).toBe('admin');

    await page.getByRole('button', { name: 'Remove Grace' }).click();
    await page.getByRole('button', { name: 'Remove them' }).click();
    await toast(page, 'Grace is removed.').waitFor();
    await memberRow(page, 'Grace').waitFor({ state: 'detached' });
    expect((await call('/api/v1/users/me', { token: (await apiOf(visitor)).token })).json.workspace.role).toBe('owner');
  });

  it('switch between their workspaces, in all tabs, and see nothing of the one before', async () => {
    const { page: owner } = await signedInPage();
    await createLink(owner, { Destination: 'https://example.com/', Title: 'Of the team' });
    const { page } = await joined(await invite(owner, 'member'), 'Grace');
    await row(page, 'Of the team').waitFor();
    const other = await newPage(page.context());
    await other.goto('/app/links');
    await row(other, 'Of the team').waitFor();
    await page.getByLabel('Workspace').selectOption({ label: 'Personal (owner)' });
    for (const each of [page, other]) {
      await each.getByText('No links yet').waitFor();
      expect(await row(each, 'Of the team').count()).toBe(0);
    }
    await createLink(other, { Destination: 'https://example.com/', Title: 'My own' });
    await page.reload();
    await row(page, 'My own').waitFor();
    await page.keyboard.press('Control+k');
    await page.getByRole('combobox', { name: 'Command' }).fill('Personal (member)');
    await page.keyboard.press('Enter');
    await row(page, 'Of the team').waitFor();
    expect(await row(page, 'My own').count()).toBe(0);
  });

  it('leave, and the last owner does not', async () => {
    const { page: owner } = await signedInPage();
    const { page } = await joined(await invite(owner, 'member'), 'Grace');
    await page.getByRole('link', { name: 'Members' }).click();
    await page.getByRole('button', { name: 'Leave' }).click();
    await page.getByRole('button', { name: 'Leave it' }).click();
    await page.getByRole('heading', { name: 'Log in' }).waitFor();
    await owner.getByRole('button', { name: 'Leave' }).click();
    await owner.getByRole('button', { name: 'Leave it' }).click();
    await owner.getByRole('alert').filter({ hasText: 'A workspace needs an owner' }).waitFor();
  });

  it('create another one, invite somebody there, and delete it with the password, for both of them', async () => {
    const { page, visitor } = await signedInPage();
    await createLink(page, { Destination: 'https://example.com/', Title: 'At home' });
    await page.getByRole('link', { name: 'Members' }).click();
    await page.getByRole('button', { name: 'New workspace' }).click();
    await page.getByRole('textbox', { name: 'Name' }).fill('Team');
    await page.getByRole('button', { name: 'Create the workspace' }).click();
    await page.getByText('No links yet').waitFor();
    expect(await page.getByLabel('Workspace').locator('option:checked').textContent()).toBe('Team');
    const grace = await joined(await invite(page, 'admin'), 'Grace');
    await grace.page.getByRole('link', { name: 'Members' }).click();
    await grace.page.getByText('Only an owner can delete this one.').waitFor();
    expect(await grace.page.getByRole('button', { name: 'Delete this workspace' }).count()).toBe(0);

    await page.getByRole('button', { name: 'Delete this workspace' }).click();
    const password = page.getByLabel('Your password');
    await password.fill('not it at all');
    await page.getByRole('button', { name: 'Delete it permanently' }).click();
    await page.getByText('The current password is wrong.').waitFor();
    await password.fill(visitor.password);
    await page.getByRole('button', { name: 'Delete it permanently' }).click();
    await page.getByRole('heading', { name: 'Log in' }).waitFor();
    await toast(page, 'Team is deleted.').waitFor();
    expect((await call('/api/v1/workspaces', { token: (await apiOf(visitor)).token })).json.workspaces).toMatchObject([
      { name: 'Personal' },
    ]);
  });

  it('rename it, and take an invitation back, whose link then says so', async () => {
    const { page } = await signedInPage();
    const link = await invite(page, 'admin');
    await page.getByRole('button', { name: 'Rename' }).click();
    await page.getByRole('textbox', { name: 'Name' }).fill('Größe & Co');
    await page.getByRole('button', { name: 'Save the name' }).click();
    await page
      .getByRole('link', { name: /Account/ })
      .filter({ hasText: 'Größe & Co' })
      .waitFor();
    await page.getByRole('button', { name: 'Take back the invitation for Grace' }).click();
    await page.getByRole('button', { name: 'Take it back' }).click();
    await page.getByRole('heading', { name: 'Open invitations' }).waitFor({ state: 'detached' });
    await page.goto(link);
    await page.getByRole('heading', { name: 'This invitation cannot be used' }).waitFor();
  });

  it('can use the dialogs and the page of an invitation by any means', async () => {
    const { page: owner } = await signedInPage();
    const link = await invite(owner, 'owner');
    for (const look of [
      { colorScheme: 'light', viewport: { width: 1280, height: 800 } },
      { colorScheme: 'dark', viewport: { width: 320, height: 640 } },
    ] as const) {
      const page = await newPage(await newContext(look));
      const check = async (what: string) => {
        expect([what, await violations(page)]).toEqual([what, []]);
        const [content, screen] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
        expect([what, content]).toEqual([what, screen]);
      };
      await signUp(page);
      await page.goto(link);
      await page.getByRole('button', { name: 'Join' }).waitFor();
      await check('join');
      await page.getByRole('button', { name: 'Not now' }).click();
      await page.getByRole('link', { name: 'Members' }).click();
      for (const name of ['Invite', 'Rename', 'Leave', 'Change the role of Ada Lovelace', ...workspaceDialogs]) {
        await page.getByRole('button', { name, exact: true }).click();
        await page.getByRole('dialog').waitFor();
        await check(name);
        await page.keyboard.press('Escape');
      }
      await page.goto('/app/join');
      await page.getByText('There is no invitation here').waitFor();
      await check('no invitation');
    }
  });
});
