// `npm run test:faults [-- name …]`: runs all fault cases, or those whose name begins so, and writes docs/faults.md.
import { readdirSync } from 'node:fs';
import { loadavg } from 'node:os';
import path from 'node:path';
import { exactly, type FaultCase, type Finding } from './case.ts';
import { commitOf, keepResult, type Result, standingOf, writePage } from './report.ts';
import { openWorld, scale, type World, type WorldOptions } from './world/world.ts';

/** Read before the first result changes the checkout. */
const commit = commitOf();
const say = (line: string): void => void process.stdout.write(`${new Date().toISOString().slice(11, 19)} ${line}\n`);

/** Each file of cases/ exports `cases`. */
async function allCases(): Promise<FaultCase[]> {
  const dir = path.join(import.meta.dirname, 'cases');
  const files = readdirSync(dir)
    .filter((file) => file.endsWith('.ts'))
    .sort();
  const modules = await Promise.all(
    files.map((file) => import(path.join(dir, file)) as Promise<{ cases: FaultCase[] }>),
  );
  return modules.flatMap(({ cases }) => cases);
}

/** One mesh after the other, each for the cases that share it. */
async function runAll(cases: readonly FaultCase[]): Promise<Result[]> {
  const results: Result[] = [];
  let open: { readonly options: WorldOptions; readonly world: World } | undefined;
  try {
    for (const one of cases) {
      if (open?.options !== one.mesh) {
        await open?.world.close();
        open = undefined;
        say('starting a mesh');
        open = { options: one.mesh, world: await openWorld(one.mesh, say) };
      }
      results.push(await runOne(one, open.world));
    }
  } finally {
    await open?.world.close();
  }
  return results;
}

async function runOne(one: FaultCase, world: World): Promise<Result> {
  const { name, part, title, criterion } = one;
  say(`${name}: ${title}`);
  const begun = Date.now();
  const earlier = world.mesh.crashes().length;
  const settled = await one.run(world).then(
    (findings) => ({ findings: [...findings, nobodyCrashed(world.mesh.crashes().slice(earlier))] }),
    (error: unknown) => ({
      findings: [],
      fault: error instanceof Error ? (error.stack ?? error.message) : String(error),
    }),
  );
  const [loadAverage = Number.NaN] = loadavg();
  const at = new Date(begun).toISOString();
  const result: Result = { name, part, title, criterion, at, commit, scale, loadAverage, ...settled };
  for (const { what, limit, measured, unit, ok } of result.findings)
    say(`  ${ok === false ? 'FAILED' : ok ? 'ok    ' : '      '} ${what}: ${measured} ${unit} (${limit})`);
  if (result.fault !== undefined) say(`  FAILED ${result.fault}`);
  say(`${name}: ${Math.round((Date.now() - begun) / 1_000)} s`);
  keepResult(result);
  return result;
}

/** Whatever a case does, no process may end but by its signals. */
function nobodyCrashed(crashes: readonly string[]): Finding {
  for (const crash of crashes) say(`    ${crash}`);
  return exactly('processes that ended by themselves', crashes.length, 0);
}

const wanted = process.argv.slice(2);
const known = await allCases();
const cases = known.filter(({ name }) => wanted.length === 0 || wanted.some((start) => name.startsWith(start)));
if (cases.length === 0) throw new Error(`No case begins so; there are ${known.map(({ name }) => name).join(', ')}.`);
// The mesh is killed with this process, if it ends by `exit`.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
const results = await runAll(cases);
if (scale === 1) say(`written: ${writePage(known)}`);
const standings = results.map((result) => ({ ...result, standing: standingOf(result) }));
const failed = standings.filter(({ standing }) => standing === 'failed');
const holding = standings.filter(({ standing }) => standing === 'holds').length;
say(
  `${holding} of ${results.length} cases hold, ${failed.length} failed${failed.map(({ name }) => ` ${name}`).join(',')}`,
);
// At once: a Node that cleared away its many closed connections was seen spinning for minutes.
process.exit(failed.length === 0 ? 0 : 1);
