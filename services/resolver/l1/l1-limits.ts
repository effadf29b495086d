/** Limits that no installation should need to change. */
export const l1Limits = {
  absenceMs: 10_000,
  maxAbsences: 20_000,
  /** Much longer than a replica lags, or a change takes to reach Redis. */
  floorMs: 600_000,
  maxFloors: 200_000,
} as const;
