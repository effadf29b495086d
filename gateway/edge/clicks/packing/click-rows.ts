import type { Click } from '../click.ts';
import type { Place } from '../enrichment/geo.ts';
import type { Agent } from '../enrichment/user-agent.ts';
import type { FollowedLink } from '../parse.ts';

const requestIdBytes = 16;
const visitorBytes = 8;

/**
 * Clicks that wait for their message, column by column in the order in which they were added. Values that many clicks share are one object,
 * and what is unique to a click is stored as bytes: the garbage collector would copy a batch of objects again and again until it is sent.
 */
export class ClickRows {
  /** Microseconds since 1970. */
  readonly atUs: number[] = [];
  readonly link: FollowedLink[] = [];
  readonly place: Place[] = [];
  readonly agent: Agent[] = [];
  readonly referrerHost: string[] = [];
  readonly language: string[] = [];
  readonly status: number[] = [];
  readonly flags: number[] = [];
  /** The W3C traceparents of the traced clicks, by row. */
  readonly traceparents = new Map<number, string>();
  readonly #texts = new Map<string, string>();
  #requestIds: Buffer = Buffer.allocUnsafe(512 * requestIdBytes);
  #visitors: Buffer = Buffer.allocUnsafe(512 * visitorBytes);

  static of(clicks: Iterable<Click>): ClickRows {
    const rows = new ClickRows();
    for (const click of clicks) rows.add(click);
    return rows;
  }

  get length(): number {
    return this.atUs.length;
  }

  /** 16 bytes each. */
  get requestIds(): Buffer {
    return this.#requestIds.subarray(0, this.length * requestIdBytes);
  }

  /** 8 bytes each, little-endian. */
  get visitors(): Buffer {
    return this.#visitors.subarray(0, this.length * visitorBytes);
  }

  add(click: Click): void {
    const row = this.length;
    this.#requestIds = withRoom(this.#requestIds, (row + 1) * requestIdBytes);
    this.#visitors = withRoom(this.#visitors, (row + 1) * visitorBytes);
    this.#requestIds.write(click.requestId, row * requestIdBytes, 'hex');
    this.#visitors.writeBigUInt64LE(click.visitor, row * visitorBytes);
    this.atUs.push(click.atUs);
    this.link.push(click.link);
    this.place.push(click.place);
    this.agent.push(click.agent);
    this.referrerHost.push(this.#shared(click.referrerHost));
    this.language.push(this.#shared(click.language));
    this.status.push(click.status);
    this.flags.push(click.flags);
    if (click.traceparent !== '') this.traceparents.set(row, click.traceparent);
  }

  /** Equal strings in a batch are stored once. */
  #shared(text: string): string {
    const known = this.#texts.get(text);
    if (known !== undefined) return known;
    this.#texts.set(text, text);
    return text;
  }
}

function withRoom(bytes: Buffer, length: number): Buffer {
  if (length <= bytes.length) return bytes;
  const larger = Buffer.allocUnsafe(Math.max(2 * bytes.length, length));
  larger.set(bytes);
  return larger;
}
