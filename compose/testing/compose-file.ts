import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';

/** What the tests look at of a service in compose.yaml. */
export interface Container {
  readonly image: string;
  readonly command?: readonly string[];
  readonly entrypoint?: readonly string[];
  readonly environment?: Readonly<Record<string, unknown>>;
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly restart?: string;
  readonly mem_limit?: string;
  readonly cpus?: number;
  readonly cpu_shares?: number;
  readonly pids_limit?: number;
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly healthcheck?: { readonly test?: readonly string[]; readonly disable?: boolean };
  readonly networks?: readonly string[];
  readonly ports?: readonly string[];
  readonly network_mode?: string;
  readonly volumes?: readonly (string | { readonly source: string; readonly volume?: { readonly subpath?: string } })[];
  readonly configs?: readonly { readonly source: string }[];
}

export interface ComposeFile {
  readonly services: Readonly<Record<string, Container>>;
  readonly configs: Readonly<Record<string, { readonly file: string }>>;
  readonly volumes: Readonly<Record<string, unknown>>;
  readonly networks?: Readonly<Record<string, unknown>>;
}

export const composeDirectory = join(import.meta.dirname, '..');

/** compose/.env as Compose reads it with an empty shell. */
export function readDotenv(): Readonly<Record<string, string>> {
  const values: Record<string, string> = {};
  for (const line of readFileSync(join(composeDirectory, '.env'), 'utf8').split('\n')) {
    const match = /^(\w+)=(.*)$/.exec(line);
    if (match?.[1] !== undefined) values[match[1]] = fillIn(match[2] ?? '', values);
  }
  return values;
}

/** The file as it stands, merged keys resolved; `values` undefined leaves the variables as they are. */
export function readCompose(name: string, values?: Readonly<Record<string, string>>): ComposeFile {
  const text = readFileSync(join(composeDirectory, name), 'utf8');
  return parse(values ? fillIn(text, values) : text, { merge: true, maxAliasCount: -1 }) as ComposeFile;
}

function fillIn(text: string, values: Readonly<Record<string, string>>): string {
  return text.replace(/\$\$|\$\{(\w+)\}/g, (whole, name: string | undefined) => {
    if (name === undefined) return whole === '$$' ? '$' : whole;
    const value = values[name];
    if (value === undefined) throw new Error(`${name} is not in compose/.env.`);
    return value;
  });
}
