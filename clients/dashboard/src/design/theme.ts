import { useSyncExternalStore } from 'react';

export const themes = ['system', 'light', 'dark'] as const;
export type Theme = (typeof themes)[number];

const key = 'hop-theme';
const listeners = new Set<() => void>();
let current: Theme = stored();

/** What the person chose; `system` follows the machine. Kept in this browser. */
export function useTheme(): [Theme, (theme: Theme) => void] {
  return [useSyncExternalStore(subscribe, () => current), setTheme];
}

/** Call once before the first paint of the program. */
export function startTheme(): void {
  apply();
  addEventListener('storage', (event) => {
    if (event.key !== key) return;
    current = stored();
    apply();
  });
}

function setTheme(theme: Theme): void {
  current = theme;
  try {
    localStorage.setItem(key, theme);
  } catch {
    // A browser that keeps nothing still shows what was chosen, until the page is left.
  }
  apply();
}

function apply(): void {
  document.documentElement.dataset.theme = current;
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function stored(): Theme {
  try {
    const value = localStorage.getItem(key);
    return themes.find((theme) => theme === value) ?? 'system';
  } catch {
    return 'system';
  }
}
