import { parseArgs } from 'node:util';
import { type Variant, variants } from './variants.ts';

/** The label of runs that are nobody's reference. */
export const UNNAMED = 'local';

export interface Options {
  readonly rounds: number;
  /** Of each load. */
  readonly seconds: number;
  readonly variants: readonly Variant[];
  /** Under which name the results are kept. */
  readonly label: string;
  /** The label to compare with. */
  readonly baseline?: string;
  /** The part to profile; nothing is measured then. */
  readonly profile?: string;
}

const most = { rounds: 20, seconds: 60 } as const;

/** Throws with what is wrong and what is possible. */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string', default: '3' },
      seconds: { type: 'string', default: '5' },
      only: { type: 'string' },
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
    variants: chosen(values.only),
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

/** Variants whose names begin like one of the names, commas between. */
function chosen(only: string | undefined): readonly Variant[] {
  if (only === undefined) return variants;
  const starts = only.split(',');
  const found = variants.filter(({ name }) => starts.some((start) => name.startsWith(start)));
  if (found.length > 0) return found;
  throw new Error(`--only ${only}: the variants are ${variants.map(({ name }) => name).join(', ')}`);
}
