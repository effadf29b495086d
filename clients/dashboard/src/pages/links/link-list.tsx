import { defaultRangeExtractor, type Range, useWindowVirtualizer } from '@tanstack/react-virtual';
import {
  type CSSProperties,
  type RefObject,
  useCallback,
  useEffect,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
  useSyncExternalStore,
} from 'react';
import type { Link } from '#gen/link/v1/link_pb.ts';
import { areSingleKeysOn, isSingle } from '../../keyboard/single-keys.ts';
import { LinkRow, type RowActions } from './link-row.tsx';
import style from './links.module.css';

/** The height of a row in rem: it grows with the reader's font size. */
const rowRem = { wide: 4.75, narrow: 6.75, narrowWithDomain: 8.25 };
const narrow = matchMedia('(max-width: 52rem)');
/** Rows rendered beyond the edges of the screen: scrolling by one notch shows nothing empty. */
const overscan = 12;
/** The next page is fetched when this many rows are left. */
const ahead = 40;

interface LinkListProps {
  readonly links: readonly Link[];
  /** They are on several domains, so each says on which. */
  readonly withDomains: boolean;
  readonly chosen: ReadonlySet<string>;
  readonly actions: RowActions;
  /** What is shown was asked for before; the answer to what is asked for now is on its way. */
  readonly isOld: boolean;
  readonly hasMore: boolean;
  loadMore(): void;
}

/** A virtual list, of which only the visible part is rendered: as fast with 100,000 links as with ten. */
export function LinkList({ links, withDomains, chosen, actions, isOld, hasMore, loadMore }: LinkListProps) {
  const list = useRef<HTMLUListElement>(null);
  useFocusKept(list, links.length);
  const isNarrow = useSyncExternalStore(onNarrow, () => narrow.matches);
  // Read once: while scrolling, reading a style would force a layout each time.
  const rem = isNarrow ? (withDomains ? rowRem.narrowWithDomain : rowRem.narrow) : rowRem.wide;
  const rowHeight = useMemo(() => inPixels(rem), [rem]);
  const [scrollMargin, setScrollMargin] = useState(0);
  useLayoutEffect(() => setScrollMargin(list.current?.offsetTop ?? 0), []);
  const rangeExtractor = useCallback((range: Range) => withFocused(range, rowOf(document.activeElement)), []);
  const rows = useWindowVirtualizer({
    count: links.length,
    estimateSize: () => rowHeight,
    getItemKey: (index) => links[index]?.id ?? index,
    overscan,
    rangeExtractor,
    scrollMargin,
  });
  // A row whose height changes moves all others.
  useEffect(() => {
    if (rowHeight > 0) rows.measure();
  }, [rowHeight, rows]);

  const shown = rows.getVirtualItems();
  const last = rows.range?.endIndex ?? 0;
  const isNearEnd = hasMore && last >= links.length - ahead;
  useEffect(() => {
    if (isNearEnd) loadMore();
  }, [isNearEnd, loadMore]);

  const onKeyDown = (event: React.KeyboardEvent): void => {
    const step = { ArrowDown: 1, ArrowUp: -1, j: 1, k: -1 }[event.key];
    if (step === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    if (isSingle(event.key) && !areSingleKeysOn()) return;
    const next = rowOf(event.target) + step;
    if (next < 0 || next >= links.length) return;
    event.preventDefault();
    rows.scrollToIndex(next, { align: 'auto' });
    requestAnimationFrame(() => focusRow(list.current, next));
  };

  return (
    <ul
      ref={list}
      // biome-ignore lint/a11y/noRedundantRoles: a browser takes the role of a list without bullets away.
      role="list"
      aria-busy={isOld || undefined}
      data-domains={withDomains || undefined}
      className={style.list}
      style={{ height: rows.getTotalSize(), '--row': `${rowHeight}px` } as CSSProperties}
      onKeyDown={onKeyDown}
    >
      {shown.map(({ index, start }) => {
        const link = links[index];
        return (
          link && (
            <LinkRow
              key={link.id}
              link={link}
              withDomain={withDomains}
              index={index}
              top={start - scrollMargin}
              isChosen={chosen.has(link.id)}
              actions={actions}
            />
          )
        );
      })}
    </ul>
  );
}

/** If the focused row is gone, focuses the one in its place: the next key applies to that. */
function useFocusKept(list: RefObject<HTMLUListElement | null>, count: number): void {
  const before = rowOf(document.activeElement);
  useLayoutEffect(() => {
    if (before >= 0 && document.activeElement === document.body) focusRow(list.current, Math.min(before, count - 1));
  });
}

/** The rendered rows: those near the screen, and the focused one however far away. */
function withFocused(range: Range, focused: number): number[] {
  const near = defaultRangeExtractor(range);
  if (focused < 0 || focused >= range.count || near.includes(focused)) return near;
  return [...near, focused].sort((a, b) => a - b);
}

const inPixels = (rem: number): number =>
  Math.round(rem * Number.parseFloat(getComputedStyle(document.documentElement).fontSize));

/** The index of the row that contains an element; -1: none. */
export function rowOf(target: EventTarget | null): number {
  const row = target instanceof Element ? target.closest('[data-index]') : null;
  return row ? Number(row.getAttribute('data-index')) : -1;
}

export function focusRow(within: ParentNode | null, index: number): void {
  within?.querySelector<HTMLElement>(`[data-index="${index}"] [data-row]`)?.focus();
}

function onNarrow(listener: () => void): () => void {
  narrow.addEventListener('change', listener);
  return () => narrow.removeEventListener('change', listener);
}
