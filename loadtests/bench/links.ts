// The links that are followed: made over the API, or written as rows where it takes very many.
import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { loadCodeKeys, newestKey } from '#runtime/shortlink/code-keys.ts';
import type { Account } from './account.ts';
import type { Generator } from './generator/generator-process.ts';
import { CONNECTIONS, createRequest, destinationOf, numbers, type Target } from './requests.ts';

const TURNS = 5;
const CREATE_SECONDS = 180;
const ROWS_AT_ONCE = 20_000;

/** The codes of new links, by number. Preparation, not measurement: what a busy machine refused is asked for again. */
export async function makeLinks(generator: Generator, target: Target, count: number): Promise<string[]> {
  const codes = new Map<string, string>();
  const wanted = numbers(count);
  for (let turn = 0; turn < TURNS && codes.size < count; turn++) {
    const values = wanted.filter((value) => !codes.has(value));
    const made = await generator.run(creation(target, values), 'count');
    values.forEach((value, at) => {
      if (made.codes?.[at]?.length === 7) codes.set(value, made.codes[at]);
    });
  }
  if (codes.size < count) throw new Error(`Only ${codes.size} of ${count} links could be made.`);
  return wanted.map((value) => codes.get(value) as string);
}

function creation(target: Target, values: readonly string[]): Parameters<Generator['run']>[0] {
  return {
    ...target,
    connections: CONNECTIONS.api,
    request: createRequest(target),
    values,
    expect: { status: 201 },
    seconds: CREATE_SECONDS,
    requests: values.length,
    collectCodes: true,
  };
}

/**
 * The same as rows: numbers reserved as the link service reserves them, codes by the mesh's own key. Nobody is told of them,
 * and no cache has them, as with links that were made long ago.
 */
export async function storeLinks(
  db: pg.Client,
  codeKeysFile: string,
  { userId, workspaceId }: Account,
  count: number,
): Promise<string[]> {
  const key = newestKey(loadCodeKeys(codeKeysFile));
  const { rows } = await db.query<{ first: string }>(
    'update link.code_blocks set next = next + $2 where key_id = $1 returning next - $2 as first',
    [key.id, count],
  );
  const first = Number(rows[0]?.first);
  const codes = Array.from({ length: count }, (_, at) => key.codeOf(first + at));
  for (let from = 0; from < count; from += ROWS_AT_ONCE) {
    const part = codes.slice(from, from + ROWS_AT_ONCE);
    await db.query(
      `insert into link.links (domain, code, id, version, workspace_id, created_by, number, code_key_id, destination,
                               redirect_status, created_at, updated_at)
       select 'localhost', code, id::uuid, nextval('link.link_version'), $1, $2, number, $3, destination, 302, now(), now()
       from unnest($4::text[], $5::text[], $6::bigint[], $7::text[]) as made (code, id, number, destination)`,
      [
        ...[workspaceId, userId, key.id, part, part.map(() => randomUUID())],
        part.map((_, at) => first + from + at),
        part.map((_, at) => destinationOf(from + at)),
      ],
    );
  }
  await db.query('analyze link.links');
  return codes;
}
