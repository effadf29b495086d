import { promisify } from 'node:util';
import { constants, zstdCompress, zstdCompressSync, zstdDecompress } from 'node:zlib';
import kafkajs, { type ISocketFactory, type Kafka, type LogEntry } from 'kafkajs';
import RequestQueue, { type SentRequest } from 'kafkajs/src/network/requestQueue/index.js';
import createSocketFactory from 'kafkajs/src/network/socketFactory.js';
import type { Log } from '../telemetry/log.ts';

export interface KafkaOptions {
  readonly brokers: readonly string[];
  readonly clientId: string;
  /** TLS connections; ca: the authority that signs the brokers' certificates (PEM), in place of those that Node trusts. */
  readonly tls?: boolean | { readonly ca: string };
  /** SCRAM-SHA-512, with or without TLS. */
  readonly credentials?: { readonly user: string; readonly password: string };
  readonly log: Log;
}

/** A batch that decompresses to more than this is refused: Kafka takes at most 1 MiB compressed. */
const largestUnpacked = 67_108_864;

/** Compressing a smaller batch takes a fraction of the time of handing it to another thread and back. */
const smallBatch = 65_536;
const packing = { params: { [constants.ZSTD_c_compressionLevel]: 1 } } as const;
const compressApart = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

// Node has zstd since 22.15; kafkajs itself has only gzip, at some ten times the CPU for these rows.
kafkajs.CompressionCodecs[kafkajs.CompressionTypes.ZSTD] = () => ({
  compress: async ({ buffer }: { buffer: Buffer }) =>
    buffer.length <= smallBatch ? zstdCompressSync(buffer, packing) : compressApart(buffer, packing),
  decompress: (buffer: Buffer) => decompress(buffer, { maxOutputLength: largestUnpacked }),
});

/**
 * kafkajs 2.2.4 checks an empty queue a thousand times a second on every connection (tulios/kafkajs issues 1704 and 1751). With nothing
 * pending there is nothing to check: the next push schedules a check.
 */
const schedule = RequestQueue.prototype.scheduleCheckPendingRequests;
RequestQueue.prototype.scheduleCheckPendingRequests = function scheduleCheckPendingRequests(): void {
  if (this.pending.length > 0) schedule.call(this);
};

/**
 * It also checks every connection ten times a second for timed-out requests, by the wall clock: where that is set back, a request to a
 * broker that hangs would last as much longer. The timeout is ten seconds (requestTimeout), from the first check after the request was sent.
 */
const timeoutCheckMs = 1_000;
RequestQueue.prototype.scheduleRequestTimeoutCheck = function scheduleRequestTimeoutCheck(): void {
  this.destroy();
  const seenAt = new WeakMap<SentRequest, number>();
  this.requestTimeoutIntervalId = setInterval(() => {
    const now = performance.now();
    for (const request of this.inflight.values()) {
      const since = seenAt.get(request) ?? now;
      seenAt.set(request, since);
      if (now - since >= request.requestTimeout) request.timeoutRequest();
    }
    if (!this.isConnected()) this.destroy();
  }, timeoutCheckMs);
};

/** How many clients were made with the same options. */
const clientsWith = new WeakMap<KafkaOptions, number>();

/**
 * kafkajs connects to the first broker of its list, and to no other one while that accepts connections and does not answer. So each client
 * with the same options begins with the next broker.
 */
function inTurn(options: KafkaOptions): string[] {
  const { brokers } = options;
  const clients = clientsWith.get(options) ?? 0;
  clientsWith.set(options, clients + 1);
  const first = clients % brokers.length;
  return [...brokers.slice(first), ...brokers.slice(0, first)];
}

const openSocket = createSocketFactory();

/** Sockets that are destroyed when the signal aborts; none is opened after that. */
function socketsUntil(signal: AbortSignal): ISocketFactory {
  return (options) => {
    signal.throwIfAborted();
    const socket = openSocket(options);
    const destroy = () => socket.destroy(new Error('This client of Kafka is given up.'));
    signal.addEventListener('abort', destroy, { once: true });
    return socket.once('close', () => signal.removeEventListener('abort', destroy));
  };
}

interface ClientOptions {
  /** Of a request (default 5, which take up to three seconds where Kafka refuses, and a minute where it does not answer). */
  readonly retries?: number;
  /**
   * Gives the client up. By itself kafkajs goes on to retry what it had begun, even after a disconnect, and keeps a socket open until the
   * broker closes it too, which one that hangs never does.
   */
  readonly signal?: AbortSignal;
}

export function createKafka(
  options: KafkaOptions,
  { retries = 5, signal = new AbortController().signal }: ClientOptions = {},
): Kafka {
  const { clientId, tls = false, credentials, log } = options;
  const brokers = inTurn(options);
  return new kafkajs.Kafka({
    // kafkajs retries when it cannot connect, and not when there is nobody to connect to.
    brokers: () => (signal.aborted ? [] : brokers),
    clientId,
    ssl: tls,
    ...(credentials && {
      sasl: { mechanism: 'scram-sha-512', username: credentials.user, password: credentials.password },
    }),
    connectionTimeout: 3_000,
    requestTimeout: 10_000,
    enforceRequestTimeout: true,
    retry: { retries, initialRetryTime: 100, maxRetryTime: 1_000, factor: 0.2, multiplier: 2 },
    socketFactory: socketsUntil(signal),
    logLevel: kafkajs.logLevel.WARN,
    logCreator: () => (entry) => {
      if (!signal.aborted) forward(log, entry);
    },
  });
}

/** kafkajs logs as ERROR what it is about to retry; failures that end a send or a batch are logged where they are caught. */
function forward(log: Log, { level, namespace, log: content }: LogEntry): void {
  const { message, error, groupId, broker } = content;
  const line = { part: namespace, fault: typeof error === 'string' ? error : undefined, group: groupId, broker };
  if (level === kafkajs.logLevel.ERROR) log.warn(line, `kafka: ${message}`);
  else log.debug(line, `kafka: ${message}`);
}
