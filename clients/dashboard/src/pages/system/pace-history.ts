import type { Timestamp } from '@bufbuild/protobuf/wkt';
import { useRef } from 'react';
import type { MeshStatus } from '#gen/status/v1/status_service_pb.ts';

/** Answers a second of each tier, from one reading to the next, the oldest first. */
export type PaceHistory = ReadonlyMap<string, readonly number[]>;

interface Reading {
  readonly at: number;
  readonly answers: ReadonlyMap<string, number>;
  readonly paces: PaceHistory;
}

/** Two minutes of readings every two seconds. */
const kept = 60;

export const millisecondsOf = (at: Timestamp | undefined): number =>
  at ? Number(at.seconds) * 1_000 + at.nanos / 1_000_000 : 0;

/** What changed between the readings that were shown so far. */
export function usePaceHistory(status: MeshStatus): PaceHistory {
  const last = useRef<Reading | undefined>(undefined);
  const at = millisecondsOf(status.at);
  if (last.current?.at !== at) last.current = nextReading(last.current, status, at);
  return last.current?.paces ?? new Map();
}

function nextReading(before: Reading | undefined, { tiers }: MeshStatus, at: number): Reading {
  const answers = new Map(tiers.map((tier) => [tier.tier, tier.answers]));
  if (!before) return { at, answers, paces: new Map() };
  const seconds = (at - before.at) / 1_000;
  const paces = new Map(
    [...answers].map(([tier, now]) => {
      // Counts begin anew with their processes.
      const more = Math.max(0, now - (before.answers.get(tier) ?? 0));
      return [tier, [...(before.paces.get(tier) ?? []), more / seconds].slice(-kept)];
    }),
  );
  return { at, answers, paces };
}
