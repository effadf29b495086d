// `npm run cli:measure`: how soon a click is seen in `hop tail`, and how long `hop create` takes, on a mesh of its own.
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { eventually } from '../support/eventually.ts';
import { startHop } from '../support/hop.ts';
import { onMeasuredMesh, say, summary } from '../support/measuring.ts';

const rounds = 10;
const person = { email: 'ada@example.org', password: 'a long walk in the rain' };

/** Runs to its end, and answers what it wrote and how long it took. */
async function hop(args: readonly string[], variables: Readonly<Record<string, string>>, input = '') {
  const began = performance.now();
  const { output, ended } = startHop(args, variables, input);
  if ((await ended) !== 0) throw new Error(`hop ${args.join(' ')}: ${output.err}`);
  return { out: output.out.trim(), tookMs: performance.now() - began };
}

/** Makes a link, watches it, follows it once; answers how long `hop create` took, and the click from the follow to its line. */
async function watchOne(variables: Readonly<Record<string, string>>) {
  const { out: shortUrl, tookMs: createMs } = await hop(['create', 'https://example.org/tail'], variables);
  const { child, output, ended } = startHop(['tail', shortUrl], variables);
  try {
    await eventually(
      async () => output.err,
      (text) => text.includes('Watching'),
    );
    const line = once(child.stdout ?? child, 'data', { signal: AbortSignal.timeout(10_000) });
    const began = performance.now();
    const { status } = await fetch(shortUrl, { redirect: 'manual' });
    if (status !== 302) throw new Error(`${shortUrl} answered ${status}.`);
    await line;
    return { createMs, clickMs: performance.now() - began };
  } finally {
    child.kill('SIGINT');
    await ended;
  }
}

async function measure(url: string): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'hop-'));
  const variables = { HOP_URL: url, HOP_CONFIG_DIR: folder };
  try {
    await hop(['signup', '--email', person.email, '--password-stdin'], variables, `${person.password}\n`);
    const times: Awaited<ReturnType<typeof watchOne>>[] = [];
    for (let round = 0; round < rounds; round++) times.push(await watchOne(variables));
    say(`hop create, from the command to the short link: ${summary(times.map(({ createMs }) => createMs))}`);
    say(`a click in hop tail, from the follow to its line: ${summary(times.map(({ clickMs }) => clickMs))}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

await onMeasuredMesh(({ url }) => measure(url));
