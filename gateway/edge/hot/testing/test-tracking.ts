import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { type LinkChange, LinkChangeSchema, type LinkRecord, LinkRecordSchema } from '#gen/link/v1/change_pb.ts';
import type { LinkKey } from '#runtime/shortlink/link-key.ts';
import type { HotEntry } from '../entry.ts';
import { nameOf } from '../link-name.ts';
import { createTrackedLinks } from '../tracking/tracked-links.ts';

export const domain = 'go.example';
export const now = 1_800_000_000_000;

export function recordOf(
  code: string,
  version: bigint,
  more: MessageInitShape<typeof LinkRecordSchema> = {},
): LinkRecord {
  return create(LinkRecordSchema, {
    id: '018f0000-0000-7000-8000-000000000001',
    workspaceId: '018f0000-0000-7000-8000-0000000000aa',
    domain,
    code,
    version,
    destination: `https://destination.example/${version}`,
    redirectStatus: 302,
    ...more,
  });
}

export const changeOf = (record: LinkRecord, previousCode = ''): LinkChange =>
  create(LinkChangeSchema, { record, previousCode });

/** A primary in memory whose answers wait until the test lets them go, the set that comes of it, and an Envoy that takes it when it is told. */
export function testTracking(room = 1e6) {
  const primary = new Map<string, LinkRecord>();
  const set = new Map<string, HotEntry>();
  const envoy = new Map<string, HotEntry>();
  /** By name: the version of the set without which Envoy may not answer for it. */
  const withheld = new Map<string, bigint>();
  let setVersion = 0n;
  let acknowledgedVersion: bigint | undefined;
  const questions: { readonly keys: readonly LinkKey[]; answer(): Promise<void>; fail(): Promise<void> }[] = [];
  let corrected = 0;
  let calls = 0;
  let clock = now;
  const tracked = createTrackedLinks({
    hotSet: {
      put(entries) {
        setVersion++;
        for (const entry of entries) if (set.delete(nameOf(entry)) || set.size < room) set.set(nameOf(entry), entry);
        return entries.filter((entry) => set.get(nameOf(entry)) !== entry);
      },
      remove(keys) {
        setVersion++;
        for (const key of keys) set.delete(nameOf(key));
      },
      status: () => ({
        ...{ entries: set.size, bytes: 0, version: setVersion, acknowledgedVersion },
        ...{ connected: 1, nacks: 0, refused: 0, pushes: 0, slowestPushMs: 0 },
      }),
    },
    lookup: (keys: readonly LinkKey[]) => {
      const found = keys.flatMap((key) => primary.get(nameOf(key)) ?? []);
      return new Promise((resolve, reject) => {
        const turn = () => new Promise<void>((done) => setImmediate(done));
        questions.push({
          keys,
          answer() {
            resolve(found);
            return turn();
          },
          fail() {
            reject(new Error('lost'));
            return turn();
          },
        });
      });
    },
    onUnread: () => {
      calls++;
    },
    onCorrection: (links) => {
      corrected += links.length;
      for (const link of links) withheld.set(nameOf(link), setVersion);
    },
    wallClock: () => clock,
  });
  const key = (code: string): LinkKey => ({ domain, code });
  return {
    tracked,
    primary,
    set,
    questions,
    key,
    /** Envoy has what there is now. */
    push() {
      envoy.clear();
      for (const [name, entry] of set) envoy.set(name, entry);
      acknowledgedVersion = setVersion;
      for (const [name, version] of withheld) if (version <= setVersion) withheld.delete(name);
    },
    /** What Envoy answers by itself. */
    served: () => [...envoy].filter(([name]) => !withheld.has(name)),
    corrected: () => corrected,
    /** Whether it was called to read since the last time. */
    called() {
      const wasCalled = calls > 0;
      calls = 0;
      return wasCalled;
    },
    advance: (ms: number) => {
      clock += ms;
    },
    store: (record: LinkRecord) => void primary.set(nameOf(record), record),
    /** Wants, reads and answers. */
    async make(...codes: string[]) {
      tracked.track(codes.map(key));
      const read = tracked.read();
      for (let question = questions.shift(); question; question = questions.shift()) await question.answer();
      await read;
    },
    versionOf: (code: string) => set.get(`${domain}/${code}`)?.version,
  };
}
