const mostApartMs = 3_600_000;

/**
 * What is refused or dropped for its age is gone for good, and the clock of a host that was suspended or has just started may be days off:
 * this throws until the clock has been set. Milliseconds since 1970.
 */
export function requireClock(ours: number, ofDatabase: number): void {
  const apartMs = Math.abs(ours - ofDatabase);
  if (apartMs > mostApartMs)
    throw new Error(`The clocks of this process and of the database are ${Math.round(apartMs / 1_000)} s apart.`);
}
