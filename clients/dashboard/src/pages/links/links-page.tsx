import { lazy, Suspense, useCallback, useMemo, useRef } from 'react';
import type { Link } from '#gen/link/v1/link_pb.ts';
import { Button } from '../../components/controls/button.tsx';
import { useOpen } from '../../components/dialogs/dialog.tsx';
import { Answer } from '../../components/feedback/answer.tsx';
import { EmptyState, ErrorState } from '../../components/feedback/states.tsx';
import { useToast } from '../../components/feedback/toasts.tsx';
import { Page } from '../../components/page.tsx';
import { useSingleKeys } from '../../keyboard/single-keys.ts';
import { BulkBar } from './bulk-bar.tsx';
import { FilterBar } from './filter-bar.tsx';
import { LinkDialog } from './link-dialog.tsx';
import { isNarrow, type LinkFilter, useLinkFilter } from './link-filter.ts';
import { LinkList } from './link-list.tsx';
import type { RowActions } from './link-row.tsx';
import { useSelection } from './selection.ts';
import { useDomains } from './use-domains.ts';
import { type LinkActions, useLinkActions } from './use-link-actions.ts';
import { useLinkCommands } from './use-link-commands.ts';
import { useLinkLists, useLinks } from './use-links.ts';

const QrDialog = lazy(() => import('./qr-dialog.tsx'));

type Open = { readonly kind: 'create' } | { readonly kind: 'edit' | 'qr'; readonly link: Link };

export default function LinksPage() {
  const [filter, changeFilter] = useLinkFilter();
  const { query, links, withDomains } = useLinks(filter);
  const domains = useDomains();
  const { ids, chosen, choose, chooseAll } = useSelection(links);
  const { open, setOpen, close } = useOpen<Open>();
  const [areSingleKeysOn] = useSingleKeys();
  const actions = useLinkActions();
  const searchField = useRef<HTMLInputElement>(null);
  const create = useCallback(() => setOpen({ kind: 'create' }), [setOpen]);
  const rowActions = useRowActions({ actions, choose, setOpen, changeFilter });
  useLinkCommands({ links, searchField, create, rowActions });

  const { hasNextPage, isFetchingNextPage, fetchNextPage } = query;
  const loadMore = useCallback(() => {
    if (!isFetchingNextPage) void fetchNextPage();
  }, [isFetchingNextPage, fetchNextPage]);

  return (
    <Page
      title="Links"
      actions={
        <Button look="primary" icon="plus" onClick={create} title={areSingleKeysOn ? 'Create a link (N)' : undefined}>
          Create a link
        </Button>
      }
    >
      <FilterBar filter={filter} change={changeFilter} domains={domains} searchField={searchField} />
      <BulkBar chosen={chosen} actions={actions} chooseAll={() => chooseAll(links ?? [])} clear={() => chooseAll([])} />
      <Answer query={query}>
        {() =>
          // All that were loaded may have been deleted, with more to come.
          links && (links.length > 0 || hasNextPage) ? (
            <>
              <LinkList
                links={links}
                withDomains={withDomains || domains.length > 1}
                chosen={ids}
                actions={rowActions}
                isOld={query.isPlaceholderData}
                hasMore={hasNextPage && !query.isFetchNextPageError}
                loadMore={loadMore}
              />
              {query.isFetchNextPageError && <ErrorState error={query.error} retry={() => void fetchNextPage()} />}
            </>
          ) : (
            <NoLinks
              filter={filter}
              clear={() => changeFilter({ search: '', tag: '', state: '', domain: '' })}
              create={create}
            />
          )
        }
      </Answer>
      <OpenDialog open={open} close={close} />
    </Page>
  );
}

interface RowActionParts {
  readonly actions: LinkActions;
  readonly choose: RowActions['choose'];
  readonly setOpen: (open: Open) => void;
  readonly changeFilter: (change: Partial<LinkFilter>) => void;
}

function useRowActions({ actions, choose, setOpen, changeFilter }: RowActionParts): RowActions {
  return useMemo(
    () => ({
      choose,
      copy: actions.copy,
      edit: (link) => setOpen({ kind: 'edit', link }),
      showQr: (link) => setOpen({ kind: 'qr', link }),
      toggle: (link) => actions.setActive([link], !link.isActive),
      remove: (link) => actions.remove([link]),
      restore: (link) => actions.restore([link]),
      filterByTag: (tag) => changeFilter({ tag }),
    }),
    [actions, choose, setOpen, changeFilter],
  );
}

function OpenDialog({ open, close }: { open: Open | undefined; close: () => void }) {
  const lists = useLinkLists();
  const tell = useToast();
  if (!open) return null;
  if (open.kind === 'qr') {
    return (
      <Suspense fallback={null}>
        <QrDialog link={open.link} onClose={close} />
      </Suspense>
    );
  }
  const done = (link: Link, isNew: boolean): void => {
    close();
    lists.change(new Set([link.id]), () => link);
    lists.renew();
    tell({ text: isNew ? `Created ${link.shortUrl}` : `Saved ${link.title || link.code}.` });
  };
  return <LinkDialog link={open.kind === 'edit' ? open.link : undefined} onClose={close} onDone={done} />;
}

function NoLinks({ filter, clear, create }: { filter: LinkFilter; clear: () => void; create: () => void }) {
  if (isNarrow(filter)) {
    return (
      <EmptyState title="No link matches" advice="Search for another word, or show all links.">
        <Button onClick={clear}>Show all links</Button>
      </EmptyState>
    );
  }
  return (
    <EmptyState
      title="No links yet"
      advice="A short link leads to an address of your choice and counts who follows it."
    >
      <Button look="primary" icon="plus" onClick={create}>
        Create the first link
      </Button>
    </EmptyState>
  );
}
