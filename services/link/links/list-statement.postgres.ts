import { domainToASCII } from 'node:url';
import { linkColumns } from '#runtime/shortlink/link-record.ts';
import type { ListQuery, StateFilter } from '../store.ts';

/** The state of a row, as stateOf sees it. */
const stateConditions: Readonly<Record<StateFilter, string>> = {
  active: 'deleted_at is null and not disabled and (expires_at is null or expires_at > now())',
  disabled: 'deleted_at is null and disabled and (expires_at is null or expires_at > now())',
  expired: 'deleted_at is null and expires_at <= now()',
  deleted: 'deleted_at is not null',
};

export interface Statement {
  readonly text: string;
  readonly values: readonly unknown[];
}

/** The codes' own collation "C" knows the cases of ASCII alone. */
const anyCase = 'collate pg_catalog."default"';

/** What a destination, as the WHATWG parser writes it, may hold otherwise: percent-encoded, a host in Punycode. */
const writtenOtherwise = /[ "'<>`{}^]|[^\x20-\x7e]/u;

/** A regular expression for the text in any case and any of its spellings; of a host, whole labels. */
function spellingOf(search: string): string {
  const [, scheme = '', host = '', rest = ''] = /^(https?:\/\/)?([^/?#:@\\]*)(.*)$/is.exec(search) ?? [];
  const ascii = domainToASCII(host);
  const hosts = ascii.includes('xn--') ? `(?:${literal(ascii)}|${spelled(host)})` : spelled(host);
  return spelled(scheme) + hosts + spelled(rest);
}

function spelled(text: string): string {
  return Array.from(text, (character) => {
    if (!writtenOtherwise.test(character)) return literal(character);
    // Percent-encoded, the cases of a letter are different bytes. ASCII is not encoded everywhere.
    const spellings = new Set([character, character.toLowerCase(), character.toUpperCase()].map(percentEncoded));
    if (character < '\x7f') spellings.add(literal(character));
    return `(?:${[...spellings].join('|')})`;
  }).join('');
}

const literal = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
const percentEncoded = (text: string): string => Buffer.from(text).toString('hex').replace(/../g, '%$&');

/** One page of a workspace's links, by keyset: nothing is skipped or told twice, however far the pages go. */
export function listStatement(query: ListQuery): Statement {
  const values: unknown[] = [];
  const bind = (value: unknown): string => `$${values.push(value)}`;
  const conditions = [`workspace_id = ${bind(query.workspaceId)}`];
  conditions.push(query.state ? stateConditions[query.state] : 'deleted_at is null');
  if (query.createdBy !== undefined) conditions.push(`created_by = ${bind(query.createdBy)}`);
  if (query.domain !== undefined) conditions.push(`domain = ${bind(query.domain)}`);
  // Tags are kept in NFC; those of a version before, as they came.
  if (query.tag !== undefined) conditions.push(`${bind([query.tag, query.tag.normalize('NFC')])}::text[] && tags`);
  if (query.search !== undefined) {
    const part = bind(`%${query.search.replace(/[\\%_]/g, '\\$&')}%`);
    const parts = [`title ilike ${part}`, `code ${anyCase} ilike ${part}`];
    parts.push(
      writtenOtherwise.test(query.search)
        ? `destination ~* ${bind(spellingOf(query.search))}`
        : `destination ilike ${part}`,
    );
    conditions.push(`(${parts.join(' or ')})`);
  }
  if (query.after) {
    const comparison = query.descending ? '<' : '>';
    conditions.push(`(${query.orderBy}, id) ${comparison} (${bind(query.after.at)}, ${bind(query.after.id)})`);
  }
  const direction = query.descending ? 'desc' : 'asc';
  const text = `select ${linkColumns} from links where ${conditions.join(' and ')}
     order by ${query.orderBy} ${direction}, id ${direction} limit ${bind(query.limit)}`;
  return { text, values };
}
