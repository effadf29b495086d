import { createHopline, type Hopline } from '@hopline/client';
import { type Settings, settingsIn } from './settings.ts';
import type { Terminal } from './terminal.ts';

/** What a command works with. */
export interface Context {
  /** The installation, without a slash at its end. */
  readonly url: string;
  readonly hop: Hopline;
  readonly terminal: Terminal;
  readonly settings: Settings;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
  readonly variables: Variables;
}

type Variables = Readonly<Record<string, string | undefined>>;

interface ContextOptions {
  /** --url. */
  readonly url: string | undefined;
  readonly terminal: Terminal;
  readonly folder: string;
  readonly signal: AbortSignal;
  readonly variables: Variables;
}

const defaultUrl = 'http://localhost:8080';

/** Which installation, and as whom: what the command line says wins over the environment, that over what `hop login` kept. */
export function contextOf({ url: given, terminal, folder, signal, variables }: ContextOptions): Context {
  const settings = settingsIn(folder);
  const url = (given ?? (variables.HOP_URL || undefined) ?? settings.url ?? defaultUrl).replace(/\/+$/, '');
  const apiKey = variables.HOP_API_KEY || variables.HOP_TOKEN || settings.apiKeyOf(url);
  let hop: Hopline | undefined;
  return {
    url,
    terminal,
    settings,
    signal,
    variables,
    get hop() {
      hop ??= createHopline({ url, session: settings.sessionOf(url), ...(apiKey ? { apiKey } : {}) });
      return hop;
    },
  };
}
