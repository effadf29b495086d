import { useSyncExternalStore } from 'react';
import { createStoredChoice } from './stored-choice.ts';

export const themes = ['system', 'light', 'dark'] as const;
export type Theme = (typeof themes)[number];

const choice = createStoredChoice<Theme>('hop-theme', themes);

/** What the person chose; `system` follows the machine. */
export const useTheme = (): [Theme, (theme: Theme) => void] => [
  useSyncExternalStore(choice.subscribe, choice.current),
  choice.choose,
];

/** Call once before the first paint of the program. */
export function startTheme(): void {
  apply();
  choice.subscribe(apply);
}

function apply(): void {
  document.documentElement.dataset.theme = choice.current();
}
