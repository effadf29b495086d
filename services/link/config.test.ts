import { expect, it } from 'vitest';
import { loadConfig } from '#runtime/config/config.ts';
import { cacheTtl } from '#runtime/shortlink/cache-entry.ts';
import { filterFreshMs } from '#runtime/shortlink/code-filter.ts';
import { linkConfig } from './config.ts';

const { lookalikeDelayMs, blockAnnounceMs, watchPollMs, watchHeartbeatMs, changeRetentionMs } = linkConfig;

it.each([
  [lookalikeDelayMs, filterFreshMs, filterFreshMs - 1],
  [blockAnnounceMs, filterFreshMs, filterFreshMs - 1],
  [watchPollMs, filterFreshMs, filterFreshMs + 1],
  [watchHeartbeatMs, filterFreshMs, filterFreshMs + 1],
  [changeRetentionMs, cacheTtl.link, cacheTtl.link - 1],
])('$name: no process is set so that others go wrong by it', (variable, good, bad) => {
  const { name } = variable;
  expect(loadConfig({ variable }, { [name]: String(good) })).toEqual({ variable: good });
  expect(() => loadConfig({ variable }, { [name]: String(bad) })).toThrow(`${name} "${bad}" is out of range`);
});
