import { useCallback, useMemo, useState } from 'react';
import type { Link } from '#gen/link/v1/link_pb.ts';

/** Links that are chosen, by id; one that leaves the list is no longer among them. */
export function useSelection(links: readonly Link[] | undefined) {
  const [ids, setIds] = useState<ReadonlySet<string>>(new Set());
  const chosen = useMemo(() => (ids.size === 0 ? [] : (links ?? []).filter(({ id }) => ids.has(id))), [ids, links]);
  const choose = useCallback(({ id }: Link, isChosen: boolean) => {
    setIds((before) => {
      const after = new Set(before);
      if (isChosen) after.add(id);
      else after.delete(id);
      return after;
    });
  }, []);
  const chooseAll = useCallback((list: readonly Link[]) => setIds(new Set(list.map(({ id }) => id))), []);
  return { ids, chosen, choose, chooseAll };
}
