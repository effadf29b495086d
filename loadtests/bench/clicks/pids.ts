import type { Bench } from '../measure.ts';

/** The processes that a click goes through. */
export const CLICK_PARTS = ['gateway-edge', 'kafka', 'analytics', 'postgres', 'postgres-replica'] as const;

export function findPids({ subject }: Bench): Map<string, number> {
  return new Map(CLICK_PARTS.map((part) => [part, subject.mesh.pid(part)]));
}
