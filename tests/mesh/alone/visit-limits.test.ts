import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { concurrently } from '../../support/concurrently.ts';
import { eventually } from '../../support/eventually.ts';
import { makeHot } from '../../support/hot.ts';
import { call } from '../../support/http.ts';
import { pidOf } from '../../support/parts.ts';
import { newLink, newPerson, type Person } from '../../support/people.ts';

let ada: Person;
beforeAll(async () => {
  ada = await newPerson();
});

const statusOf = async (code: string): Promise<number> => {
  try {
    return (await call(`/${code}`)).status;
  } catch {
    return 0;
  }
};
const redirects = (statuses: readonly number[]): number => statuses.filter((status) => status === 302).length;
const usedOf = async (code: string): Promise<number> =>
  (await call(`/api/v1/urls/${code}`, { token: ada.token })).json.used_clicks;

describe('a part that is killed while a link with a limit is followed', () => {
  it.each(['resolver-1', 'resolver-2', 'link', 'valkey', 'postgres'])(
    '%s: never more redirects than the limit, and none without a use',
    { timeout: 90_000 },
    async (part) => {
      const limit = 300;
      const { code } = await newLink(ada, { max_clicks: limit });
      const before = pidOf(part);
      let followed = 0;
      const statuses = await concurrently(500, 16, async (index) => {
        const status = await statusOf(code);
        if (index % 50 === 0) await sleep(50);
        if (++followed === 100) process.kill(before, 'SIGKILL');
        return status;
      });
      await eventually(
        async () => pidOf(part),
        (pid) => pid !== before && pid > 0,
        { timeoutMs: 30_000 },
      );
      const unexpected = statuses.filter((status) => ![302, 410, 503].includes(status));
      expect(unexpected).toEqual([]);
      // What is left is followed once all is well again, up to the limit and no further.
      const rest: number[] = [];
      await eventually(
        async () => {
          const status = await statusOf(code);
          rest.push(status);
          return status;
        },
        (status) => status === 410,
        { timeoutMs: 60_000, everyMs: 5 },
      );
      const followers = redirects(statuses) + redirects(rest);
      expect(followers).toBeLessThanOrEqual(limit);
      // A use may be taken and its answer be lost with the part: of those that were under way.
      expect(followers).toBeGreaterThanOrEqual(limit - 16 * 2);
      expect(await usedOf(code)).toBe(limit);
      await eventually(
        () => call('/readyz'),
        ({ json }) => json?.status === 'ready',
        { timeoutMs: 30_000 },
      );
    },
  );
});

describe('the hot set', () => {
  it('loses a link at once that is given a limit, from when on each follow counts', async () => {
    const { code } = await newLink(ada);
    await makeHot(code);
    const body = { max_clicks: 20 };
    expect((await call(`/api/v1/urls/${code}`, { method: 'PATCH', token: ada.token, body })).status).toBe(200);
    await sleep(2_000);
    const usedBefore = await usedOf(code);
    const statuses: number[] = [];
    for (let times = 0; times < 30; times++) statuses.push(await statusOf(code));
    expect(redirects(statuses)).toBe(20 - usedBefore);
  });

  it('never gets a link that has one', async () => {
    const { code } = await newLink(ada, { max_clicks: 1_000 });
    const plain = await newLink(ada);
    await makeHot(plain.code);
    const statuses = await concurrently(300, 8, () => statusOf(code));
    // One that Envoy had answered by itself would have taken no use.
    expect([redirects(statuses), await usedOf(code)]).toEqual([300, 300]);
  });
});
