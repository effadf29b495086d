import { gunzipSync } from 'node:zlib';
import { request } from 'undici';
import { expect, inject, it } from 'vitest';

const budgetBytes = 180 * 1_024;

/** As a browser gets it: compressed. */
async function fetched(path: string): Promise<Buffer> {
  const { statusCode, headers, body } = await request(`${inject('meshUrl')}${path}`, {
    headers: { 'accept-encoding': 'gzip' },
  });
  expect([statusCode, headers['content-encoding']]).toEqual([200, 'gzip']);
  return Buffer.from(await body.arrayBuffer());
}

it('the first load is at most 180 KiB of scripts', async () => {
  const index = gunzipSync(await fetched('/app/')).toString();
  const scripts = [...index.matchAll(/(?:src|href)="(\/app\/assets\/[^"]+\.js)"/g)].map(([, path = '']) => path);
  expect(scripts.length).toBeGreaterThan(0);
  let bytes = 0;
  for (const path of scripts) bytes += (await fetched(path)).length;
  expect(bytes).toBeLessThanOrEqual(budgetBytes);
});
