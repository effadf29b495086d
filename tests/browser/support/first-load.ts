import { gunzipSync } from 'node:zlib';
import { request } from 'undici';

/** How many bytes of scripts a browser loads before the first page is drawn, compressed by gzip. */
export async function firstLoadBytes(meshUrl: string): Promise<number> {
  const index = gunzipSync(await fetched(`${meshUrl}/app/`)).toString();
  const scripts = [...index.matchAll(/(?:src|href)="(\/app\/assets\/[^"]+\.js)"/g)].map(([, path = '']) => path);
  if (scripts.length === 0) throw new Error('The page loads no script at all.');
  let bytes = 0;
  for (const path of scripts) bytes += (await fetched(`${meshUrl}${path}`)).length;
  return bytes;
}

async function fetched(url: string): Promise<Buffer> {
  const { statusCode, headers, body } = await request(url, { headers: { 'accept-encoding': 'gzip' } });
  if (statusCode !== 200 || headers['content-encoding'] !== 'gzip')
    throw new Error(`${url}: ${statusCode}, content-encoding ${headers['content-encoding']}`);
  return Buffer.from(await body.arrayBuffer());
}
