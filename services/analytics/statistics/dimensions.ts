/**
 * What clicks are broken down by. The place in this list, counted from 1, is the number under which a breakdown is stored: a new dimension
 * goes to the end, and none is ever moved or removed.
 */
export const dimensions = ['referrer', 'country', 'city', 'device', 'browser', 'operating_system', 'language'] as const;
export type Dimension = (typeof dimensions)[number];

/** The number under which it is stored. */
export const numberOf = (dimension: Dimension): number => dimensions.indexOf(dimension) + 1;

/** Undefined for a number that only a newer version knows. */
export const dimensionOf = (number: number): Dimension | undefined => dimensions[number - 1];
