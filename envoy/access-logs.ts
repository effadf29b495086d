import { posix } from 'node:path';
import { type JsonObject, typed } from './json.ts';
import type { EnvoySettings } from './settings.ts';

/** The dynamic metadata that a followed link leaves; without it there is no click. */
const clickKey = { filter: 'hop.click', path: [{ key: 'link_id' }] };

/** One line per followed link (proto/hop/event/v1/click_line.proto), one per request that was not one. */
export function accessLogs({ spoolDir, logDir }: EnvoySettings): JsonObject[] {
  return [
    file(posix.join(spoolDir, 'clicks.jsonl'), clickLine, clicked(false)),
    file(posix.join(logDir, 'requests.jsonl'), requestLine, clicked(true)),
  ];
}

function file(path: string, format: JsonObject, metadata: JsonObject): JsonObject {
  return {
    name: 'file',
    filter: { metadata_filter: metadata },
    typed_config: typed('envoy.extensions.access_loggers.file.v3.FileAccessLog', {
      path,
      log_format: { json_format: format },
    }),
  };
}

function clicked(invert: boolean): JsonObject {
  return { matcher: { ...clickKey, value: { present_match: true }, invert }, match_if_key_not_found: invert };
}

const click = (key: string, length: number): string => `%DYNAMIC_METADATA(hop.click:${key}):${length}%`;

const clickLine: JsonObject = {
  v: 1,
  at: '%START_TIME(%s%6f)%',
  request_id: '%REQ(X-REQUEST-ID):64%',
  method: '%REQ(X-ENVOY-ORIGINAL-METHOD?:METHOD):16%',
  status: '%RESPONSE_CODE%',
  host: '%REQ(:AUTHORITY):255%',
  path: '%REQ(X-ENVOY-ORIGINAL-PATH?:PATH):2048%',
  link_id: click('link_id', 64),
  workspace_id: click('workspace_id', 64),
  link_version: click('link_version', 20),
  tier: click('tier', 16),
  domain: click('domain', 255),
  code: click('code', 1024),
  referrer: '%REQ(REFERER):2048%',
  user_agent: '%REQ(USER-AGENT):512%',
  accept_language: '%REQ(ACCEPT-LANGUAGE):128%',
  sec_purpose: `%COALESCE(${JSON.stringify({
    operators: ['SEC-PURPOSE', 'PURPOSE', 'X-MOZ'].map((param) => ({ command: 'REQ', param })),
  })}):64%`,
  dnt: '%REQ(DNT):8%',
  sec_gpc: '%REQ(SEC-GPC):8%',
  address: '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%',
  traceparent: '%REQ(TRACEPARENT):64%',
};

/** No query (searches are private), no credentials, no address. */
const requestLine: JsonObject = {
  at: '%START_TIME(%Y-%m-%dT%H:%M:%S.%3fZ)%',
  request_id: '%REQ(X-REQUEST-ID):64%',
  listener: '%FILTER_CHAIN_NAME%',
  route: '%ROUTE_NAME%',
  method: '%REQ(X-ENVOY-ORIGINAL-METHOD?:METHOD):16%',
  host: '%REQ(:AUTHORITY):255%',
  path: '%PATH(NQ:ORIG_OR_PATH):512%',
  protocol: '%PROTOCOL%',
  status: '%RESPONSE_CODE%',
  grpc_status: '%GRPC_STATUS(SNAKE_STRING)%',
  flags: '%RESPONSE_FLAGS%',
  details: '%RESPONSE_CODE_DETAILS%',
  duration_ms: '%DURATION%',
  upstream_ms: '%RESPONSE_DURATION%',
  cluster: '%UPSTREAM_CLUSTER%',
  upstream: '%UPSTREAM_HOST%',
  attempts: '%UPSTREAM_REQUEST_ATTEMPT_COUNT%',
  bytes_in: '%BYTES_RECEIVED%',
  bytes_out: '%BYTES_SENT%',
  user_agent: '%REQ(USER-AGENT):256%',
};
