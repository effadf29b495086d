import { randomUUID } from 'node:crypto';
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, inject } from 'vitest';
import { call } from '../../support/http.ts';
import { launchBrowser } from './chromium.ts';

/** The person who uses the dashboard in a test; made by the API, as the sign-up has a test of its own. */
export interface Visitor {
  readonly email: string;
  readonly password: string;
}

const patienceMs = 15_000;
let browser: Browser;
const contexts: BrowserContext[] = [];
let faults: string[] = [];

/** A browser for the tests of a file; a test fails where a page reports an error that it does not show. */
export function useBrowser(): void {
  beforeAll(async () => {
    browser = await launchBrowser();
  }, 120_000);
  afterEach(async () => {
    await Promise.all(contexts.splice(0).map((context) => context.close()));
    const seen = faults;
    faults = [];
    expect(seen).toEqual([]);
  });
  afterAll(() => browser?.close());
}

/** A browser of its own: cookies and storage are shared with no other. */
export async function newContext(options: BrowserContextOptions = {}): Promise<BrowserContext> {
  const context = await browser.newContext({
    baseURL: inject('meshUrl'),
    // Else it is that of the machine, which may be no language at all.
    locale: 'en-GB',
    viewport: { width: 1280, height: 800 },
    ...options,
  });
  context.setDefaultTimeout(patienceMs);
  contexts.push(context);
  return context;
}

/** A page that keeps count of what goes wrong in it. */
export async function newPage(context: BrowserContext): Promise<Page> {
  const page = await context.newPage();
  page.on('pageerror', (error) => faults.push(String(error)));
  page.on('console', (message) => {
    // That a call was refused or could not be made is what some tests are about; the page has to say it.
    if (message.type() === 'error' && !/Failed to load resource|ERR_INTERNET/.test(message.text()))
      faults.push(message.text());
  });
  return page;
}

/** A page of somebody new, signed in by the form. */
export async function signedInPage(options: BrowserContextOptions = {}): Promise<{ page: Page; visitor: Visitor }> {
  const page = await newPage(await newContext(options));
  return { page, visitor: await signUp(page) };
}

export async function signUp(page: Page): Promise<Visitor> {
  const visitor = { email: `ada.${randomUUID()}@example.org`, password: 'a long walk in the rain' };
  await page.goto('/app/sign-up');
  await page.getByLabel('Your name').fill('Ada Lovelace');
  await page.getByLabel('Email').fill(visitor.email);
  await page.getByLabel('Password').fill(visitor.password);
  await page.getByRole('button', { name: 'Create the account' }).click();
  await page.getByRole('heading', { name: 'Links', exact: true }).waitFor();
  return visitor;
}

/** Makes a link by the dialog. */
export async function createLink(page: Page, fields: Readonly<Record<string, string>>): Promise<void> {
  await page.getByRole('button', { name: 'Create a link' }).click();
  for (const [label, value] of Object.entries(fields)) await page.getByLabel(label).fill(value);
  await page.getByRole('button', { name: 'Create', exact: true }).click();
  await page.getByRole('dialog').waitFor({ state: 'detached' });
}

/** Lets calls of a method wait until the answered function is called, which lets them go on. */
export async function holdBack(page: Page, method: RegExp): Promise<() => void> {
  const gate = Promise.withResolvers<void>();
  await page.route(method, async (route) => {
    await gate.promise;
    await route.continue();
  });
  return gate.resolve;
}

/** Comes back to the page after a minute elsewhere, when what it shows is asked for again. */
export const returnLater = (page: Page): Promise<unknown> =>
  page.evaluate(() => {
    const { now } = Date;
    Date.now = () => now() + 60_000;
    document.dispatchEvent(new Event('visibilitychange', { bubbles: true }));
  });

/** The row of a link, by what it is called. */
export const row = (page: Page, name: string) => page.getByRole('listitem').filter({ hasText: name });

export const toast = (page: Page, text: string | RegExp) =>
  page.locator('[role=status] > *').filter({ hasText: text }).first();

/** A figure at the top of a page. */
export const tile = (page: Page, label: string) => page.locator('dl > div').filter({ hasText: label });

/** The same person over the API. */
export async function apiOf({ email, password }: Visitor): Promise<{ token: string; workspaceId: string }> {
  const { json } = await call('/api/auth/login', { body: { email, password } });
  return { token: json.token, workspaceId: json.workspace.id };
}

/** Follows a link that leads somewhere. */
export const follow = async (alias: string, headers = {}): Promise<void> =>
  expect((await call(`/${alias}`, { headers })).status).toBe(302);
