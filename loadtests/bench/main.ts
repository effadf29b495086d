// `npm run bench`: what a request costs and how many there can be, per kind of request, on a mesh of its own. See loadtests/README.md.
import { availableParallelism } from 'node:os';
import { CLICK_LINKS, CLICKS_ENV, measureClicks } from './clicks/clicks.ts';
import { startGenerator } from './generator/generator-process.ts';
import { measureHotSet } from './hot-set/hot-set.ts';
import { measureLinkStatistics } from './link-statistics/link-statistics.ts';
import { machineNow, versionsOf } from './machine.ts';
import { type Bench, measureRounds } from './measure.ts';
import { type Options, readOptions } from './options.ts';
import { writePage } from './page.ts';
import { takeProfiles } from './profile/profile.ts';
import { type Circumstances, keepClicks, keepHotSet, keepLinkStatistics, keepVariants } from './results.ts';
import { type SubjectOptions, startSubject } from './subject.ts';

/** So small that links asked for in turn are never found in it, and larger than the set that is to be found there. */
const SMALL_L1 = { HOP_RESOLVER_L1_ENTRIES: '1000' } as const;
/** More than are asked for before the first comes again: a multiple of that L1, and what one window needs of cold ones. */
const MADE_LINKS = 30_000;

const say = (line: string): void => void process.stdout.write(`${line}\n`);

type Work = (bench: Bench, where: Circumstances) => Promise<unknown>;

async function onMesh(subjectOptions: Pick<SubjectOptions, 'env' | 'links' | 'how'>, options: Options, work: Work) {
  const machine = machineNow();
  const generator = startGenerator();
  try {
    const subject = await startSubject({ ...subjectOptions, generator, say });
    try {
      const { seconds } = options;
      const bench = { subject, generator, seconds, cores: availableParallelism(), say };
      await work(bench, { machine: { ...machine, ...versionsOf(subject.pids) }, seconds });
    } finally {
      await subject.stop();
    }
  } finally {
    generator.stop();
  }
}

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2));
  const { profile, variants, rounds, label, links, baseline } = options;
  const page = (): void => say(`wrote ${writePage(label, baseline)}`);
  const made = { env: SMALL_L1, links: MADE_LINKS, how: 'made' } as const;
  if (profile !== undefined) return onMesh(made, options, (bench) => takeProfiles(bench, profile.split(','), variants));
  if (variants.length > 0) {
    await onMesh(made, options, (bench, where) =>
      measureRounds(bench, variants, rounds, (all) => keepVariants(label, where, all)),
    );
    page();
  }
  if (options.hotSet) {
    await onMesh({ links, how: 'stored' }, options, (bench, where) =>
      measureHotSet(bench, rounds, (figures) => keepHotSet(label, where, figures)),
    );
    page();
  }
  if (options.clicks) {
    await onMesh({ env: CLICKS_ENV, links: CLICK_LINKS, how: 'stored' }, options, async (bench, where) =>
      keepClicks(label, where, await measureClicks(bench, rounds)),
    );
    page();
  }
  if (options.statistics) {
    await onMesh({ links: 1, how: 'stored' }, options, async (bench, where) =>
      keepLinkStatistics(label, where, await measureLinkStatistics(bench)),
    );
    page();
  }
}

// The mesh is killed with this process, if it ends by `exit`.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
await main();
