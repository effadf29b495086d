export interface Found {
  readonly command: string;
  readonly version: string;
}

export interface FoundPython extends Found {
  /** Whether it can make virtual environments. */
  readonly venv: boolean;
}

export interface Machine {
  readonly platform: string;
  readonly arch: string;
  readonly nodeVersion: string;
  readonly glibc: string | undefined;
  readonly macos: string | undefined;
  readonly packageManager: string;
  readonly installing: boolean;
  readonly python: FoundPython | undefined;
  readonly java: Found | undefined;
  readonly maven: string | undefined;
}

export interface Fault {
  readonly what: string;
  readonly found: string;
  readonly how: string;
}

export function inspect(options: { readonly installing: boolean }): Machine;
export function faults(machine: Machine): Fault[];
export function explain(list: readonly Fault[]): string;
export function findPython(): FoundPython | undefined;
export function findJava(): Found | undefined;
