import { unpackedBrowser, whyNoBrowser } from './support/chromium.ts';

/** Before the test files, which run side by side. */
export default async function setup(): Promise<void> {
  if (whyNoBrowser === undefined) await unpackedBrowser();
}
