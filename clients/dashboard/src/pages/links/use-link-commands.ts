import { type RefObject, useMemo } from 'react';
import type { Link } from '#gen/link/v1/link_pb.ts';
import type { Command } from '../../keyboard/command-registry.ts';
import { useCommands } from '../../keyboard/commands.tsx';
import { focusRow, rowOf } from './link-list.tsx';
import type { RowActions } from './link-row.tsx';

interface LinkCommandParts {
  readonly links: readonly Link[] | undefined;
  readonly searchField: RefObject<HTMLInputElement | null>;
  readonly create: () => void;
  readonly rowActions: RowActions;
}

const group = 'Links';

/** The keys of the page; those for one link act on the row that has the focus. */
export function useLinkCommands({ links, searchField, create, rowActions }: LinkCommandParts): void {
  const commands = useMemo<Command[]>(() => {
    const here = (act: (link: Link) => void) => () => {
      const link = links?.[rowOf(document.activeElement)];
      if (link) act(link);
    };
    const row = (label: string, keys: string, act: (link: Link) => void): Command => ({
      label,
      keys,
      group: 'The link in focus',
      isHidden: true,
      run: here(act),
    });
    return [
      { label: 'Create a link', keys: 'n', icon: 'plus', group, run: create },
      { label: 'Search links', keys: '/', icon: 'search', group, run: () => searchField.current?.focus() },
      { label: 'Go to the first link', keys: 'j', group, isHidden: true, run: () => focusRow(document, 0) },
      row('Copy', 'c', rowActions.copy),
      row('Edit', 'e', rowActions.edit),
      row('Show the QR code', 'q', rowActions.showQr),
      row('Enable or disable', 'd', rowActions.toggle),
      row('Delete', 'Delete', rowActions.remove),
    ];
  }, [links, searchField, create, rowActions]);
  useCommands(commands);
}
