/**
 * How long one resolver may take for a redirect, in milliseconds. Envoy sends it as the deadline of the call, and asks another resolver when
 * it is over. So a resolver that is only slow gives up before that: two at work on one follow would take two uses of a link with a limit.
 */
export const redirectTryMs = 750;

/** The most of it that a resolver may be set to spend on one part of its work: it answers slightly before the deadline (rpc/deadline.ts). */
export const longestPartMs = 700;
