/**
 * The longest message from outside, unpacked: more than the longest legal one. Envoy bounds only what is sent, and compressed that may be a
 * thousandth. Decoding a mebibyte of fields, or counting its letters, takes tens of milliseconds in which nobody else is answered.
 */
export const publicRequestBytes = 196_608;
