// docs/bench.md: made from the results, but for what stands between its two markers, which is kept.
import { readFileSync, writeFileSync } from 'node:fs';
import { clickSection } from './page/clicks.ts';
import { hotSetSection } from './page/hot-set.ts';
import { linkStatisticsSection } from './page/link-statistics.ts';
import { requestSection } from './page/requests.ts';
import { type Results, readResults } from './results.ts';

const PAGE = 'docs/bench.md';
const KEPT = { from: '<!-- findings: written by hand -->', to: '<!-- end of findings -->' } as const;

/** Paragraphs of the page, from the results and those to compare with; none where nothing was measured. */
type Section = (results: Results, before?: Results) => string[];

const sections: readonly Section[] = [requestSection, hotSetSection, clickSection, linkStatisticsSection];

/** Writes the page and answers its path. */
export function writePage(label: string, baseline?: string): string {
  const before = baseline === undefined ? undefined : readResults(baseline);
  writeFileSync(PAGE, pageOf(readResults(label), findings(), before));
  return PAGE;
}

function findings(): string {
  try {
    const text = readFileSync(PAGE, 'utf8');
    const from = text.indexOf(KEPT.from);
    const to = text.indexOf(KEPT.to);
    if (from >= 0 && to > from) return text.slice(from + KEPT.from.length, to).trim();
  } catch {
    // No page yet.
  }
  return 'Nothing yet.';
}

export function pageOf(results: Results, kept: string, before?: Results): string {
  return [
    '# What a request costs',
    `Written by \`npm run bench\` ([how it is measured](../loadtests/README.md)); results "${results.label}". Figures are medians of the rounds.`,
    '## Findings',
    KEPT.from,
    kept,
    KEPT.to,
    ...sections.flatMap((section) => section(results, before)),
    '',
  ].join('\n\n');
}
