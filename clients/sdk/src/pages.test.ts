import { expect, it } from 'vitest';
import { scripted } from '../testing/scripted.ts';

it('a list whose page names itself as the next one ends with an error, and not never', async () => {
  let pages = 0;
  const listLinks = () => ({ urls: [{ code: 'a' }], nextPageToken: ++pages < 100 ? 'again' : '' });
  const { hop } = scripted({ links: { listLinks } });
  const all = async () => {
    for await (const _ of hop.allLinks());
  };
  await expect(all()).rejects.toMatchObject({ name: 'HoplineError', reason: 'INTERNAL' });
  expect(pages).toBe(2);
});
