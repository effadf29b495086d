import { createHopline, type Hopline } from '@hopline/client';
import { type Settings, settingsIn } from './settings.ts';
import type { Terminal } from './terminal.ts';
import { UsageError } from './usage-error.ts';

/** What a command works with. */
export interface Context {
  /** The installation's URL, without a trailing slash. */
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

/** Which installation and which credentials: the command line overrides the environment, which overrides what `hop login` stored. */
export function contextOf({ url: given, terminal, folder, signal, variables }: ContextOptions): Context {
  const settings = settingsIn(folder);
  const url = (given ?? (variables.HOP_URL || undefined) ?? settings.url ?? defaultUrl).replace(/\/+$/, '');
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw new UsageError(`"${url}" is no URL of an installation: it begins with https:// or http://.`);
  let hop: Hopline | undefined;
  return {
    url,
    terminal,
    settings,
    signal,
    variables,
    get hop() {
      if (hop) return hop;
      const name = ['HOP_API_KEY', 'HOP_TOKEN'].find((one) => variables[one]);
      const apiKey = name === undefined ? settings.apiKeyOf(url) : keyOf(variables[name] ?? '', name);
      hop = createHopline({ url, session: settings.sessionOf(url), ...(apiKey ? { apiKey } : {}) });
      return hop;
    },
  };
}

/** A key or token as pasted, perhaps with surrounding white space; `from` says where it came from, for errors. */
export function keyOf(text: string, from: string): string {
  const key = text.trim();
  if (!/^[!-~]+$/.test(key))
    throw new UsageError(`${from} is no API key and no token: it has characters that none has.`);
  return key;
}
