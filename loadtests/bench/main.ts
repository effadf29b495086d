// `npm run bench`: what a request costs and how many there can be, per kind of request, on a mesh of its own. See loadtests/README.md.
import { availableParallelism } from 'node:os';
import { startGenerator } from './generator-process.ts';
import { machineNow, versionsOf } from './machine.ts';
import { type Bench, type Measurement, measure, warmUp } from './measure.ts';
import { type Options, readOptions } from './options.ts';
import { writePage } from './page.ts';
import { takeProfile } from './profile.ts';
import { keepResults, type Results, type Series } from './results.ts';
import { startSubject } from './subject.ts';

const WARM_SECONDS = { first: 5, later: 2 } as const;

const say = (line: string): void => void process.stdout.write(`${line}\n`);

/** Results are kept after each measurement: a run that fails later has not been for nothing. */
async function measureAll(bench: Bench, options: Options, machine: Series['machine']): Promise<Results | undefined> {
  const { rounds, variants } = options;
  const all: Measurement[] = [];
  let results: Results | undefined;
  for (let round = 0; round < rounds; round++) {
    for (const variant of round % 2 === 0 ? variants : variants.toReversed()) {
      await warmUp(bench, variant, round === 0 ? WARM_SECONDS.first : WARM_SECONDS.later);
      const measurement = await measure(bench, variant);
      all.push(measurement);
      results = keepResults(options, machine, all);
      say(summary(round, measurement));
    }
  }
  return results;
}

function summary(round: number, { variant, perSecond, cpuUs, latencyMs }: Measurement): string {
  const costs = Object.entries(cpuUs).filter(([, us]) => us >= 1);
  const cpu = costs.map(([part, us]) => `${part} ${us.toFixed(1)}`).join(', ');
  return `${round + 1} ${variant}: ${perSecond.toFixed(0)}/s; us: ${cpu}; p99 ${latencyMs.p99.toFixed(2)} ms`;
}

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2));
  const machine = machineNow();
  const generator = startGenerator();
  try {
    const subject = await startSubject(generator, say);
    const bench = { subject, generator, seconds: options.seconds, cores: availableParallelism() };
    try {
      if (options.profile !== undefined) return await takeProfile(bench, options.profile, options.variants, say);
      const results = await measureAll(bench, options, { ...machine, ...versionsOf(subject.pids) });
      if (results !== undefined) say(`wrote ${writePage(results, options.baseline)}`);
    } finally {
      await subject.stop();
    }
  } finally {
    generator.stop();
  }
}

await main();
