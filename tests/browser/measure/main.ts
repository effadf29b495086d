// `npm run dashboard:measure`: how soon the links page can be used, how quick it answers, and how soon a click is seen, with 100,000 links on a mesh of its own.
import type { BrowserContext, Page } from 'playwright-core';
import { layoutOf } from '../../../compose/local/layout.ts';
import type { TestMesh } from '../../../compose/local/mesh.ts';
import { asSuperuser } from '../../../compose/local/postgres/postgres.ts';
import { keepSecrets } from '../../../compose/local/secrets.ts';
import { storeLinks } from '../../../loadtests/bench/links.ts';
import { eventually } from '../../support/eventually.ts';
import { ms, onMeasuredMesh, say, summary } from '../../support/measuring.ts';
import { launchBrowser } from '../support/chromium.ts';
import { firstLoadBytes } from '../support/first-load.ts';
import { type Interaction, interactions } from './interactions.ts';

const links = 100_000;
const loads = 9;
const clicks = 9;
const person = { name: 'Ada Lovelace', email: 'ada@example.org', password: 'a long walk in the rain' };

/** Signs up, and stores the links as rows, as if they had been made long ago. */
async function prepare({ url, ports, dir }: TestMesh): Promise<void> {
  const response = await fetch(`${url}/api/auth/signup`, {
    method: 'POST',
    body: JSON.stringify(person),
    headers: { 'content-type': 'application/json' },
  });
  const { user, workspace } = (await response.json()) as { user: { id: string }; workspace: { id: string } };
  const { passwords, codeKeysFile } = keepSecrets(layoutOf(dir));
  const account = { userId: user.id, workspaceId: workspace.id, apiKey: '' };
  await asSuperuser(passwords, ports.postgres, (db) => storeLinks(db, codeKeysFile, account, links), 'hopline');
}

async function signIn(context: BrowserContext): Promise<Page> {
  const page = await context.newPage();
  await page.goto('/app/log-in');
  await page.getByLabel('Email').fill(person.email);
  await page.getByLabel('Password').fill(person.password);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByRole('listitem').nth(3).waitFor();
  return page;
}

/** In the page: when the first rows were painted, by the clock that begins with the navigation; and how long each interaction took. */
function watch(): void {
  const seen = { usableMs: 0, durations: [] as number[] };
  Object.assign(globalThis, { measured: seen });
  const rows = new MutationObserver(() => {
    if (!document.querySelector('li[data-index]')) return;
    rows.disconnect();
    // After the next frame they are on the screen, and the main thread is free.
    requestAnimationFrame(() => setTimeout(() => (seen.usableMs = performance.now())));
  });
  rows.observe(document, { childList: true, subtree: true });
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries() as (PerformanceEntry & { interactionId: number })[])
      if (entry.interactionId > 0) seen.durations.push(entry.duration);
  }).observe({ type: 'event', durationThreshold: 16 } as PerformanceObserverInit);
}

async function timeLoads(page: Page, isCold: boolean): Promise<number[]> {
  const devtools = await page.context().newCDPSession(page);
  const times: number[] = [];
  for (let load = 0; load < loads; load++) {
    if (isCold) await devtools.send('Network.clearBrowserCache');
    await page.goto('/app/links');
    const usable = () => page.evaluate<number>('measured.usableMs');
    times.push((await eventually(usable, (at) => at > 0, { timeoutMs: 10_000, everyMs: 50 })).answer);
  }
  return times;
}

/** The longest of the browser's own timings, from the input to the next paint; what it did not report was shorter than 16 ms. */
async function timeInteraction(page: Page, { act }: Interaction): Promise<number> {
  await page.evaluate('measured.durations.length = 0');
  await act(page);
  await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 500)));
  return page.evaluate<number>('Math.max(16, ...measured.durations)');
}

async function timeClicks(page: Page, url: string): Promise<number[]> {
  await page.goto('/app/links');
  const code = await page.locator('li[data-index] a').first().textContent();
  await page.locator('li[data-index] a').first().click();
  await page.getByRole('status').filter({ hasText: 'Live' }).waitFor();
  const times: number[] = [];
  for (let click = 0; click < clicks; click++) {
    const begun = performance.now();
    await fetch(`${url}/${code}`, { redirect: 'manual' });
    await page.locator('li[data-new]').nth(click).waitFor();
    times.push(performance.now() - begun);
  }
  return times;
}

async function measure(url: string): Promise<void> {
  const browser = await launchBrowser();
  try {
    const context = await browser.newContext({ baseURL: url, locale: 'en-GB', viewport: { width: 1280, height: 800 } });
    await context.addInitScript(watch);
    say(`scripts of the first load: ${((await firstLoadBytes(url)) / 1_024).toFixed(1)} KiB by gzip`);
    const page = await signIn(context);
    say(`links page usable, nothing cached: ${summary(await timeLoads(page, true))}`);
    say(`links page usable, cached: ${summary(await timeLoads(page, false))}`);
    for (const interaction of interactions) say(`${interaction.name}: ${ms(await timeInteraction(page, interaction))}`);
    say(`a click seen on the page of its link: ${summary(await timeClicks(page, url))}`);
  } finally {
    await browser.close();
  }
}

await onMeasuredMesh(async (mesh) => {
  await prepare(mesh);
  await measure(mesh.url);
});
