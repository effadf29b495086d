import { domainToASCII } from 'node:url';
import { LRUCache } from 'lru-cache';
import { linkColumns } from '#runtime/shortlink/link-record.ts';
import type { ListQuery, StateFilter } from '../store.ts';
import { largestPageBytes, leastJsonBytes } from './page-bytes.ts';

/** The state of a row, as in stateOf. */
const stateConditions: Readonly<Record<StateFilter, string>> = {
  active: 'deleted_at is null and not disabled and not used_up and (expires_at is null or expires_at > now())',
  disabled: 'deleted_at is null and disabled and (expires_at is null or expires_at > now())',
  used_up: 'deleted_at is null and not disabled and used_up and (expires_at is null or expires_at > now())',
  expired: 'deleted_at is null and expires_at <= now()',
  deleted: 'deleted_at is not null',
};

export interface Statement {
  readonly text: string;
  readonly values: readonly unknown[];
}

/** A text without case, by Unicode case folding (ς is σ, ß is ss); lower-cased first, because folding turns İ into two characters. */
const folded = (text: string): string =>
  `casefold(lower(${text} collate pg_catalog.pg_c_utf8) collate pg_catalog.pg_unicode_fast)`;

/** Characters that the WHATWG serialisation of a destination may spell differently: percent-encoded, or the host in Punycode. */
const writtenOtherwise = /[ "'<>`{}^]|[^\x20-\x7e]/u;

/** With this many characters an expression takes Postgres 1 to 3 us for each link; with 256 it takes 200 us, 70 times a search in ASCII. */
const beginningLength = 4;

/**
 * Regular expressions that a destination has to match, for the text in any case and any of its spellings; for a host, whole labels. The
 * first is of the beginning of the text: most destinations need not be compared with the second, which is of all of it.
 */
function spellingsOf(search: string): string[] {
  const [, scheme = '', host = '', rest = ''] = /^(https?:\/\/)?([^/?#:@\\]*)(.*)$/is.exec(search) ?? [];
  const ascii = domainToASCII(host);
  const inPunycode = ascii.includes('xn--');
  const beginning = spelled([...(host + rest)].slice(0, beginningLength).join(''));
  const hosts = inPunycode ? `(?:${literal(ascii)}|${spelled(host)})` : spelled(host);
  return [inPunycode ? `xn--|${beginning}` : beginning, spelled(scheme) + hosts + spelled(rest)];
}

/** More than there are letters with accents: to find the spellings of one takes up to 0.3 ms. */
const mostRemembered = 20_000;
const spellings = new LRUCache<string, string>({ max: mostRemembered, memoMethod: spellingsOfCharacter });

const spelled = (text: string): string =>
  Array.from(text, (one) => (writtenOtherwise.test(one) ? spellings.memo(one) : literal(one))).join('');

function spellingsOfCharacter(character: string): string {
  // Percent-encoded, the cases of a letter are different bytes. ASCII is not encoded everywhere, and the capital form of ß never.
  const upper = character.toLowerCase().toUpperCase();
  const cases = [character, character.toLowerCase(), upper, upper.toLowerCase(), ...(upper === 'Σ' ? ['ς'] : [])];
  const all = new Set(cases.flatMap((one) => [percentEncoded(one), ...decomposed(one)]));
  for (const one of [character, upper]) if (isAscii(one)) all.add(literal(one));
  return `(?:${[...all].join('|')})`;
}

/** A destination is stored as it was typed: any accents of a letter may follow it, and in some cases in another order. */
function decomposed(character: string): string[] {
  const [letter = '', ...marks] = character.normalize('NFD');
  const written = orders(marks).flatMap((order) =>
    [...order, ''].map((_, at) => (letter + order.slice(0, at).join('')).normalize('NFC') + order.slice(at).join('')),
  );
  const composed = character.normalize('NFC');
  return written
    .filter((text) => text.normalize('NFC') === composed)
    .map((text) => Array.from(text, (part) => (isLetter(part) ? part : percentEncoded(part))).join(''));
}

/** Every order of the items: a letter has three accents at most. */
function orders(items: readonly string[]): string[][] {
  if (items.length < 2) return [[...items]];
  return items.flatMap((item, at) => orders(items.toSpliced(at, 1)).map((others) => [item, ...others]));
}

const literal = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
const isAscii = (text: string): boolean => /^[\x20-\x7e]+$/.test(text);
const isLetter = (text: string): boolean => /^[a-z]$/i.test(text);
const percentEncoded = (text: string): string => Buffer.from(text).toString('hex').replace(/../g, '%$&');

/** Whether a page may read many more rows than it returns: few of a workspace's links may match. */
export const isSearch = ({ search, tag, domain, createdBy, state }: ListQuery): boolean =>
  [search, tag, domain, createdBy, state].some((asked) => asked !== undefined);

/** No more than jsonBytesOf says of it: Postgres counts a character once that JavaScript may count twice, and neither code nor commas. */
const leastBytesOfRow = `octet_length(destination) + 6 * (char_length(title) + char_length(array_to_string(tags, ''))) + ${leastJsonBytes}`;

/**
 * One page of a workspace's links, by keyset: nothing is skipped or repeated, however many pages follow. Links beyond the bytes of a page
 * stay in the database, all but the first of them: a thousand of the largest would be 18 MB in this process.
 */
export function listStatement(query: ListQuery): Statement {
  const values: unknown[] = [];
  const bind = (value: unknown): string => `$${values.push(value)}`;
  const conditions = [`workspace_id = ${bind(query.workspaceId)}`];
  conditions.push(query.state ? stateConditions[query.state] : 'deleted_at is null');
  if (query.createdBy !== undefined) conditions.push(`created_by = ${bind(query.createdBy)}`);
  if (query.domain !== undefined) conditions.push(`domain = ${bind(query.domain)}`);
  // Tags are stored in NFC; those of an earlier version, as they came.
  if (query.tag !== undefined) conditions.push(`${bind([query.tag, query.tag.normalize('NFC')])}::text[] && tags`);
  if (query.search !== undefined) {
    const part = bind(`%${query.search.replace(/[\\%_]/g, '\\$&')}%`);
    const parts = ['title', 'code'].map((column) => `${folded(column)} like ${folded(`${part}::text`)}`);
    const matches = (spelling: string): string => `destination ~* ${bind(spelling)}`;
    parts.push(
      writtenOtherwise.test(query.search)
        ? `(${spellingsOf(query.search).map(matches).join(' and ')})`
        : `destination ilike ${part}`,
    );
    conditions.push(`(${parts.join(' or ')})`);
  }
  if (query.after) {
    const comparison = query.descending ? '<' : '>';
    conditions.push(`(${query.orderBy}, id) ${comparison} (${bind(query.after.at)}, ${bind(query.after.id)})`);
  }
  const direction = query.descending ? 'desc' : 'asc';
  const order = `order by ${query.orderBy} ${direction}, id ${direction}`;
  const page = `select * from links where ${conditions.join(' and ')} ${order} limit ${bind(query.limit)}`;
  const before = `sum(${leastBytesOfRow}) over (${order} rows between unbounded preceding and 1 preceding)`;
  const text = `select ${linkColumns} from (select *, ${before} as bytes_before from (${page}) as page) as measured
     where bytes_before is null or bytes_before <= ${largestPageBytes} ${order}`;
  return { text, values };
}
