import { beforeAll, describe, expect, it } from 'vitest';
import { fieldsOf } from '../support/http.ts';
import { newLink, newPerson, type Person } from '../support/people.ts';
import { expectRefusal } from './support/refusals.ts';
import { follow, statisticsOf, sum } from './support/statistics.ts';

let ada: Person;
beforeAll(async () => {
  ada = await newPerson();
});

const { stats, settled } = statisticsOf(() => ada);

interface Point {
  at: string;
  clicks: number;
  visitors: number;
}

describe('A bad range, interval or zone is 400, naming the field', () => {
  let code: string;
  beforeAll(async () => {
    code = (await newLink(ada)).code;
  });

  it.each([
    ['from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z', 'from'],
    ['from=2026-01-01T00:00:00Z&to=2026-01-01T00:00:00Z', 'from'],
    ['from=2999-01-01T00:00:00Z', 'from'],
    ['to=9999-12-31T23:59:59Z', 'to'],
    ['from=0001-01-01T00:00:00Z', 'from'],
    ['from=1969-12-31T23:59:59Z', 'from'],
    ['interval=second', 'interval'],
    ['interval=DAY', 'interval'],
    ['interval=', 'interval'],
    ['interval=minute&from=2020-01-01T00:00:00Z&to=2026-01-01T00:00:00Z', 'interval'],
    ['interval=hour&from=1990-01-01T00:00:00Z&to=2026-01-01T00:00:00Z', 'interval'],
    ['timezone=Nowhere/Land', 'timezone'],
    ['timezone=Europe/../etc/passwd', 'timezone'],
    ['timezone=', 'timezone'],
    [`timezone=${'x'.repeat(65)}`, 'timezone'],
    ["timezone=UTC'%20or%201=1--", 'timezone'],
    ['timezone=%00', 'timezone'],
  ])('%s', async (query, field) => {
    const answer = await stats(code, `?${query}`);
    expectRefusal(answer, 400);
    expect(fieldsOf(answer), answer.text).toContain(field);
  });

  it.each([
    'from=yesterday',
    'from=2026-01-01',
    'from=2026-02-30T00:00:00Z',
    'from=1767225600',
    'to=now',
    'include_bots=perhaps',
    'include_bots=1',
    'nonsense=1',
    'code=x',
  ])('a value that is none: %s', async (query) => expectRefusal(await stats(code, `?${query}`), 400));

  it('a link that is not there is 404, whatever the question', async () => {
    expectRefusal(await stats('no-such'), 404, 'LINK_NOT_FOUND');
    expectRefusal(await stats('a%2Fb'), 404, 'LINK_NOT_FOUND');
  });
});

describe('interval and timezone', () => {
  let code: string;
  beforeAll(async () => {
    code = (await newLink(ada)).code;
    await follow(code);
    await settled(code, ({ clicks }) => clicks === 1);
  });

  const points = async (query: string): Promise<Point[]> => {
    const answer = await stats(code, `?${query}`);
    expect(answer.status, answer.text).toBe(200);
    return answer.json.series;
  };
  const gapsInHours = (series: Point[]) =>
    series.slice(1).map((point, index) => (Date.parse(point.at) - Date.parse(series[index]?.at ?? '')) / 3_600_000);

  it.each(['minute', 'hour', 'day', 'week', 'month'])(
    '%s: one point per interval, oldest first, with the empty ones',
    async (interval) => {
      const hours = { minute: 2, hour: 48, day: 240, week: 1_200, month: 4_400 }[interval] ?? 0;
      const from = new Date(Date.now() - hours * 3_600_000).toISOString();
      const to = new Date(Date.now() + 60_000).toISOString();
      const series = await points(`interval=${interval}&from=${from}&to=${to}`);
      const times = series.map(({ at }) => Date.parse(at));
      expect(times).toEqual([...new Set(times)].sort((a, b) => a - b));
      expect(series.length).toBeGreaterThan(4);
      expect(sum(series)).toBe(1);
    },
  );

  it.each([
    ['Europe/Berlin', '2026-03-28T00:00:00Z', '2026-03-31T00:00:00Z', 23],
    ['Europe/Berlin', '2026-10-24T00:00:00Z', '2026-10-27T00:00:00Z', 25],
    ['America/New_York', '2026-03-07T06:00:00Z', '2026-03-10T06:00:00Z', 23],
    ['America/New_York', '2026-10-31T06:00:00Z', '2026-11-03T06:00:00Z', 25],
    ['Australia/Lord_Howe', '2026-04-04T00:00:00Z', '2026-04-07T00:00:00Z', 24.5],
    ['Africa/Cairo', '2026-04-23T00:00:00Z', '2026-04-26T00:00:00Z', 23],
  ])('a day of %s is as long as its clock makes it (%s)', async (zone, from, to, length) => {
    const gaps = gapsInHours(await points(`interval=day&timezone=${encodeURIComponent(zone)}&from=${from}&to=${to}`));
    expect(gaps).toContain(length);
    expect(
      gaps.every((gap) => gap === 24 || gap === length),
      String(gaps),
    ).toBe(true);
  });

  it.each([
    ['Asia/Kolkata', '18:30:00'],
    ['Asia/Kathmandu', '18:15:00'],
    ['Pacific/Kiritimati', '10:00:00'],
    ['Pacific/Chatham', '11:15:00'],
    ['UTC', '00:00:00'],
    ['Etc/GMT+12', '12:00:00'],
  ])('days of %s begin at %s UTC', async (zone, time) => {
    const query = `interval=day&timezone=${encodeURIComponent(zone)}&from=2026-06-10T00:00:00Z&to=2026-06-14T00:00:00Z`;
    for (const { at } of await points(query)) expect(at).toContain(`T${time}`);
  });

  it('weeks begin on Monday, months on the first', async () => {
    const range = 'timezone=Europe%2FBerlin&from=2026-01-15T00:00:00Z&to=2026-06-15T00:00:00Z';
    const local = (at: string) =>
      new Intl.DateTimeFormat('en-GB', {
        timeZone: 'Europe/Berlin',
        weekday: 'short',
        day: 'numeric',
        hour: 'numeric',
        hourCycle: 'h23',
      }).format(new Date(at));
    for (const { at } of await points(`interval=week&${range}`)) expect(local(at)).toMatch(/^Mon.* 00$/);
    for (const { at } of await points(`interval=month&${range}`)) expect(local(at)).toMatch(/\b1\b.* 00$/);
  });

  it('from is in the range, to is not', async () => {
    const { last_click_at } = (await stats(code)).json;
    const at = Date.parse(last_click_at);
    const iso = (ms: number) => encodeURIComponent(new Date(ms).toISOString());
    const clicks = async (from: number, to: number) =>
      (await stats(code, `?from=${iso(from)}&to=${iso(to)}`)).json.clicks;
    expect(await clicks(at - 1_000, at + 1_000)).toBe(1);
    expect(await clicks(at - 60_000, at - 1_000)).toBe(0);
    expect(await clicks(at + 1_000, at + 60_000)).toBe(0);
  });
});
