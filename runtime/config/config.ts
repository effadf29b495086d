import { accessSync, constants, statSync } from 'node:fs';
import { isIP } from 'node:net';

/** One environment variable: its name, what a valid value looks like, and how it is parsed. */
export interface Variable<Value> {
  readonly name: string;
  /** What is expected, to complete "expected …". */
  readonly expected: string;
  /** Whether the raw text must be kept out of messages. */
  readonly secret: boolean;
  /** Used when the variable is absent or empty. */
  readonly fallback?: { readonly value: Value };
  /** What else has to be set: NAME, or NAME=value. */
  readonly needs?: string;
  /** Throws a sentence that says what is wrong. */
  parse(raw: string): Value;
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

export type Environment = Readonly<Record<string, string | undefined>>;
export type ConfigSpec = Readonly<Record<string, Variable<unknown>>>;
export type ConfigOf<Spec extends ConfigSpec> = {
  readonly [Key in keyof Spec]: Spec[Key] extends Variable<infer Value> ? Value : never;
};

/** All faults of an environment at once, so that one restart fixes them all. Holds no values of secrets. */
export class ConfigError extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`The environment is not usable:\n${problems.map((problem) => `  ${problem}`).join('\n')}`);
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

/** Declares a process's environment. The same variable under two keys is a bug, and throws. */
export function defineConfig<const Spec extends ConfigSpec>(spec: Spec): Spec {
  const seen = new Set<string>();
  for (const variable of Object.values(spec)) {
    if (seen.has(variable.name)) throw new Error(`${variable.name} is declared twice.`);
    seen.add(variable.name);
  }
  return spec;
}

/** Reads the environment; throws a ConfigError that names every missing or invalid variable. */
export function loadConfig<const Spec extends ConfigSpec>(
  spec: Spec,
  environment: Environment = process.env,
): ConfigOf<Spec> {
  const values: Record<string, unknown> = {};
  const problems: string[] = [];
  for (const [key, variable] of Object.entries(spec)) {
    const outcome = read(variable, environment[variable.name]);
    if ('problem' in outcome) problems.push(outcome.problem);
    else values[key] = outcome.value;
    if (lacksNeeded(variable, environment)) problems.push(`${variable.name} needs ${variable.needs}.`);
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return values as ConfigOf<Spec>;
}

interface Choices<Value> {
  readonly default?: Value;
}
interface Bounds extends Choices<number> {
  readonly min?: number;
  readonly max?: number;
}

type Outcome<Value> = { readonly value: Value } | { readonly problem: string };

function lacksNeeded({ name, needs }: Variable<unknown>, environment: Environment): boolean {
  const textOf = (of: string): string => environment[of]?.trim() ?? '';
  if (needs === undefined || textOf(name) === '') return false;
  const [other = '', value] = needs.split('=');
  return value === undefined ? textOf(other) === '' : textOf(other) !== value;
}

function read<Value>(variable: Variable<Value>, raw: string | undefined): Outcome<Value> {
  const text = raw?.trim() ?? '';
  if (text === '') {
    if (variable.fallback) return { value: variable.fallback.value };
    return { problem: `${variable.name} is not set: expected ${variable.expected}.` };
  }
  try {
    return { value: variable.parse(text) };
  } catch (error) {
    const fault = error instanceof Error ? error.message : 'is not usable';
    const shown = variable.secret ? '' : ` ${JSON.stringify(text.slice(0, 200))}`;
    return { problem: `${variable.name}${shown} ${fault}: expected ${variable.expected}.` };
  }
}

function variable<Value>(
  name: string,
  expected: string,
  parse: (raw: string) => Value,
  choices: Choices<Value> = {},
  secret = false,
): Variable<Value> {
  return choices.default === undefined
    ? { name, expected, secret, parse }
    : { name, expected, secret, parse, fallback: { value: choices.default } };
}

/** A whole number between min and max, both inclusive. */
export function int(
  name: string,
  { min = 0, max = Number.MAX_SAFE_INTEGER, ...choices }: Bounds = {},
): Variable<number> {
  return variable(name, `a whole number from ${min} to ${max}`, (raw) => whole(raw, min, max), choices);
}

/** A duration in milliseconds. */
export function duration(name: string, { min = 0, max = 86_400_000, ...choices }: Bounds = {}): Variable<number> {
  return variable(name, `milliseconds, from ${min} to ${max}`, (raw) => whole(raw, min, max), choices);
}

export function text(
  name: string,
  { pattern, ...choices }: Choices<string> & { pattern?: RegExp } = {},
): Variable<string> {
  const expected = pattern ? `text that matches ${pattern.source}` : 'text';
  return variable(name, expected, (raw) => matching(raw, pattern), choices);
}

export function oneOf<const Value extends string>(
  name: string,
  values: readonly Value[],
  choices: Choices<Value> = {},
): Variable<Value> {
  const parse = (raw: string): Value => {
    const found = values.find((value) => value === raw);
    if (found === undefined) throw new Error('is not one of them');
    return found;
  };
  return variable(name, `one of ${values.join(', ')}`, parse, choices);
}

export function bool(name: string, choices: Choices<boolean> = {}): Variable<boolean> {
  const parse = (raw: string): boolean => {
    if (raw === 'true') return true;
    if (raw === 'false') return false;
    throw new Error('is neither');
  };
  return variable(name, 'true or false', parse, choices);
}

/** A comma-separated list without empty entries. */
export function list(name: string, choices: Choices<readonly string[]> = {}): Variable<readonly string[]> {
  return variable(name, 'a comma-separated list', entries, choices);
}

export function url(name: string, choices: Choices<string> = {}): Variable<string> {
  return variable(name, 'an absolute URL', absoluteUrl, choices);
}

/** A URL that holds a password. */
export function secretUrl(name: string, choices: Choices<string> = {}): Variable<string> {
  return variable(name, 'an absolute URL', absoluteUrl, choices, true);
}

export function secretUrls(name: string, choices: Choices<readonly string[]> = {}): Variable<readonly string[]> {
  return variable(name, 'a comma-separated list of URLs', (raw) => entries(raw).map(absoluteUrl), choices, true);
}

/** A secret of at least minLength characters (default 8). */
export function secretText(
  name: string,
  { minLength = 8, ...choices }: Choices<string> & { minLength?: number } = {},
): Variable<string> {
  const parse = (raw: string): string => {
    if (raw.length < minLength) throw new Error('is too short');
    return raw;
  };
  return variable(name, `a secret of at least ${minLength} characters`, parse, choices, true);
}

/** host:port; an IPv6 host is in brackets. Port 0 lets the system choose one. */
export function address(name: string, choices: Choices<Address> = {}): Variable<Address> {
  return variable(name, 'host:port', hostAndPort, choices);
}

export function addresses(name: string, choices: Choices<readonly Address[]> = {}): Variable<readonly Address[]> {
  return variable(name, 'a comma-separated list of host:port', (raw) => entries(raw).map(hostAndPort), choices);
}

/** The path of a file that this process may read. */
export function file(name: string, choices: Choices<string> = {}): Variable<string> {
  return variable(name, 'the path of a readable file', readableFile, choices);
}

/** Undefined when absent; an invalid value is still a fault. */
export function optional<Value>(inner: Variable<Value>): Variable<Value | undefined> {
  return { ...inner, parse: (raw) => inner.parse(raw), fallback: { value: inner.fallback?.value } };
}

/** Needs another variable: when this one is set, the other must be set too (`NAME`), or have a value (`NAME=value`). */
export function needing<Value>(other: string, inner: Variable<Value>): Variable<Value> {
  return { ...inner, needs: other };
}

function whole(raw: string, min: number, max: number): number {
  if (!/^-?\d{1,16}$/.test(raw)) throw new Error('is not a whole number');
  const value = Number(raw);
  if (value < min || value > max) throw new Error('is out of range');
  return value;
}

function matching(raw: string, pattern: RegExp | undefined): string {
  if (pattern && !pattern.test(raw)) throw new Error('does not match');
  return raw;
}

function entries(raw: string): string[] {
  const found = raw
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
  if (found.length === 0) throw new Error('has no entry');
  return found;
}

function absoluteUrl(raw: string): string {
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(raw) || !URL.canParse(raw)) throw new Error('is not a URL');
  return raw;
}

function hostAndPort(raw: string): Address {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(raw);
  const port = Number(match?.[3]);
  if (!match || port > 65_535) throw new Error('is not host:port');
  const bracketed = match[1];
  if (bracketed !== undefined && isIP(bracketed) !== 6)
    throw new Error('has a host in brackets that is no IPv6 address');
  return { host: bracketed ?? match[2] ?? '', port };
}

function readableFile(path: string): string {
  if (!statSync(path, { throwIfNoEntry: false })?.isFile()) throw new Error('is not a file');
  try {
    accessSync(path, constants.R_OK);
  } catch {
    throw new Error('may not be read by this process');
  }
  return path;
}
