import { parseArgs } from 'node:util';
import { databaseUrl, NotThereError, runDatabaseCommand } from '#runtime/postgres/command.ts';
import { isUuid, type LinkKey, linkKey } from '#runtime/shortlink/link-key.ts';
import type { Log } from '#runtime/telemetry/log.ts';
import { carryOut } from './carry-out.ts';
import { hostNamed, type Subject } from './subjects.ts';
import { postgresTakedowns, type Ruling, type Takedowns, type Touched } from './takedowns.postgres.ts';

const usage = `usage: npm run takedown -- --link DOMAIN/CODE | --link ID | --destination-host HOST | --workspace ID
         [--reason TEXT] [--undo] [--dry-run] [--url URL]`;

/** What to take down, or to lift. A link that is named by its place is looked up first. */
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
  const { link, workspace, 'destination-host': host, url } = values;
  const named = [
    ...(link === undefined ? [] : [linkNamed(link)]),
    ...(host === undefined ? [] : [destinationHost(host)]),
    ...(workspace === undefined ? [] : [workspaceNamed(workspace)]),
  ];
  const [one] = named;
  if (one === undefined || named.length > 1)
    throw new Error('One of --link, --destination-host and --workspace says what to take down.');
  return { named: one, url: databaseUrl(url), stands: !values.undo, reason: values.reason, dryRun: values['dry-run'] };
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
  const tell = (touched: Touched): void =>
    log.info({ subject, reason, link_ids: touched.map(({ id }) => id) }, `links ${done}`);
  const ruleOnOne = async (place: LinkKey): Promise<number> => {
    const touched = await takedowns.ruleOnLink(ruling, place);
    tell(touched);
    return touched.length;
  };
  const links = key === undefined ? await carryOut(takedowns, ruling, { tell }) : await ruleOnOne(key);
  log.info({ subject, reason, links }, done);
}

async function subjectAt(takedowns: Takedowns, key: LinkKey): Promise<Subject> {
  const id = await takedowns.linkAt(key);
  if (id === undefined)
    throw new NotThereError(
      `There is no link ${key.domain}/${key.code}. If that host is an alias (HOP_HOST_ALIASES), name the link by its domain.`,
    );
  return `link:${id}`;
}

await runDatabaseCommand({
  name: 'takedown',
  usage,
  asked,
  primary: true,
  statementTimeoutMs: 30_000,
  run: (order, pool, log) => takeDown(postgresTakedowns(pool), order, log),
  failure: { message: 'not everything was done; run it again', exitCode: 1 },
});
