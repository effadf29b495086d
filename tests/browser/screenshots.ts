// `npm run dashboard:screenshots`: writes docs/screenshots from the mesh at HOP_URL, each page in both themes and two widths.
import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import type { Page } from 'playwright-core';
import { launchBrowser } from './support/chromium.ts';

const baseURL = process.env.HOP_URL ?? 'http://localhost:8080';
const folder = path.resolve('docs/screenshots');

const looks = [
  { name: 'wide-light', colorScheme: 'light', viewport: { width: 1280, height: 800 } },
  { name: 'wide-dark', colorScheme: 'dark', viewport: { width: 1280, height: 800 } },
  { name: 'narrow-light', colorScheme: 'light', viewport: { width: 360, height: 740 } },
  { name: 'narrow-dark', colorScheme: 'dark', viewport: { width: 360, height: 740 } },
] as const;

const links = [
  ['example.com/spring/collection', 'Spring collection', 'mail, spring'],
  ['docs.example.org/getting-started', 'Getting started', 'docs'],
  ['example.com/talks/2026/short-links.pdf', 'Slides of the talk', 'talks'],
  ['example.net/jobs', '', 'print'],
] as const;

async function prepare(page: Page): Promise<void> {
  await page.goto('/app/sign-up');
  await page.getByLabel('Your name').fill('Ada Lovelace');
  await page.getByLabel('Email').fill(`ada.${randomUUID()}@example.org`);
  await page.getByLabel('Password').fill('a long walk in the rain');
  await page.getByRole('button', { name: 'Make the account' }).click();
  for (const [destination, title, tags] of links) {
    await page.getByRole('button', { name: 'Create a link' }).click();
    await page.getByLabel('Destination').fill(destination);
    await page.getByLabel('Title').fill(title);
    await page.getByLabel('Tags').fill(tags);
    await page.getByRole('button', { name: 'Create', exact: true }).click();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
  }
}

/** What is shown, and how one gets there. */
const scenes: readonly (readonly [string, (page: Page) => Promise<unknown>])[] = [
  ['links', (page) => page.getByRole('listitem').nth(3).waitFor()],
  [
    'create',
    async (page) => {
      await page.getByRole('button', { name: 'Create a link' }).click();
      await page.getByLabel('Destination').fill('example.com/summer');
    },
  ],
];

mkdirSync(folder, { recursive: true });
const browser = await launchBrowser();
for (const { name, ...look } of looks) {
  const context = await browser.newContext({ baseURL, reducedMotion: 'reduce', ...look });
  const page = await context.newPage();
  const shoot = (scene: string) => page.screenshot({ path: path.join(folder, `${scene}-${name}.png`) });
  await page.goto('/app/log-in');
  await page.getByRole('heading', { name: 'Log in' }).waitFor();
  await shoot('log-in');
  await prepare(page);
  for (const [scene, go] of scenes) {
    await page.goto('/app/links');
    await go(page);
    await shoot(scene);
  }
  await context.close();
}
await browser.close();
