import type { Command } from './command-registry.ts';
import { areSingleKeysOn, isSingle } from './single-keys.ts';

/** How long the second key of a pair may take. */
const pairMs = 1_200;

/** Runs commands by their keys, except while somebody types or a dialog is open. Returns a function to stop. */
export function listenToKeys(
  commands: () => readonly Command[],
  now: () => number = () => performance.now(),
): () => void {
  let first: { readonly key: string; readonly at: number } | undefined;
  const onKey = (event: KeyboardEvent): void => {
    if (event.defaultPrevented || event.isComposing || event.repeat) return;
    const key = keyOf(event);
    if (!key || (isSingle(key) && !areSingleKeysOn())) return;
    const begun = first && now() - first.at < pairMs ? `${first.key} ${key}` : undefined;
    first = undefined;
    // No key leaves a dialog for another page: it may hold something shown only once. An existing dialog is open, or about to be reopened.
    if (document.querySelector('dialog') || (!key.startsWith('mod+') && isTyping(event.target))) return;
    const bound = (keys: string): Command | undefined => commands().find((command) => command.keys === keys);
    const command = (begun && bound(begun)) || bound(key);
    if (command) {
      event.preventDefault();
      command.run();
    } else if (commands().some(({ keys }) => keys?.startsWith(`${key} `))) first = { key, at: now() };
  };
  document.addEventListener('keydown', onKey);
  return () => document.removeEventListener('keydown', onKey);
}

/** The keys of a command as people read them: `mod+k` is ⌘K or Ctrl K. */
export function keyNames(keys: string): readonly string[] {
  const isMac = /Mac|iPhone|iPad/.test(navigator.platform);
  return keys.split(' ').flatMap((key) => {
    if (!key.startsWith('mod+')) return [key.length === 1 ? key.toUpperCase() : key];
    return [isMac ? '⌘' : 'Ctrl', key.slice(4).toUpperCase()];
  });
}

function keyOf({ key, ctrlKey, metaKey, altKey }: KeyboardEvent): string | undefined {
  if (altKey || key === 'Shift') return undefined;
  const lower = key.length === 1 ? key.toLowerCase() : key;
  return ctrlKey || metaKey ? `mod+${lower}` : lower;
}

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName)) &&
    !/^(checkbox|radio|button)$/.test((target as HTMLInputElement).type)
  );
}
