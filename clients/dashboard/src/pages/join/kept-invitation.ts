const key = 'hop-invitation';
const inFragment = /^#(hopi_[\w-]+)$/;
let kept: string | undefined;

/**
 * Takes the secret of an invitation out of the address, where it would stay in the history, and keeps it in this tab: who is invited may have
 * to sign up first.
 */
export function keepInvitation(): void {
  const [, secret] = inFragment.exec(location.hash) ?? [];
  if (secret === undefined) return;
  history.replaceState(history.state, '', location.pathname + location.search);
  kept = secret;
  try {
    sessionStorage.setItem(key, secret);
  } catch {
    // If the browser stores nothing, it is kept until the page is left.
  }
}

export function keptInvitation(): string | undefined {
  try {
    return kept ?? sessionStorage.getItem(key) ?? undefined;
  } catch {
    return kept;
  }
}

export function forgetInvitation(): void {
  kept = undefined;
  try {
    sessionStorage.removeItem(key);
  } catch {
    // Then nothing was stored.
  }
}
