import { parseArgs } from 'node:util';
import { type Variant, variants } from './variants.ts';

/** The label of runs that are nobody's reference. */
export const UNNAMED = 'local';

/** What can be chosen beside the variants. */
const HOT_SET = 'hot-set';
const CLICKS = 'clicks';
const STATISTICS = 'statistics';

export interface Options {
  readonly rounds: number;
  /** Of each load. */
  readonly seconds: number;
  readonly variants: readonly Variant[];
  /** Whether the hot set is measured, and with how many links stored. */
  readonly hotSet: boolean;
  readonly links: number;
  /** Whether the way of a click is measured; only if asked for. */
  readonly clicks: boolean;
  /** Whether the statistics of a link with very many clicks are; only if asked for. */
  readonly statistics: boolean;
  /** Under which name the results are kept. */
  readonly label: string;
  /** The label to compare with. */
  readonly baseline?: string;
  /** The parts to profile, commas between; nothing is measured then. */
  readonly profile?: string;
}

const most = { rounds: 20, seconds: 60, links: 10_000_000 } as const;

/** Throws with what is wrong and what is possible. */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string', default: '3' },
      seconds: { type: 'string', default: '5' },
      only: { type: 'string' },
      links: { type: 'string', default: '100000' },
      label: { type: 'string', default: UNNAMED },
      baseline: { type: 'string' },
      profile: { type: 'string' },
    },
  });
  if (!/^[a-z0-9-]{1,40}$/.test(values.label))
    throw new Error(`--label ${values.label}: small letters, digits and "-"`);
  return {
    rounds: whole('rounds', values.rounds),
    seconds: whole('seconds', values.seconds),
    ...chosen(values.only),
    links: whole('links', values.links),
    label: values.label,
    ...(values.baseline === undefined ? {} : { baseline: values.baseline }),
    ...(values.profile === undefined ? {} : { profile: values.profile }),
  };
}

function whole(name: keyof typeof most, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= most[name]) return value;
  throw new Error(`--${name} ${text}: expected a whole number from 1 to ${most[name]}`);
}

/** What has a name that begins like one of the names, commas between. */
function chosen(only: string | undefined): Pick<Options, 'variants' | 'hotSet' | 'clicks' | 'statistics'> {
  if (only === undefined) return { variants, hotSet: true, clicks: false, statistics: false };
  const starts = only.split(',');
  const isChosen = (name: string): boolean => starts.some((start) => name.startsWith(start));
  const found = {
    variants: variants.filter(({ name }) => isChosen(name)),
    hotSet: isChosen(HOT_SET),
    clicks: isChosen(CLICKS),
    statistics: isChosen(STATISTICS),
  };
  if (found.variants.length > 0 || found.hotSet || found.clicks || found.statistics) return found;
  throw new Error(
    `--only ${only}: there are ${[...variants.map(({ name }) => name), HOT_SET, CLICKS, STATISTICS].join(', ')}`,
  );
}
