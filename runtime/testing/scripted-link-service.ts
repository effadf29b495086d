import type { MessageInitShape } from '@bufbuild/protobuf';
import { createClient, createRouterTransport } from '@connectrpc/connect';
import type { LinkRecord } from '#gen/link/v1/change_pb.ts';
import { LinkService, type WatchResponseSchema } from '#gen/link/v1/link_service_pb.ts';
import { waitFor } from './wait-for.ts';

export type WatchMessage = MessageInitShape<typeof WatchResponseSchema>;

export async function present<Value>(pick: () => Value | undefined, what: string): Promise<Value> {
  const value = await waitFor(pick, { intervalMs: 1, what });
  if (value === undefined) throw new Error(`There is no ${what}.`);
  return value;
}

/** A LinkService in memory whose streams say what the test says. */
export function scriptedLinkService() {
  const streams: { cursor: string; say(message: WatchMessage): void; end(error?: Error): void; ended: boolean }[] = [];
  const told: WatchMessage[] = [];
  let lookalikes: string[] = [];
  let listed = 0;
  let listing = async (): Promise<void> => {};
  const records = new Map<string, LinkRecord>();
  const transport = createRouterTransport(({ rpc }) => {
    rpc(LinkService.method.watch, async function* ({ cursor }, { signal }) {
      let queue: (WatchMessage | Error | undefined)[] = [];
      let wake = Promise.withResolvers<void>();
      const push = (entry: WatchMessage | Error | undefined): void => {
        queue.push(entry);
        wake.resolve();
      };
      const stream = { cursor, say: push, end: push as (error?: Error) => void, ended: false };
      signal.addEventListener('abort', () => push(undefined));
      streams.push(stream);
      for (const message of told) push(message);
      try {
        for (;;) {
          await wake.promise;
          wake = Promise.withResolvers<void>();
          const entries = queue;
          queue = [];
          for (const entry of entries) {
            if (entry === undefined) return;
            if (entry instanceof Error) throw entry;
            yield entry;
          }
        }
      } finally {
        stream.ended = true;
      }
    });
    rpc(LinkService.method.lookupLinks, ({ names }) => ({
      records: names.flatMap(({ domain, code }) => records.get(`${domain}/${code}`) ?? []),
    }));
    rpc(LinkService.method.listLookalikes, async function* () {
      listed++;
      yield { codes: lookalikes };
      await listing();
    });
  });
  return {
    client: createClient(LinkService, transport),
    streams,
    /** On the present stream, and again on each one after it, as LinkService does with what a broken stream may have lost. */
    tell(message: WatchMessage): void {
      told.push(message);
      streams.at(-1)?.say(message);
    },
    setLookalikes: (codes: string[]) => {
      lookalikes = codes;
    },
    listed: () => listed,
    /** From now on each list of lookalikes ends with this, or fails with it. */
    whenListed(end: () => Promise<void>): void {
      listing = end;
    },
    /** What lookupLinks finds, by domain/code. */
    records,
    /** The n-th stream, once it is open. */
    stream: (n: number) => present(() => streams[n], `stream ${n}`),
  };
}
