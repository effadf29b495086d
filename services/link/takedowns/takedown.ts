import { parseArgs } from 'node:util';
import { createPool } from '#runtime/postgres/pool.ts';
import { isUuid, type LinkKey, linkKey } from '#runtime/shortlink/link-key.ts';
import { createLog, type Log } from '#runtime/telemetry/log.ts';
import { carryOut } from './carry-out.ts';
import { hostNamed, type Subject } from './subjects.ts';
import { postgresTakedowns, type Ruling, type Takedowns, type Touched } from './takedowns.postgres.ts';

const usage = `usage: npm run takedown -- --link DOMAIN/CODE | --link ID | --destination-host HOST | --workspace ID
         [--reason TEXT] [--undo] [--dry-run] [--url URL]`;

/** What to take down, or to give back. A link that is named by its place is looked up first. */
type Order = Omit<Ruling, 'subject'> & { readonly named: Subject | LinkKey; readonly url: string };

/** Throws with what is wrong with the arguments. */
function asked(): Order {
  const { values } = parseArgs({
    options: {
      link: { type: 'string' },
      'destination-host': { type: 'string' },
      workspace: { type: 'string' },
      reason: { type: 'string', default: '' },
      undo: { type: 'boolean', default: false },
      'dry-run': { type: 'boolean', default: false },
      url: { type: 'string' },
    },
  });
  const { link, workspace, 'destination-host': host, url = process.env.HOP_POSTGRES_PRIMARY } = values;
  const named = [
    ...(link === undefined ? [] : [linkNamed(link)]),
    ...(host === undefined ? [] : [destinationHost(host)]),
    ...(workspace === undefined ? [] : [workspaceNamed(workspace)]),
  ];
  const [one] = named;
  if (one === undefined || named.length > 1)
    throw new Error('One of --link, --destination-host and --workspace says what to take down.');
  if (!url) throw new Error('No database: neither --url nor HOP_POSTGRES_PRIMARY names one, and no mesh runs here.');
  return { named: one, url, stands: !values.undo, reason: values.reason, dryRun: values['dry-run'] };
}

function linkNamed(text: string): Subject | LinkKey {
  if (isUuid(text)) return `link:${text.toLowerCase()}`;
  const url = URL.parse(text.includes('://') ? text : `https://${text}`);
  const [, code] = /^\/(?:r\/)?([^/]+)$/.exec(url?.pathname ?? '') ?? [];
  if (url && code !== undefined) return linkKey(url.hostname, decodeURIComponent(code));
  throw new Error(`${text} is neither a short link nor the id of one (a UUID).`);
}

function workspaceNamed(text: string): Subject {
  if (isUuid(text)) return `workspace:${text.toLowerCase()}`;
  throw new Error(`${text} is not the id of a workspace (a UUID).`);
}

function destinationHost(text: string): Subject {
  const host = hostNamed(text);
  if (host !== undefined) return `host:${host}`;
  throw new Error(`${text} is not a host, such as evil.example or 192.0.2.1; it takes no port and no path.`);
}

async function takeDown(takedowns: Takedowns, { named, stands, dryRun, reason }: Order, log: Log): Promise<void> {
  const key = typeof named === 'string' ? undefined : named;
  const subject = typeof named === 'string' ? named : await subjectAt(takedowns, named);
  const ruling = { subject, stands, dryRun, reason };
  const done = `${dryRun ? 'would be ' : ''}${stands ? 'taken down' : 'given back'}`;
  let links = 0;
  const tell = (touched: Touched): void => {
    links += touched.length;
    log.info({ subject, reason, link_ids: touched.map(({ id }) => id) }, `links ${done}`);
  };
  if (key === undefined) await carryOut(takedowns, ruling, { tell });
  else tell(await takedowns.ruleOnLink(ruling, key));
  log.info({ subject, reason, links }, done);
}

async function subjectAt(takedowns: Takedowns, key: LinkKey): Promise<Subject> {
  const id = await takedowns.linkAt(key);
  if (id === undefined) throw new Error('There is no such link.');
  return `link:${id}`;
}

async function run(order: Order): Promise<void> {
  const log = createLog({ instance: 'takedown', logLevel: 'info' });
  const pool = createPool(order.url, { name: 'takedown', max: 1, primary: true, statementTimeoutMs: 30_000, log });
  try {
    await takeDown(postgresTakedowns(pool), order, log);
  } catch (error) {
    log.fatal({ err: error }, 'not everything was done; run it again');
    process.exitCode = 1;
  } finally {
    await pool.end();
  }
}

try {
  await run(asked());
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n${usage}\n`);
  process.exitCode = 64;
}
