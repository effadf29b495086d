import { Code } from '@connectrpc/connect';
import type { BrowserContext, Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { whyNoBrowser } from './support/chromium.ts';
import { refuse } from './support/refusal.ts';
import {
  createLink,
  newContext,
  newPage,
  returnLater,
  row,
  signedInPage,
  signUp,
  useBrowser,
} from './support/visit.ts';

/** Every call of a page; who is signed in is another matter. */
const calls = /\/hop\.(link|analytics|identity|status)\.v1\.\w+\/(?!RefreshSession|GetCurrentUser)/;

const answers = (code: Code, reason: string) => (context: BrowserContext) => refuse(context, calls, { code, reason });

/** What can go wrong, and what a person is told. */
const troubles: readonly (readonly [string, (context: BrowserContext) => Promise<unknown>, string])[] = [
  ['nobody there', (context) => context.route(calls, (route) => route.abort()), 'Hopline cannot be reached'],
  [
    'an Envoy without a service behind it',
    (context) => context.route(calls, (route) => route.fulfill({ status: 503, body: 'no healthy upstream' })),
    'A part of Hopline is not responding',
  ],
  ['too much to do', answers(Code.Unavailable, 'OVERLOADED'), 'Hopline is busy'],
  ['too many calls', answers(Code.ResourceExhausted, 'RATE_LIMITED'), 'Too many calls'],
  ['no permission', answers(Code.PermissionDenied, 'SCOPE_MISSING'), 'Not allowed'],
  ['nothing of that name', answers(Code.NotFound, 'LINK_NOT_FOUND'), 'There is no such link'],
  ['a fault, with a reason of tomorrow', answers(Code.Internal, 'OUT_OF_CHEESE'), 'Something broke on our side'],
];

/** Each of them says so in words, offers a way on, and waits for nothing. */
async function check(page: Page, title: string): Promise<void> {
  const isSystem = page.url().endsWith('/system');
  const main = page.getByRole('main');
  const heading = isSystem && title === 'Not allowed' ? 'For administrators' : title;
  await expect.poll(() => main.innerText(), { timeout: 15_000 }).toContain(heading);
  const text = await main.innerText();
  expect([page.url(), /[A-Z]{2,}_[A-Z]+|[{[]"|undefined|NaN|\[object/.exec(text)?.[0]]).toEqual([
    page.url(),
    undefined,
  ]);
  expect([page.url(), await main.getByText('Loading', { exact: true }).count()]).toEqual([page.url(), 0]);
  const again = main.getByRole('button', { name: 'Try again' });
  if (heading === title)
    await again
      .or(main.getByRole('link', { name: 'Go to the links' }))
      .first()
      .waitFor();
}

describe.skipIf(whyNoBrowser)('every page', () => {
  useBrowser();

  it('says in words what is wrong, and is there again once it is mended', async () => {
    const context = await newContext();
    const first = await newPage(context);
    await signUp(first);
    const alias = `trouble-${Date.now()}`;
    await createLink(first, { Destination: 'https://example.com/', Alias: alias, Title: 'Trouble' });
    await first.close();
    const paths = ['overview', 'links', `links/${alias}`, 'keys', 'members', 'sessions', 'system'];
    const pages = await Promise.all(paths.map(() => newPage(context)));
    for (const [, begin, title] of troubles) {
      await begin(context);
      await Promise.all(pages.map((page, at) => page.goto(`/app/${paths[at]}`)));
      for (const page of pages) await check(page, title);
      await context.unroute(calls);
    }
    for (const page of pages) {
      // The system page asks again by itself every two seconds, and may not need it any more.
      if (!page.url().endsWith('/system')) await page.getByRole('button', { name: 'Try again' }).first().click();
      await page.getByRole('heading', { name: 'Something broke on our side' }).waitFor({ state: 'detached' });
    }
  }, 180_000);

  it('says of what could not be renewed that it is old, until it is renewed', async () => {
    const { page } = await signedInPage();
    await createLink(page, { Destination: 'https://example.com/', Title: 'Steadfast' });
    await row(page, 'Steadfast').waitFor();
    await refuse(page, /ListLinks$/, { code: Code.Unavailable, reason: 'OVERLOADED' });
    await returnLater(page);
    const note = page.getByRole('alert').filter({ hasText: 'Hopline is busy. Last updated:' });
    await note.waitFor();
    await row(page, 'Steadfast').waitFor();
    await page.unroute(/ListLinks$/);
    await page.getByRole('button', { name: 'Try again' }).click();
    await note.waitFor({ state: 'detached' });
    await row(page, 'Steadfast').waitFor();
  });
});
