import { Code } from '@connectrpc/connect';
import type { Page } from 'playwright-core';
import { refuse } from '../support/refusal.ts';
import { type Company, followNow } from './prepare.ts';

interface Scene {
  readonly name: string;
  /** Goes there; done when all of it is to be seen. */
  show(page: Page, world: { readonly url: string; readonly company: Company }): Promise<unknown>;
}

const chartOf = (page: Page) => page.locator('.uplot canvas').waitFor();
const linkPath = ({ company }: { company: Company }) => `/app/links/${company.links[0]?.code}`;

/** What a person sees before signing in. */
export const doors: readonly Scene[] = [
  {
    name: 'log-in',
    async show(page) {
      await page.goto('/app/log-in');
      await page.getByRole('heading', { name: 'Log in' }).waitFor();
    },
  },
  {
    name: 'sign-up',
    async show(page) {
      await page.goto('/app/sign-up');
      await page.getByLabel('Your name').waitFor();
    },
  },
];

/** Every page, and the states of it that are worth a look. */
export const scenes: readonly Scene[] = [
  {
    name: 'links',
    async show(page) {
      await page.goto('/app/links');
      await page.getByRole('listitem').nth(5).waitFor();
    },
  },
  {
    name: 'create',
    async show(page) {
      await page.goto('/app/links');
      await page.getByRole('listitem').nth(5).waitFor();
      await page.getByRole('button', { name: 'Create a link' }).click();
      await page.getByLabel('Destination').fill('example.com/summer');
      await page.getByLabel('Alias').fill('summer-2026');
      await page
        .getByText('is free')
        .waitFor({ timeout: 2_000 })
        .catch(() => {});
    },
  },
  {
    name: 'link',
    async show(page, world) {
      await page.goto(linkPath(world));
      await chartOf(page);
      await page.locator('path[data-country="CH"]').waitFor();
      await page.getByRole('status').filter({ hasText: 'Live' }).waitFor();
      await followNow(world.url, world.company.links[0] as never);
      await page.locator('li[data-new]').nth(3).waitFor();
    },
  },
  {
    name: 'overview',
    async show(page) {
      await page.goto('/app/overview');
      await chartOf(page);
      await page.getByText(/clicks today/).waitFor();
    },
  },
  {
    name: 'keys',
    async show(page) {
      await page.goto('/app/keys');
      await page.getByText('Nightly export').waitFor();
    },
  },
  {
    name: 'sessions',
    async show(page) {
      await page.goto('/app/sessions');
      await page.getByText('this one').waitFor();
    },
  },
  {
    name: 'members',
    async show(page) {
      await page.goto('/app/members');
      await page.getByText('The new one in sales').waitFor();
    },
  },
  {
    name: 'invite',
    async show(page) {
      await page.goto('/app/members');
      await page.getByText('The new one in sales').waitFor();
      await page.getByRole('button', { name: 'Invite' }).click();
      await page.getByRole('textbox', { name: 'For' }).fill('Ada’s sister');
    },
  },
  {
    name: 'delete-workspace',
    async show(page) {
      await page.goto('/app/members');
      await page.getByRole('button', { name: 'Delete this workspace' }).click();
      await page.getByLabel('Your password').fill('not the password');
      await page.getByRole('button', { name: 'Delete it permanently' }).click();
      await page.getByText('The current password is wrong').waitFor();
    },
  },
  {
    name: 'account',
    async show(page) {
      await page.goto('/app/account');
      await page.getByLabel('Current password').waitFor();
    },
  },
  {
    name: 'system',
    async show(page) {
      await page.goto('/app/system');
      // The first readings of its pace.
      await page.waitForTimeout(22_000);
      await page.getByRole('status').filter({ hasText: 'All is well.' }).waitFor();
      await page.getByText('Lease held').waitFor();
    },
  },
  {
    name: 'palette',
    async show(page) {
      await page.goto('/app/links');
      await page.getByRole('listitem').nth(5).waitFor();
      await page.keyboard.press('Control+k');
      await page.getByRole('combobox', { name: 'Command' }).waitFor();
    },
  },
  {
    name: 'selected',
    async show(page) {
      await page.goto('/app/links');
      for (const title of ['Getting started', 'Open positions']) await page.getByLabel(`Select ${title}`).check();
    },
  },
  {
    name: 'qr',
    async show(page) {
      await page.goto('/app/links');
      await page.getByRole('button', { name: 'QR code of Spring collection' }).click();
      await page.getByRole('img', { name: /QR code that leads to/ }).waitFor();
    },
  },
  {
    name: 'shortcuts',
    async show(page) {
      await page.goto('/app/links');
      await page.getByRole('listitem').nth(5).waitFor();
      await page.keyboard.press('?');
      await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor();
    },
  },
  {
    name: 'new-key',
    async show(page) {
      await page.goto('/app/keys');
      await page.getByRole('button', { name: 'Create a key' }).click();
      await page.getByLabel('Name').fill('Dashboard on the wall');
      await page.getByRole('button', { name: 'Create the key' }).click();
      await page.getByLabel('Secret').waitFor();
    },
  },
  {
    name: 'no-clicks',
    async show(page) {
      await page.goto('/app/overview?from=2026-01-01&to=2026-01-02');
      await page.getByText('No clicks in this period').waitFor();
    },
  },
  {
    name: 'not-found',
    async show(page) {
      await page.goto('/app/links/no-such-link');
      await page.getByText('There is no such link').waitFor();
    },
  },
  {
    name: 'unavailable',
    async show(page, world) {
      await refuse(page, /GetLinkStats/, { code: Code.Unavailable, reason: 'DEPENDENCY_UNAVAILABLE' });
      await page.goto(linkPath(world));
      await page.getByText('A part of Hopline is not responding').first().waitFor();
    },
  },
  {
    name: 'not-for-you',
    async show(page) {
      await refuse(page, /GetMeshStatus/, { code: Code.PermissionDenied, reason: 'OPERATOR_ONLY' });
      await page.goto('/app/system');
      await page.getByText('Only for operators of this installation').waitFor();
    },
  },
  {
    name: 'join',
    async show(page, { company }) {
      await page.goto(`/app/join#${company.invitation}`);
      await page.getByRole('button', { name: 'Not now' }).waitFor();
    },
  },
  // The last one: from now on Ada belongs to two workspaces, and is in the other one.
  {
    name: 'other-workspace',
    async show(page, { company }) {
      await page.goto(`/app/join#${company.invitation}`);
      await page.getByRole('button', { name: 'Not now' }).waitFor();
      await page.getByRole('button', { name: /^(?:Join|Go there)$/ }).click();
      await page.getByLabel('Workspace').waitFor();
      await page.goto('/app/members');
      await page.getByText('For owners and admins').waitFor();
    },
  },
];
