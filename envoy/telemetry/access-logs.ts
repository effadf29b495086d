import { posix } from 'node:path';
import { redirectStatuses } from '#runtime/shortlink/link-record.ts';
import { type JsonObject, typed } from '../json.ts';
import type { EnvoySettings } from '../settings.ts';
import { lineOfTrace } from './tracing.ts';

/** The dynamic metadata that following a link sets; without it there is no click. */
const clickKey = { filter: 'hop.click', path: [{ key: 'click' }] };

/** One line per followed link (proto/hop/event/v1/click_line.proto), one per other request. */
export function accessLogs({ spoolDir, logDir, traces }: EnvoySettings): JsonObject[] {
  const clicks = posix.join(spoolDir, 'clicks.jsonl');
  const trace = lineOfTrace(traces);
  return [
    file(clicks, { ...coldLine, ...trace }, clicked(true)),
    file(clicks, { ...hotLine, ...trace }, { and_filter: { filters: [redirected, clicked(false)] } }),
    ...[true, false].map((isSecret) =>
      file(posix.join(logDir, 'requests.jsonl'), isSecret ? { ...requestLine, path: '[secret]' } : requestLine, {
        and_filter: { filters: [...notRedirected, clicked(false), secretInPath(isSecret)] },
      }),
    ),
  ];
}

function file(path: string, format: JsonObject, filter: JsonObject): JsonObject {
  return {
    name: 'file',
    filter,
    typed_config: typed('envoy.extensions.access_loggers.file.v3.FileAccessLog', {
      path,
      log_format: { json_format: format },
    }),
  };
}

/** `invert` has no effect in a metadata filter; so presence and absence are expressed by the value and by match_if_key_not_found. */
function clicked(present: boolean): JsonObject {
  return {
    metadata_filter: { matcher: { ...clickKey, value: { present_match: present } }, match_if_key_not_found: !present },
  };
}

/**
 * Whether a path holds an API key, a refresh token or the secret of an invitation: people who have nothing else of one they want to end give
 * it in place of its id, and some programs encode the sign before the fragment of an invitation's URL. The transcoder has replaced the path
 * by that of the RPC, and kept the original.
 */
function secretInPath(holds: boolean): JsonObject {
  const filters = [':path', 'x-envoy-original-path'].map(
    (name): JsonObject => ({
      header_filter: {
        header: {
          name,
          string_match: { safe_regex: { regex: '[^?]*(?:/|%23)hop[ir]?_[0-9A-Za-z_-]{32}.*' } },
          invert_match: !holds,
          treat_missing_header_as_empty: true,
        },
      },
    }),
  );
  return holds ? { or_filter: { filters } } : { and_filter: { filters } };
}

/** A redirect without that metadata is a hot one: Envoy has no other. */
const redirected: JsonObject = { or_filter: { filters: redirectStatuses.map((status) => compared('EQ', status)) } };
const notRedirected = redirectStatuses.map((status) => compared('NE', status));

function compared(op: 'EQ' | 'NE', status: number): JsonObject {
  // The key is required, and never set.
  return { status_code_filter: { comparison: { op, value: { default_value: status, runtime_key: 'door.unused' } } } };
}

/** Common to all lines. */
const requested: JsonObject = {
  v: 1,
  at: '%START_TIME(%s%6f)%',
  request_id: '%REQ(X-REQUEST-ID):64%',
  method: '%REQ(X-ENVOY-ORIGINAL-METHOD?:METHOD):16%',
  status: '%RESPONSE_CODE%',
  host: '%REQ(:AUTHORITY):255%',
  path: '%REQ(X-ENVOY-ORIGINAL-PATH?:PATH):2048%',
  referrer: '%REQ(REFERER):2048%',
  user_agent: '%REQ(USER-AGENT):512%',
  accept_language: '%REQ(ACCEPT-LANGUAGE):128%',
  sec_purpose: `%COALESCE(${JSON.stringify({
    operators: ['SEC-PURPOSE', 'PURPOSE', 'X-MOZ'].map((param) => ({ command: 'REQ', param })),
  })}):64%`,
  dnt: '%REQ(DNT):8%',
  sec_gpc: '%REQ(SEC-GPC):8%',
  address: '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%',
};

/** The click's identity is six fields in one text: reading the metadata for each would cost four times as much. */
const coldLine: JsonObject = { ...requested, click: '%DYNAMIC_METADATA(hop.click:click):1536%' };

/** The same text is the name of a hot route. */
const hotLine: JsonObject = { ...requested, click: '%ROUTE_NAME%' };

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
