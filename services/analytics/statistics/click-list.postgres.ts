import { ClickFlag } from '#gen/event/v1/click_pb.ts';
import type { Replicas } from '#runtime/postgres/replicas.ts';
import type { ClickListStore, ClickRow } from '../store.ts';

/** How many clicks a page scans for those of people, so that a link followed only by bots costs no more than another. */
const mostScanned = 1_000;
const scannedPerClick = 4;

// Newest first, and within a microsecond by request id, for a definite order. Bots are left out after the scan was limited: a page may be
// short, and says where to continue.
const listClicks = `
with scanned as materialized (
  select c.*, row_number() over (partition by at order by request_id desc) as place
  from (
    select at, request_id, flags, country, region, city, device, browser, operating_system, referrer_host, language, tier
    from clicks
    where link_id = $1 and at >= 'epoch'::timestamptz + $2 * interval '1 microsecond'
      and at <= 'epoch'::timestamptz + $3 * interval '1 microsecond'
    order by at desc, request_id desc offset $4 limit $5
  ) c
), told as (
  select *, true as told from scanned where $6 or flags & ${ClickFlag.BOT | ClickFlag.HEAD | ClickFlag.PREFETCH} = 0 order by at desc, place limit $7
), last as (
  select *, false as told from scanned order by at desc, place offset $5 - 1
)
select (extract(epoch from at) * 1000000)::float8 as at_us, place::int, told, flags, country, region, city, device, browser,
  operating_system, referrer_host, language, tier
from (select * from told union all select * from last) c order by told desc, at desc, place`;

interface Row {
  at_us: number;
  /** Its position among the scanned clicks of the same microsecond, from 1. */
  place: number;
  /** False: only the last one of a scan that reached its limit. */
  told: boolean;
  flags: number;
  country: string;
  region: string;
  city: string;
  device: string;
  browser: string;
  operating_system: string;
  referrer_host: string;
  language: string;
  tier: number;
}

/** A link's single clicks, from a replica. */
export function postgresClickListStore(reads: Pick<Replicas, 'query'>): ClickListStore {
  return {
    async clicks({ linkId, sinceUs, from, limit, everything }) {
      const scan = everything ? limit + 1 : Math.max(mostScanned, scannedPerClick * limit);
      const values = [linkId, sinceUs, from.atUs, from.skip, scan, everything, limit + 1];
      const { rows } = await reads.query<Row>(listClicks, values);
      const told = rows.filter((row) => row.told);
      const last = told.length > limit ? told[limit - 1] : rows.find((row) => !row.told);
      const skipped = last?.at_us === from.atUs ? from.skip : 0;
      return {
        clicks: told.slice(0, limit).map(clickOf),
        next: last && { atUs: last.at_us, skip: skipped + last.place },
      };
    },
  };
}

function clickOf(row: Row): ClickRow {
  const { at_us: atUs, operating_system: operatingSystem, referrer_host: referrer } = row;
  const { flags, country, region, city, device, browser, language, tier } = row;
  return {
    at: Math.floor(atUs / 1_000),
    flags,
    country,
    region,
    city,
    device,
    browser,
    operatingSystem,
    referrer,
    language,
    tier,
  };
}
