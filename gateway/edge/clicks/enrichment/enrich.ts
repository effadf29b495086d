import { hash } from 'node:crypto';
import { ClickFlag } from '#gen/event/v1/click_pb.ts';
import type { Click } from '../click.ts';
import type { ClickLine } from '../parse.ts';
import { nowhere, type PlaceOf } from './geo.ts';
import { createAgentReader } from './user-agent.ts';

/** The salt of the UTC day that begins at day * 24 h, in hexadecimal; undefined when this edge does not have it. */
export type SaltOfDay = (day: number) => string | undefined;

const dayUs = 86_400_000_000;
const hostPattern =
  /^(?:https?|android-app):\/\/(?:[^/?#@]*@)?([^/?#:@[\]\s]{1,255}|\[[0-9a-f:.]{2,45}\])(?:[:/?#]|$)/i;

/** Turns a line into a click: what identifies a person goes in and does not come out. */
export function createEnricher(saltOfDay: SaltOfDay, placeOf: PlaceOf): (line: ClickLine) => Click {
  const agentOf = createAgentReader();
  return (line) => {
    const agent = agentOf(line.userAgent);
    const place = line.address === '' ? nowhere : placeOf(line.address);
    return {
      atUs: line.atUs,
      requestId: line.requestId,
      link: line.link,
      status: line.status,
      flags: flagsOf(line, agent.bot),
      visitor: line.doNotTrack ? 0n : visitorOf(line, saltOfDay(Math.floor(line.atUs / dayUs))),
      referrerHost: referrerHost(line.referrer),
      place: line.doNotTrack ? { country: place.country, region: '', city: '' } : place,
      agent,
      language: primaryLanguage(line.acceptLanguage),
      traceparent: line.traceparent,
    };
  };
}

function flagsOf(line: ClickLine, bot: boolean): number {
  return (
    (bot ? ClickFlag.BOT : 0) |
    (line.method === 'HEAD' ? ClickFlag.HEAD : 0) |
    (isPrefetch(line.secPurpose) ? ClickFlag.PREFETCH : 0) |
    (line.doNotTrack ? ClickFlag.DO_NOT_TRACK : 0)
  );
}

const digestBytes = Buffer.alloc(32);

/**
 * 64 bits of a hash that only the holder of the day's salt can make: the same address and user agent in the same
 * workspace on the same day. The parts are separated by a character that none of them can hold.
 */
export function visitorOf(
  { link, address, userAgent }: Pick<ClickLine, 'link' | 'address' | 'userAgent'>,
  salt: string | undefined,
): bigint {
  if (!salt || address === '') return 0n;
  // As a string: a new buffer for each digest would cost three times as much as the hashing.
  digestBytes.write(hash('sha256', `${salt}\0${link.workspaceId}\0${address}\0${userAgent}`, 'binary'), 'latin1');
  return digestBytes.readBigUInt64LE(0) || 1n;
}

/** The host of a Referer header in lower case, without port and trailing dot; empty if there is none. */
export function referrerHost(referrer: string): string {
  if (referrer === '') return '';
  const host = hostPattern.exec(referrer)?.[1] ?? '';
  return host.toLowerCase().replace(/\.$/, '');
}

/** The primary subtag (BCP 47) of the first language of an Accept-Language header, in lower case; empty if there is none. */
export function primaryLanguage(acceptLanguage: string): string {
  return /^\s*([a-z]{2,3})(?=[-_;,\s]|$)/i.exec(acceptLanguage)?.[1]?.toLowerCase() ?? '';
}

/** Whether a Sec-Purpose, Purpose or X-Moz header says that the browser is only prefetching. */
export function isPrefetch(purpose: string): boolean {
  return /prefetch|prerender|preview/i.test(purpose);
}
