import type { Click } from '#gen/analytics/v1/click_pb.ts';
import { millisecondsOf } from '../../range/moments.ts';

export const mostShown = 30;

interface LatestClick {
  readonly click: Click;
  readonly key: string;
  /** Whether it arrived while the page was open. */
  readonly isNew: boolean;
}

/** What tells clicks of one moment apart. */
const texts = ['country', 'region', 'city', 'device', 'browser', 'operatingSystem', 'referrer', 'language'] as const;
const flags = ['bot', 'head', 'prefetch'] as const;

/** The clicks from a stream and a list, newest first, each once. Clicks have no id: of identical ones, the greater of the two numbers counts. */
export function merged(told: readonly Click[], listed: readonly Click[]): LatestClick[] {
  const fresh = numbered(told, true);
  const known = new Set(fresh.map(({ key }) => key));
  const old = numbered(listed, false).filter(({ key }) => !known.has(key));
  return [...fresh, ...old].sort((a, b) => millisecondsOf(b.click.at) - millisecondsOf(a.click.at)).slice(0, mostShown);
}

function numbered(clicks: readonly Click[], isNew: boolean): LatestClick[] {
  const seen = new Map<string, number>();
  return clicks.map((click) => {
    const text = textOf(click);
    const place = seen.get(text) ?? 0;
    seen.set(text, place + 1);
    return { click, key: `${text} ${place}`, isNew };
  });
}

const textOf = (click: Click): string =>
  [millisecondsOf(click.at), ...texts.map((name) => click[name]), ...flags.map((name) => Number(click[name]))].join(
    '|',
  );
