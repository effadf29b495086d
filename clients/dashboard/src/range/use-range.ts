import { useCallback, useEffect, useMemo, useState } from 'react';
import { useLocation, useSearch } from 'wouter';
import { type Range, rangeOf, searchOf } from './range.ts';

interface RangeState {
  readonly range: Range;
  /** The time that the range was made for, to the minute. */
  readonly now: Date;
  readonly withBots: boolean;
  choose(range: Pick<Range, 'name' | 'from' | 'to'>): void;
  setWithBots(withBots: boolean): void;
}

/** The range in the address of the page: it survives a reload, and can be shared. */
export function useRange(): RangeState {
  const search = useSearch();
  const [path, go] = useLocation();
  const now = useMinute();
  const range = useMemo(() => rangeOf(search, now), [search, now]);
  const withBots = new URLSearchParams(search).get('bots') === '1';
  const write = useCallback(
    (rangeText: string, bots: boolean) => {
      const text = withRange(search, rangeText, bots);
      go(text ? `${path}?${text}` : path, { replace: true });
    },
    [go, path, search],
  );
  return {
    range,
    now,
    withBots,
    choose: (chosen) => write(searchOf(chosen), withBots),
    setWithBots: (bots) => write(searchOf(range), bots),
  };
}

/** The rest of the address stays as it is. */
function withRange(search: string, rangeText: string, bots: boolean): string {
  const parameters = new URLSearchParams(search);
  for (const name of ['range', 'from', 'to', 'bots']) parameters.delete(name);
  for (const [name, value] of new URLSearchParams(rangeText)) parameters.set(name, value);
  if (bots) parameters.set('bots', '1');
  return parameters.toString();
}

const minuteMs = 60_000;

function useMinute(): Date {
  const [minute, setMinute] = useState(() => Math.floor(Date.now() / minuteMs));
  useEffect(() => {
    const timer = setInterval(() => setMinute(Math.floor(Date.now() / minuteMs)), minuteMs / 4);
    return () => clearInterval(timer);
  }, []);
  return useMemo(() => new Date((minute + 1) * minuteMs - 1), [minute]);
}
