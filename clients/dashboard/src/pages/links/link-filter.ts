import { useCallback, useMemo } from 'react';
import { useLocation } from 'wouter';
import { useSearch } from 'wouter/use-browser-location';
import { stateName } from './link-state.ts';

/** Which links are shown, and in which order; stored in the address, so that it can be shared and returned to. */
export interface LinkFilter {
  readonly search: string;
  readonly tag: string;
  /** Empty: all but deleted ones. */
  readonly state: string;
  readonly order: string;
  /** Empty: all. */
  readonly domain: string;
}

export const states = [['', 'All links'], ...Object.entries(stateName)] as const;

export const orders = [
  ['created_at desc', 'Newest first'],
  ['created_at asc', 'Oldest first'],
  ['updated_at desc', 'Last changed first'],
] as const;

const names = { search: 'q', tag: 'tag', state: 'state', order: 'order', domain: 'domain' } as const;
const firstOrder = orders[0][0];

export function useLinkFilter(): [LinkFilter, (change: Partial<LinkFilter>) => void] {
  // Unchanged: the router would decode it again, and look for another address than the one pasted.
  const text = useSearch();
  const [path, go] = useLocation();
  const filter = useMemo<LinkFilter>(() => {
    const params = new URLSearchParams(text);
    return {
      search: params.get(names.search) ?? '',
      tag: params.get(names.tag) ?? '',
      state: oneOf(states, params.get(names.state)) ?? '',
      order: oneOf(orders, params.get(names.order)) ?? firstOrder,
      domain: params.get(names.domain) ?? '',
    };
  }, [text]);
  const change = useCallback(
    (changed: Partial<LinkFilter>) => {
      const params = new URLSearchParams(window.location.search);
      for (const [field, value] of Object.entries(changed)) {
        const name = names[field as keyof LinkFilter];
        if (value && value !== firstOrder) params.set(name, value);
        else params.delete(name);
      }
      go(params.size > 0 ? `${path}?${params}` : path, { replace: true });
    },
    [go, path],
  );
  return [filter, change];
}

/** Whether something that may exist is filtered out. */
export const isNarrow = ({ search, tag, state, domain }: LinkFilter): boolean =>
  `${search}${tag}${state}${domain}` !== '';

/** A value that the address may have, but for what somebody typed into it. */
function oneOf(list: readonly (readonly [string, string])[], value: string | null): string | undefined {
  return list.find(([known]) => known === value)?.[0];
}
