// `npm run dashboard:screenshots [scene…]`: writes docs/screenshots, each page in both themes and two widths, from a mesh of its own.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Page } from 'playwright-core';
import { startMesh } from '../../../compose/local/mesh.ts';
import { unlimited } from '../../../compose/testing/unlimited.ts';
import { placeOf } from '../../support/test-meshes.ts';
import { launchBrowser } from '../support/chromium.ts';
import { keepBusy, prepare } from './prepare.ts';
import { doors, scenes } from './scenes.ts';

const folder = path.resolve(process.env.HOP_SCREENSHOTS_DIR ?? 'docs/screenshots');
const quality = 82;
const longestPage = 4_000;

const looks = [
  { name: 'wide-light', colorScheme: 'light', width: 1280, height: 800 },
  { name: 'wide-dark', colorScheme: 'dark', width: 1280, height: 800 },
  { name: 'narrow-light', colorScheme: 'light', width: 360, height: 740 },
  { name: 'narrow-dark', colorScheme: 'dark', width: 360, height: 740 },
] as const;
type Look = (typeof looks)[number];

async function take(page: Page, name: string, { width, height }: Look): Promise<void> {
  // The window grows to the whole page, so that what stands at its foot is at the foot of the picture.
  const whole = await page.evaluate(() => document.documentElement.scrollHeight);
  await page.setViewportSize({ width, height: Math.min(longestPage, Math.max(height, whole)) });
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
  const devtools = await page.context().newCDPSession(page);
  const { data } = await devtools.send('Page.captureScreenshot', { format: 'webp', quality });
  writeFileSync(path.join(folder, `${name}.webp`), Buffer.from(data, 'base64'));
  await devtools.detach();
}

async function shootAll(url: string, kafkaPort: number, wanted: readonly string[]): Promise<void> {
  const company = await prepare(url, kafkaPort);
  const stopBusy = await keepBusy(url);
  const browser = await launchBrowser();
  const context = await browser.newContext({ baseURL: url, reducedMotion: 'reduce', locale: 'en-GB' });
  context.setDefaultTimeout(120_000);
  const isWanted = ({ name }: { name: string }) => wanted.length === 0 || wanted.includes(name);
  const shoot = async (list: typeof scenes): Promise<void> => {
    for (const scene of list.filter(isWanted)) {
      for (const look of looks) {
        const page = await context.newPage();
        await page.emulateMedia({ colorScheme: look.colorScheme, reducedMotion: 'reduce' });
        await page.setViewportSize({ width: look.width, height: look.height });
        await scene.show(page, { url, company });
        await take(page, `${scene.name}-${look.name}`, look);
        await page.close();
      }
    }
  };
  try {
    await shoot(doors);
    const page = await context.newPage();
    await page.goto('/app/log-in');
    await page.getByLabel('Email').fill(company.email);
    await page.getByLabel('Password').fill(company.password);
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.getByRole('heading', { name: 'Links', exact: true }).waitFor();
    await page.close();
    await shoot(scenes);
  } finally {
    stopBusy();
    await browser.close();
  }
}

mkdirSync(folder, { recursive: true });
const mesh = await startMesh({
  ...placeOf('screenshots'),
  fresh: true,
  // Where clicks come from is said as a proxy in front would say it.
  env: { ...unlimited, HOP_ENVOY_TRUSTED_PROXIES: '1' },
});
try {
  await shootAll(mesh.url, mesh.ports.kafka, process.argv.slice(2));
} finally {
  await mesh.stop();
}
