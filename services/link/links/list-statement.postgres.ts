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

/** One page of a workspace's links, by keyset: nothing is skipped or told twice, however far the pages go. */
export function listStatement(query: ListQuery): Statement {
  const values: unknown[] = [];
  const bind = (value: unknown): string => `$${values.push(value)}`;
  const conditions = [`workspace_id = ${bind(query.workspaceId)}`];
  conditions.push(query.state ? stateConditions[query.state] : 'deleted_at is null');
  if (query.createdBy !== undefined) conditions.push(`created_by = ${bind(query.createdBy)}`);
  if (query.domain !== undefined) conditions.push(`domain = ${bind(query.domain)}`);
  if (query.tag !== undefined) conditions.push(`${bind(query.tag)} = any(tags)`);
  if (query.search !== undefined) {
    const pattern = bind(`%${query.search.replace(/[\\%_]/g, '\\$&')}%`);
    conditions.push(`(title ilike ${pattern} or code ilike ${pattern} or destination ilike ${pattern})`);
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
