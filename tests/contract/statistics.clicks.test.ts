import { createClient } from '@connectrpc/connect';
import { beforeAll, describe, expect, it } from 'vitest';
import { AnalyticsService } from '#gen/analytics/v1/analytics_service_pb.ts';
import { eventually } from '../support/eventually.ts';
import { call } from '../support/http.ts';
import { newLink, newPerson, type Person } from '../support/people.ts';
import { expectRefusal } from './support/refusals.ts';
import { bot, follow, statisticsOf } from './support/statistics.ts';
import { protocols, transportOf } from './support/typed.ts';

let ada: Person;
beforeAll(async () => {
  ada = await newPerson();
});

const { settled } = statisticsOf(() => ada);

describe('GET /api/v1/urls/{code}/clicks (recent clicks, paged)', () => {
  let code: string;
  const clicks = (query = '') => call(`/api/v1/urls/${code}/clicks${query}`, { token: ada.token });
  beforeAll(async () => {
    code = (await newLink(ada)).code;
    for (let time = 0; time < 12; time++)
      await follow(code, { referer: `https://site-${time}.example.net/private?q=1` });
    await follow(code, { 'user-agent': bot });
    await follow(code, {}, 'HEAD');
    await follow(code, { 'sec-purpose': 'prefetch' });
    await settled(code, (json) => json.clicks >= 12 && json.bots >= 1 && json.heads >= 1 && json.prefetches >= 1);
  });

  it('newest first, with nothing that tells who followed', async () => {
    const { status, json, text } = await clicks();
    expect([status, json.clicks.length, json.next_page_token]).toEqual([200, 12, '']);
    const times = json.clicks.map(({ at }: { at: string }) => Date.parse(at));
    expect(times).toEqual([...times].sort((a, b) => b - a));
    expect(json.clicks[0]).toMatchObject({ referrer: 'site-11.example.net', bot: false, head: false, prefetch: false });
    expect(text).not.toMatch(/127\.0\.0\.1|Mozilla|private|visitor|request_id|address/);
  });

  it('bots, HEAD and prefetch where they are asked for, flagged', async () => {
    const { json } = await clicks('?include_bots=true');
    expect(json.clicks.length).toBe(15);
    for (const flag of ['bot', 'head', 'prefetch'])
      expect(json.clicks.filter((click: Record<string, boolean>) => click[flag]).length, flag).toBe(1);
  });

  it('pages without gap or repeat; a bad size or token is 400', async () => {
    const seen: string[] = [];
    let token = '';
    do {
      const page = await clicks(`?page_size=5&page_token=${encodeURIComponent(token)}`);
      expect(page.status, page.text).toBe(200);
      expect(page.json.clicks.length).toBeLessThanOrEqual(5);
      seen.push(...page.json.clicks.map(({ referrer }: { referrer: string }) => referrer));
      token = page.json.next_page_token;
    } while (token !== '');
    expect(seen).toEqual(Array.from({ length: 12 }, (_, index) => `site-${11 - index}.example.net`));
    const [first, other] = [(await clicks('?page_size=5')).json.next_page_token, (await newLink(ada)).code];
    for (const query of ['page_token=nonsense', `include_bots=true&page_token=${first}`])
      expectRefusal(await clicks(`?${query}`), 400);
    expectRefusal(
      await call(`/api/v1/urls/${other}/clicks?page_token=${first}`, { token: ada.token }),
      400,
      'PAGE_TOKEN_INVALID',
    );
    expectRefusal(await clicks('?page_size=-1'), 400);
    expect((await clicks('?page_size=2147483647')).json.clicks.length).toBe(12);
    expectRefusal(await call('/api/v1/urls/no-such/clicks', { token: ada.token }), 404, 'LINK_NOT_FOUND');
  });
});

describe.each(protocols)('hop.analytics.v1.AnalyticsService/WatchClicks (server stream, live) by %s', (protocol) => {
  it('tells each click that is followed after its first heartbeat, once', async () => {
    const { code } = await newLink(ada);
    const stop = new AbortController();
    const watch = createClient(AnalyticsService, transportOf(protocol)).watchClicks(
      { code },
      { headers: { authorization: `Bearer ${ada.token}` }, signal: stop.signal },
    );
    const referrers: string[] = [];
    let fault: unknown;
    const reading = (async () => {
      for await (const { event } of watch) {
        if (event.case === 'click') referrers.push(event.value.referrer);
        else if (referrers.length === 0)
          await Promise.all([0, 1, 2].map((n) => follow(code, { referer: `https://live-${n}.example.net/` })));
      }
    })().catch((error: unknown) => {
      // A stream that was cut is another matter than a click that was not told.
      if (!stop.signal.aborted) fault = error;
    });
    await eventually(
      async () => referrers.length,
      (count) => count >= 3 || fault !== undefined,
      { timeoutMs: 10_000 },
    );
    expect(fault).toBeUndefined();
    await follow(code, { 'user-agent': bot });
    await follow(code, {}, 'HEAD');
    await settled(code, ({ bots, heads }) => bots === 1 && heads === 1);
    stop.abort();
    await reading;
    expect(referrers.sort()).toEqual(['live-0.example.net', 'live-1.example.net', 'live-2.example.net']);
  });
});
