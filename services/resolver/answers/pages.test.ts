import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { gonePages, notFoundPage, pageHeaders, previewPage, unavailablePage } from './pages.ts';

const preview = (destination: string, code = 'offer'): string =>
  previewPage({
    ...{ name: { domain: 'go.example', code }, destination, madeAtMs: 0, expiresAtMs: undefined, maxClicks: 1_000 },
  }).toString();

const all = {
  notFound: notFoundPage.toString(),
  unavailable: unavailablePage.toString(),
  ...Object.fromEntries(Object.entries(gonePages).map(([reason, page]) => [reason, page.toString()])),
  preview: preview('https://destination.example/'),
};

describe.each(Object.entries(all))('the page %s', (_name, html) => {
  it('has one style, which the policy names by its hash, and nothing that the policy forbids', () => {
    const styles = [...html.matchAll(/<style>(.*?)<\/style>/gs)].map(([, style]) => style ?? '');
    expect(styles).toHaveLength(1);
    const hash = createHash('sha256')
      .update(styles[0] ?? '')
      .digest('base64');
    const policy = pageHeaders['content-security-policy'];
    expect(policy).toContain(`style-src 'sha256-${hash}'`);
    expect(html).not.toMatch(/<script|<link|<img|<iframe|<form|\sstyle=|\son[a-z]+=/i);
  });

  it('can be read on a phone, in the light and in the dark', () => {
    expect(html).toContain('<meta name="viewport" content="width=device-width, initial-scale=1">');
    expect(html).toContain('@media (prefers-color-scheme: dark)');
    expect(html).toContain('<html lang="en">');
  });
});

it('says of each reason why a link is gone', () => {
  const headings = Object.values(gonePages).map((page) => /<h1>(.*)<\/h1>/.exec(page.toString())?.[1]);
  expect(new Set(headings).size).toBe(4);
});

it('shows the destination as text, whatever it holds', () => {
  const html = preview(`https://x.example/"><script>alert(1)</script>&'`);
  expect(html).not.toContain('<script');
  expect(html).toContain('https://x.example/&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&amp;&#39;');
});

it('says how often the link can be followed', () => {
  expect(preview('https://x.example/')).toContain('<dt>Maximum visits</dt><dd>1,000</dd>');
});

it('leads on by the short link itself, so that the click is counted', () => {
  expect(preview('https://x.example/', 'größe')).toContain('href="/gr%C3%B6%C3%9Fe"');
  expect(preview('https://x.example/', 'größe')).toContain('go.example/größe');
});
