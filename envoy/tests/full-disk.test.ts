import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { waitFor } from '#runtime/testing/wait-for.ts';
import { parseLine } from '../../gateway/edge/clicks/parse.ts';
import { startDoor } from '../testing/door.ts';
import { ask } from '../testing/http.ts';

const disk = mkdtempSync(join(tmpdir(), 'hop-disk-'));
/** A disk of 64 KiB. Only root may mount one; elsewhere there is nothing that is full for Envoy alone. */
const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', disk]).status === 0;
afterAll(() => {
  if (mounted) spawnSync('umount', [disk]);
  rmSync(disk, { recursive: true });
});

describe.skipIf(!mounted)('with a spool on a disk that is full (skipped where no disk can be mounted)', () => {
  test('redirects go on; clicks are lost while there is no room, and written again once there is', async () => {
    const door = await startDoor({ spoolDir: disk });
    door.services.on('hop.resolver.v1.ResolverService/Redirect', ({ request }) => {
      const { code } = request as { code: string };
      const ids = '0197f0c6-0000-7000-8000-000000000001;0197f0c6-0000-7000-8000-000000000002';
      const metadata = { location: 'https://example.com/', 'x-hop-click': `${ids};7;l1;localhost;${code}` };
      return { metadata: { ...metadata, 'x-status': '302' }, response: { contentType: 'text/plain' } };
    });
    const follow = async (code: string): Promise<void> => {
      const headers = { host: 'localhost', 'user-agent': 'x'.repeat(500) };
      expect((await ask(door.envoy.publicPort, `/${code}`, { headers })).status).toBe(302);
    };
    const written = (): string[] =>
      readFileSync(join(disk, 'clicks.jsonl'), 'utf8')
        .split('\n')
        .map(parseLine)
        .flatMap((line) => (typeof line === 'string' ? [] : [line.link.code]));
    await follow('before');
    await waitFor(() => written().includes('before'));
    writeFileSync(join(disk, 'filler'), Buffer.alloc(40_000));
    for (let number = 0; number < 60; number++) await follow(`full-${number}`);
    await waitFor(async () => (await door.envoy.stat('filesystem.write_failed')) > 0, { what: 'a write that failed' });
    rmSync(join(disk, 'filler'));
    await follow('after');
    await waitFor(() => written().includes('after'), { what: 'the click after' });
    expect(written().length).toBeLessThan(62);
    await door.stop();
  });
});
