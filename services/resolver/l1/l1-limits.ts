/** Bounds that no installation should have to turn. */
export const l1Limits = {
  absenceMs: 10_000,
  maxAbsences: 20_000,
  /** Much longer than a replica lags, and than the link service owes Redis a change. */
  floorMs: 600_000,
  maxFloors: 200_000,
} as const;
