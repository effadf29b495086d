import { useId, useLayoutEffect, useMemo, useState } from 'react';
import { TextField } from '../components/controls/field.tsx';
import { Dialog } from '../components/dialogs/dialog.tsx';
import { Icon } from '../components/icon.tsx';
import type { Command } from './command-registry.ts';
import { useAllCommands } from './commands.tsx';
import { Keys } from './keys-view.tsx';
import style from './palette.module.css';

/** Finds commands by some of their letters, and runs them. */
export default function Palette({ onClose }: { onClose: () => void }) {
  const commands = useAllCommands();
  const [search, setSearch] = useState('');
  const [chosen, setChosen] = useState(0);
  const listId = useId();
  const found = useMemo(
    () => commands.filter((command) => !command.isHidden && matches(command, search)),
    [commands, search],
  );
  const at = Math.min(chosen, found.length - 1);
  useLayoutEffect(() => document.getElementById(`${listId}-${at}`)?.scrollIntoView({ block: 'nearest' }), [listId, at]);

  const run = (command: Command | undefined): void => {
    if (!command) return;
    onClose();
    command.run();
  };
  const onKeyDown = (event: React.KeyboardEvent): void => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined && found.length > 0) setChosen((at + step + found.length) % found.length);
    else if (event.key === 'Enter') run(found[at]);
    else return;
    event.preventDefault();
  };

  return (
    <Dialog title="What do you want to do?" onClose={onClose}>
      <TextField
        label="Command"
        role="combobox"
        aria-expanded="true"
        aria-controls={listId}
        aria-activedescendant={found[at] ? `${listId}-${at}` : undefined}
        autoComplete="off"
        value={search}
        onChange={(event) => {
          setSearch(event.target.value);
          setChosen(0);
        }}
        onKeyDown={onKeyDown}
      />
      {found.length === 0 ? (
        <p className={style.nothing}>No command matches. Try another word.</p>
      ) : (
        <div id={listId} role="listbox" aria-label="Commands" className={style.list}>
          {found.map((command, index) => (
            // biome-ignore lint/a11y/useFocusableInteractive: the focus stays in the field, which names the chosen option.
            // biome-ignore lint/a11y/useKeyWithClickEvents: Enter in the field runs what is chosen.
            <div
              key={command.label}
              id={`${listId}-${index}`}
              role="option"
              aria-selected={index === at}
              className={style.item}
              onClick={() => run(command)}
              onPointerMove={() => setChosen(index)}
            >
              {command.icon && <Icon name={command.icon} size={18} />}
              <span className={style.label}>{command.label}</span>
              {command.keys && <Keys keys={command.keys} />}
            </div>
          ))}
        </div>
      )}
    </Dialog>
  );
}

/** Matches all letters of the search, in order: "crli" finds "Create a link". */
function matches({ label }: Command, search: string): boolean {
  const text = label.toLowerCase();
  let from = 0;
  for (const letter of search.toLowerCase().replace(/\s/g, '')) {
    from = text.indexOf(letter, from) + 1;
    if (from === 0) return false;
  }
  return true;
}
