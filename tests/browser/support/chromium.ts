import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

/** Chrome as it is on a developer's machine, where the packaged one does not run. */
const installed = [
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/usr/bin/google-chrome',
  '/usr/bin/chromium',
];

/** Undefined where it can run here, else what is missing. */
export const whyNoBrowser: string | undefined =
  hasPackaged() || installedChrome() !== undefined
    ? undefined
    : `the packaged Chromium is for Linux on x64, not ${process.platform} on ${process.arch}, and no Chrome was found; name one in HOP_CHROME`;

/**
 * The Chromium of the npm package @sparticuz/chromium, which needs nothing of the system, or the one that HOP_CHROME names. Its flags are ours: the
 * package's own switch off what is tested here, such as the rules of one origin.
 */
export async function launchBrowser(): Promise<Browser> {
  const executablePath = await unpackedBrowser();
  const args = [
    '--no-sandbox',
    '--disable-gpu',
    '--no-zygote',
    '--disable-dev-shm-usage',
    '--font-render-hinting=none',
  ];
  return chromium.launch({ executablePath, args: ['--headless=shell', ...args] });
}

/** The package unpacks itself once, for the whole machine: of several processes that need it, one would start what another still writes. */
export async function unpackedBrowser(): Promise<string> {
  return installedChrome() ?? (await import('@sparticuz/chromium')).default.executablePath();
}

function hasPackaged(): boolean {
  return process.platform === 'linux' && process.arch === 'x64';
}

function installedChrome(): string | undefined {
  if (process.env.HOP_CHROME) return process.env.HOP_CHROME;
  return hasPackaged() ? undefined : installed.find((path) => existsSync(path));
}
