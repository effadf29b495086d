import type { Http2Session } from 'node:http2';
import type { DescMethodUnary } from '@bufbuild/protobuf';
import { MethodOptions_IdempotencyLevel } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, type Transport } from '@connectrpc/connect';
import { createGrpcTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { ErrorInfoSchema } from '#gen-google/rpc/error_details_pb.ts';
import type { Address } from '../../config/config.ts';
import { fromConnectError, toConnectError, unavailable } from '../../errors/errors.ts';
import { type Reason, reasons } from '../../errors/reasons.ts';
import { connectInTime } from './connect.ts';
import { createLoadBalancer } from './load-balancer.ts';
import { createProcesses, type FindProcesses } from './processes.ts';

type Connection = Transport & { drop(): void };

/** The deadline of a unary call that sets none. */
const longestMs = 30_000;

/** Abort a stream with this reason when it has been silent for too long: its connection is dropped as well. */
export const fellSilent = new ConnectError('The stream fell silent.', Code.Unavailable);

/**
 * Calls the processes of a service in turn. A unary call whose connection breaks is retried once, at another process if there is one,
 * provided that the contract marks it idempotent or that no process was listening.
 */
export function failoverTransport(
  addresses: readonly Address[],
  maxResponseBytes: number,
  find?: FindProcesses,
): Transport {
  const { balancer, processes } = balancerOver(addresses, maxResponseBytes, find);
  return {
    async unary(method, signal, timeoutMs = longestMs, header, input, contextValues) {
      const until = performance.now() + timeoutMs;
      processes.refresh();
      const backend = balancer.next();
      const ask = async (asked: typeof backend, left: number) => {
        const askedAt = performance.now();
        const response = await asked.transport.unary(method, signal, left, header, input, contextValues);
        balancer.answered(asked, askedAt);
        return response;
      };
      try {
        return await ask(backend, timeoutMs);
      } catch (error) {
        if (!isBreak(error, signal)) throw error;
        balancer.broke(backend);
        processes.doubt();
        const left = Math.floor(until - performance.now());
        const mayAsk = isIdempotent(method) || isUnheard(error);
        if (!mayAsk || left <= 0 || !balancer.mayRetry()) throw unavailableBy(error);
        return await ask(balancer.next(backend), left).catch((again: unknown) => {
          throw isBreak(again, signal) ? unavailableBy(again) : again;
        });
      }
    },
    async stream(method, signal, timeoutMs, header, input, contextValues) {
      processes.refresh();
      const backend = balancer.next();
      const askedAt = performance.now();
      const known = (error: unknown): unknown => {
        // A connection that stays open in silence would be used for the next call too.
        if (signal?.reason === fellSilent) backend.transport.drop();
        else if (!isBreak(error, signal)) return error;
        balancer.broke(backend);
        processes.doubt();
        return unavailableBy(error);
      };
      try {
        const response = await backend.transport.stream(method, signal, timeoutMs, header, input, contextValues);
        balancer.answered(backend, askedAt);
        return { ...response, message: watched(response.message, known) };
      } catch (error) {
        throw known(error);
      }
    },
  };
}

/** One connection per process. A process that is gone gets no new calls; calls in flight go on. */
function balancerOver(addresses: readonly Address[], maxResponseBytes: number, find: FindProcesses | undefined) {
  let open = new Map<string, Connection>();
  const connectTo = (processes: readonly Address[]): Connection[] => {
    const before = open;
    open = new Map();
    for (const address of processes) {
      const name = JSON.stringify(address);
      open.set(name, before.get(name) ?? connection(address, maxResponseBytes));
    }
    return [...open.values()];
  };
  const balancer = createLoadBalancer(connectTo(addresses));
  const processes = createProcesses({ addresses, find, moved: (all) => balancer.replace(connectTo(all)) });
  return { balancer, processes };
}

async function* watched<Message>(
  messages: AsyncIterable<Message>,
  known: (error: unknown) => unknown,
): AsyncGenerator<Message> {
  try {
    yield* messages;
  } catch (error) {
    throw known(error);
  }
}

/**
 * One connection, opened on demand, within a second (connect.ts). A process that vanished with its host closes no connection: one that has
 * been silent for two seconds is pinged, before the next call or while one waits, and counts as dead a second later. One that sends
 * something more often is never pinged.
 */
function connection(address: Address, readMaxBytes: number): Connection {
  const { host, port } = address;
  const baseUrl = `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
  const keepalive = {
    pingIntervalMs: 2_000,
    pingTimeoutMs: 1_000,
    // Idle connections would be pinged by a timer that outlives them, and throws where nobody can catch it.
    pingIdleConnection: false,
    idleConnectionTimeoutMs: 900_000,
  };
  const sessions = new Http2SessionManager(baseUrl, keepalive, {
    createConnection: () => connectInTime(address),
  });
  const transport = createGrpcTransport({
    baseUrl,
    sessionManager: withHeardErrors(sessions),
    readMaxBytes,
    acceptCompression: [],
  });
  return { ...transport, drop: () => sessions.abort() };
}

type Sessions = Pick<Http2SessionManager, 'authority' | 'request' | 'notifyResponseByteRead'>;

/**
 * The session manager removes its listeners from a broken connection as soon as the next call asks for another, which may be before the
 * connection emits its error. An unhandled error event ends the process; the calls have been told by then.
 */
function withHeardErrors(sessions: Sessions): Sessions {
  const heard = new WeakSet<Http2Session>();
  return {
    authority: sessions.authority,
    async request(...call) {
      const stream = await sessions.request(...call);
      const { session } = stream;
      if (session && !heard.has(session)) heard.add(session.on('error', () => {}));
      return stream;
    },
    notifyResponseByteRead: (stream) => sessions.notifyResponseByteRead(stream),
  };
}

const isIdempotent = ({ idempotency }: DescMethodUnary): boolean =>
  idempotency !== MethodOptions_IdempotencyLevel.IDEMPOTENCY_UNKNOWN;

/** Whether the connection broke, or the process is going away, rather than an answer being an error. */
function isBreak(error: unknown, signal: AbortSignal | undefined): boolean {
  if (!(error instanceof ConnectError) || signal?.aborted) return false;
  const [info] = error.findDetails(ErrorInfoSchema);
  if (info) return info.reason === ('SHUTTING_DOWN' satisfies Reason);
  // Node cancels the streams of a connection that is closed under them.
  return error.code === Code.Canceled || ['unavailable', 'timeout'].includes(fromConnectError(error).kind);
}

/** Whether nobody can have received the call, because nobody listens there. */
function isUnheard(error: unknown): boolean {
  const cause = error instanceof ConnectError ? error.cause : undefined;
  return cause instanceof Error && 'code' in cause && cause.code === 'ECONNREFUSED';
}

/** A cancellation that nobody requested means that the service is unavailable. */
function unavailableBy(error: unknown): unknown {
  if (!(error instanceof ConnectError) || error.code !== Code.Canceled) return error;
  return toConnectError(unavailable('DEPENDENCY_UNAVAILABLE', reasons.DEPENDENCY_UNAVAILABLE.sentence, 1_000, error));
}
