export interface Found {
  readonly command: string;
  readonly version: string;
}

export interface Machine {
  readonly platform: string;
  readonly arch: string;
  readonly nodeVersion: string;
  readonly glibc: string | undefined;
  readonly macos: string | undefined;
  readonly packageManager: string;
  readonly installing: boolean;
  readonly python: Found | undefined;
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
export function findPython(): Found | undefined;
export function findJava(): Found | undefined;
