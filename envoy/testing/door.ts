import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { freePort } from '#runtime/testing/wait-for.ts';
import type { EnvoySettings } from '../settings.ts';
import { type RunningEnvoy, startEnvoy } from './envoy-process.ts';
import { type FixtureServices, type SeenCall, startFixtureServices } from './fixture-services.ts';

export const descriptorPath = fileURLToPath(new URL('../../gen/hopline.binpb', import.meta.url));
export const checkRpc = 'envoy.service.auth.v3.Authorization/Check';
export const limitRpc = 'envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit';
export const goodToken = 'Bearer good';

/** The real Envoy before stand-in services. */
export interface Door {
  readonly envoy: RunningEnvoy;
  readonly services: FixtureServices;
  /** The calls of one RPC since the last clear(). */
  callsOf(rpc: string): SeenCall[];
  clear(): void;
  stop(): Promise<void>;
}

/** `elsewhere` has the addresses of services that the stand-ins do not stand in for. */
export async function startDoor(
  overrides: Partial<EnvoySettings> = {},
  elsewhere: Partial<EnvoySettings['upstreams']> = {},
): Promise<Door> {
  const services = await startFixtureServices(readFileSync(overrides.descriptorPath ?? descriptorPath));
  services.on(checkRpc, authorize);
  const at = [{ host: '127.0.0.1', port: services.port }];
  const ports = { public: await freePort(), internal: await freePort(), admin: await freePort() };
  const upstreams = { link: at, resolver: at, identity: at, analytics: at, 'gateway-access': at, ...elsewhere };
  const envoy = await startEnvoy(ports, upstreams, overrides).catch(async (error: unknown) => {
    await services.stop();
    throw error;
  });
  return {
    envoy,
    services,
    callsOf: (rpc) => services.calls.filter((call) => call.rpc === rpc),
    clear: () => void services.calls.splice(0),
    stop: async () => {
      await envoy.stop();
      await services.stop();
    },
  };
}

/** What the check request says that the tests care for. */
export interface CheckRequest {
  readonly attributes: {
    readonly request: {
      readonly http: { readonly method: string; readonly path: string; readonly headers: Record<string, string> };
    };
    readonly contextExtensions: { readonly rpc: string; readonly anonymous: string };
  };
}

/** Stands in for gateway-access: one good token, and a caller header that says which RPC it was made for. */
export function authorize(call: SeenCall): { response: never } {
  const { attributes } = call.request as unknown as CheckRequest;
  const { rpc, anonymous } = attributes.contextExtensions;
  const good = anonymous === 'true' || attributes.request.http.headers.authorization === goodToken;
  const answer = good
    ? {
        okResponse: {
          headers: [{ header: { key: 'x-hop-caller', value: rpc }, appendAction: 'OVERWRITE_IF_EXISTS_OR_ADD' }],
        },
      }
    : {
        deniedResponse: {
          status: { code: 'Unauthorized' },
          headers: [{ header: { key: 'content-type', value: 'application/json' } }],
          body: '{"code":16,"message":"said by gateway-access","details":[]}',
        },
      };
  const dynamicMetadata = good && anonymous !== 'true' ? { dynamicMetadata: { caller: 'user:somebody' } } : {};
  return { response: { status: { code: good ? 0 : 16 }, ...answer, ...dynamicMetadata } as never };
}
