import { describe, expect, it } from 'vitest';
import { call } from '../support/http.ts';
import { newLink, newPerson } from '../support/people.ts';
import { whyNoBrowser } from './support/chromium.ts';
import { violations } from './support/violations.ts';
import { newContext, newPage, useBrowser } from './support/visit.ts';

/** The narrow one is a wide screen at 400 %, as WCAG 2.2 asks. */
const looks = [
  { colorScheme: 'light', viewport: { width: 1280, height: 800 } },
  { colorScheme: 'dark', viewport: { width: 320, height: 640 } },
] as const;

/** The pages that anybody may see, by what each says first. */
async function publicPages(): Promise<[path: string, heading: string][]> {
  const ada = await newPerson();
  const open = await newLink(ada, { long_url: `https://example.com/${'long/'.repeat(400)}` });
  const gone = await newLink(ada);
  await call(`/api/v1/urls/${gone.code}`, { method: 'DELETE', token: ada.token });
  return [
    ['/', 'Short links live here.'],
    ['/api/docs', 'The API'],
    ['/no/such/page', 'There is nothing at this address.'],
    ['/no-such-link', 'There is no such link.'],
    [`/${gone.code}`, 'This link was deleted.'],
    [`/${open.code}+`, 'This link leads to another site.'],
    // Envoy answers this one itself.
    ['/%zz', 'This request cannot be answered.'],
  ];
}

describe.skipIf(whyNoBrowser)('a page that anybody may see', () => {
  useBrowser();

  it.each(looks)(
    'breaks no rule of WCAG 2.2 AA, nor is wider than the screen: $colorScheme',
    async (look) => {
      const page = await newPage(await newContext(look));
      for (const [path, heading] of await publicPages()) {
        await page.goto(path);
        const [first, content, screen] = await page.evaluate(() => [
          document.querySelector('h1')?.textContent,
          document.documentElement.scrollWidth,
          innerWidth,
        ]);
        expect([path, first, content, await violations(page)]).toEqual([path, heading, screen, []]);
      }
    },
    120_000,
  );

  it('has a colour scheme of its own in the dark, the one of Envoy too', async () => {
    const page = await newPage(await newContext({ colorScheme: 'dark' }));
    for (const path of ['/', '/no-such-link', '/%zz']) {
      await page.goto(path);
      const background = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
      expect([path, background]).toEqual([path, 'rgb(20, 23, 29)']);
    }
  });
});
