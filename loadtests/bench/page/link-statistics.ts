// The section of docs/bench.md on the statistics of a link with ten million clicks.
import type { RangeFigures } from '../link-statistics/link-statistics.ts';
import { CUT_DAYS } from '../link-statistics/ranges.ts';
import { CLICKS_A_DAY, DAYS } from '../link-statistics/ten-million.ts';
import type { Results } from '../results.ts';
import { circumstances } from './circumstances.ts';
import { table, whole } from './table.ts';

const GOAL_MS = 50;

export function linkStatisticsSection({ linkStatistics }: Results): string[] {
  if (linkStatistics === undefined) return [];
  const { asked, ranges } = linkStatistics.figures;
  return [
    '## Statistics of a link with 10 million clicks',
    circumstances([linkStatistics]),
    `${CLICKS_A_DAY.toLocaleString('en')} clicks on each of ${DAYS} days, evenly over the day, nine of ten by people, with some 520 values of the breakdowns in each hour. All rollups are there; the clicks themselves, and their visitors, of the ${CUT_DAYS.length} days that ranges cut. Each range is asked ${asked} times, one after the other, over Envoy and the API; every answer is checked against a sum of minutes and single clicks. Wanted: under ${GOAL_MS} ms.`,
    table(
      ['range', 'clicks of people', 'best ms', 'median ms', 'worst ms', `under ${GOAL_MS} ms`],
      ranges.map((range) => [
        range.name,
        range.clicks.toLocaleString('en'),
        ...[range.bestMs, range.medianMs, range.worstMs].map(whole),
        verdictOf(range),
      ]),
    ),
  ];
}

function verdictOf({ medianMs, worstMs }: RangeFigures): string {
  if (worstMs < GOAL_MS) return 'met by all';
  return medianMs < GOAL_MS ? 'met by most' : 'failed';
}
