/** The short host of the tests' mesh beside localhost; browsers know that all below localhost is this machine. */
export const otherDomain = 'go.localhost';
