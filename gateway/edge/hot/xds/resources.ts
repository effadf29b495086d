import { create, type DescMessage, type MessageInitShape, type MessageShape, toBinary } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { anyPack } from '@bufbuild/protobuf/wkt';
import {
  HeaderValueOption_HeaderAppendAction as AppendAction,
  type HeaderValueOption,
  HeaderValueOptionSchema,
  RuntimeFractionalPercentSchema,
} from '#gen-envoy/config/core/v3/base_pb.ts';
import {
  FilterConfigSchema,
  RouteListSchema,
  RouteSchema,
  VirtualHostSchema,
} from '#gen-envoy/config/route/v3/route_components_pb.ts';
import { HttpRequestHeaderMatchInputSchema } from '#gen-envoy/type/matcher/v3/http_inputs_pb.ts';
import { FractionalPercent_DenominatorType as Denominator } from '#gen-envoy/type/v3/percent_pb.ts';
import type { TypedExtensionConfig } from '#gen-xds/core/v3/extension_pb.ts';
import { TypedExtensionConfigSchema } from '#gen-xds/core/v3/extension_pb.ts';
import {
  type Matcher_MatcherList_Predicate,
  Matcher_MatcherList_PredicateSchema,
  Matcher_MatcherTree_MatchMapSchema,
  Matcher_MatcherTreeSchema,
  Matcher_OnMatchSchema,
} from '#gen-xds/type/matcher/v3/matcher_pb.ts';
import type { StringMatcherSchema } from '#gen-xds/type/matcher/v3/string_pb.ts';
import { writeClickTag } from '#runtime/shortlink/click-tag.ts';
import type { HotEntry } from '../entry.ts';
import { leaseKeyOf, pathOf, shardOf } from '../shards.ts';
import { authorize, type BaseRoutes } from './base-routes.ts';

const made = new WeakMap<HotEntry, Uint8Array>();

/**
 * An entry of the map of paths, as bytes of MatchMap. Encoded once per entry: concatenated encodings of one message type decode as one
 * merged message, so a map of 10,000 entries is concatenated, not encoded.
 */
export function encodeEntry(entry: HotEntry): Uint8Array {
  const known = made.get(entry);
  if (known) return known;
  const action = create(Matcher_OnMatchSchema, { onMatch: { case: 'action', value: routeOf(entry) } });
  const map = { [pathOf(entry.code)]: action };
  const bytes = toBinary(Matcher_MatcherTree_MatchMapSchema, create(Matcher_MatcherTree_MatchMapSchema, { map }));
  made.set(entry, bytes);
  return bytes;
}

function routeOf(entry: HotEntry): TypedExtensionConfig {
  return config('hot', RouteSchema, {
    // The only text of a route that an access log can read at almost no cost.
    name: writeClickTag({ ...entry, tier: 'edge' }),
    match: { pathSpecifier: { case: 'prefix', value: '/' } },
    action: { case: 'directResponse', value: { status: entry.status } },
    responseHeadersToAdd: [setHeader('location', entry.destination), setHeader('cache-control', entry.cacheControl)],
  });
}

/**
 * The one filter that envoy/ leaves switched on. It is switched off for a whole virtual host, because 250 bytes per route would be needed
 * otherwise; the routes of the file each set it themselves (base-routes.ts sees to that).
 */
const off = anyPack(FilterConfigSchema, create(FilterConfigSchema, { disabled: true }));

function setHeader(key: string, value: string): HeaderValueOption {
  return create(HeaderValueOptionSchema, {
    // A percent sign begins a command.
    header: { key, value: value.replaceAll('%', '%%') },
    appendAction: AppendAction.OVERWRITE_IF_EXISTS_OR_ADD,
  });
}

/** A domain's virtual host, as bytes: its hot paths while the lease of their shard holds, the routes of the file for everything else. */
export function encodeVirtualHost(
  base: BaseRoutes,
  domain: string,
  hosts: readonly string[],
  entries: readonly HotEntry[],
): Uint8Array {
  const { virtualHost } = base;
  const shell = toBinary(VirtualHostSchema, {
    ...virtualHost,
    name: virtualHostName(base, domain),
    domains: [...hosts],
    routes: [],
    typedPerFilterConfig: { ...virtualHost.typedPerFilterConfig, [authorize]: off },
  });
  const baseRoutes = config('base', RouteListSchema, { routes: virtualHost.routes });
  const onNoMatch = create(Matcher_OnMatchSchema, { onMatch: { case: 'action', value: baseRoutes } });
  const matcher = [
    // Field numbers of xds.type.matcher.v3.Matcher and its parts. A nested matcher without a match falls through to the next outer one, so
    // the routes of the file appear here once. Envoy refuses an empty map.
    ...(entries.length > 0 ? whenever(hotRequest, tree(3, shardsOf(entries))) : []),
    ...field(3, toBinary(Matcher_OnMatchSchema, onNoMatch)),
  ];
  return Buffer.concat([shell, ...within(21, matcher)]);
}

export const virtualHostName = (base: BaseRoutes, domain: string): string => `${base.name}/${domain}`;

/** The map from the path prefix of each shard to the shard, as bytes of MatchMap. */
function shardsOf(entries: readonly HotEntry[]): Uint8Array[] {
  const byShard = Map.groupBy(entries, ({ code }) => shardOf(code));
  return [...byShard].flatMap(([shard, own]) => {
    const matcher = whenever(leased(shard), tree(2, own.map(encodeEntry)));
    return within(1, [...field(1, Buffer.from(`/${shard}`)), ...within(2, within(1, matcher))]);
  });
}

/** A Matcher with one predicate in front of another matcher, as bytes of its matcher_list. */
function whenever(predicate: Uint8Array, matcher: readonly Uint8Array[]): Uint8Array[] {
  return within(1, within(1, [...field(1, predicate), ...within(2, within(1, matcher))]));
}

/** A map of paths, as bytes of a Matcher's matcher_tree; 2: exact paths, 3: prefixes. */
function tree(kind: 2 | 3, map: readonly Uint8Array[]): Uint8Array[] {
  const input = toBinary(Matcher_MatcherTreeSchema, create(Matcher_MatcherTreeSchema, { input: header(':path') }));
  return within(2, [input, ...within(kind, map)]);
}

/** A length-delimited field around bytes that are copied only at the end. */
function within(number: number, parts: readonly Uint8Array[]): Uint8Array[] {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  return [new BinaryWriter().tag(number, WireType.LengthDelimited).uint32(length).finish(), ...parts];
}

const field = (number: number, bytes: Uint8Array): Uint8Array[] => within(number, [bytes]);

function config<Desc extends DescMessage>(
  name: string,
  schema: Desc,
  init: Parameters<typeof create<Desc>>[1],
): TypedExtensionConfig {
  const message = create(schema, init) as MessageShape<Desc>;
  return create(TypedExtensionConfigSchema, { name, typedConfig: anyPack(schema, message) });
}

const header = (headerName: string): TypedExtensionConfig =>
  config('header', HttpRequestHeaderMatchInputSchema, { headerName });

type Predicate = Matcher_MatcherList_Predicate;

type Pattern = NonNullable<MessageInitShape<typeof StringMatcherSchema>['matchPattern']>;

function text(name: string, matchPattern: Pattern): Predicate {
  return create(Matcher_MatcherList_PredicateSchema, {
    matchType: {
      case: 'singlePredicate',
      value: {
        input: header(name),
        matcher: {
          case: 'valueMatch',
          value: { matchPattern, ignoreCase: name === 'content-type' },
        },
      },
    },
  });
}

const all = (...predicate: Predicate[]): Predicate =>
  create(Matcher_MatcherList_PredicateSchema, { matchType: { case: 'andMatcher', value: { predicate } } });

const not = (value: Predicate): Predicate =>
  create(Matcher_MatcherList_PredicateSchema, { matchType: { case: 'notMatcher', value } });

/** Matches while Envoy has the lease of a shard. Its message, RuntimeFraction, has the one field; no installed package has it. */
function leased(shard: string): Uint8Array {
  const fraction = toBinary(
    RuntimeFractionalPercentSchema,
    create(RuntimeFractionalPercentSchema, {
      defaultValue: { numerator: 0, denominator: Denominator.HUNDRED },
      runtimeKey: leaseKeyOf(shard),
    }),
  );
  const customMatch = create(TypedExtensionConfigSchema, {
    name: 'lease',
    typedConfig: {
      typeUrl: 'type.googleapis.com/envoy.extensions.matching.input_matchers.runtime_fraction.v3.RuntimeFraction',
      value: Buffer.concat(field(1, fraction)),
    },
  });
  return toBinary(
    Matcher_MatcherList_PredicateSchema,
    create(Matcher_MatcherList_PredicateSchema, {
      matchType: {
        case: 'singlePredicate',
        value: { input: header(':path'), matcher: { case: 'customMatch', value: customMatch } },
      },
    }),
  );
}

/** What follows the colon of a host that Envoy matched by `host:*` (snapshot.ts) may be anything, even several hosts. */
const hostAndPort = '(?:[^:]+|\\[.+\\])(?::[0-9]*)?';

/** Like the redirect's routes in envoy/routes/routes.ts, without HEAD: Envoy's own answer to that cannot say `content-length: 0`. */
const hotRequest = toBinary(
  Matcher_MatcherList_PredicateSchema,
  all(
    text(':method', { case: 'exact', value: 'GET' }),
    not(text('content-type', { case: 'prefix', value: 'application/grpc' })),
    text(':authority', {
      case: 'safeRegex',
      value: { engineType: { case: 'googleRe2', value: {} }, regex: hostAndPort },
    }),
  ),
);
