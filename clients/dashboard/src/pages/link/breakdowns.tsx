import type { LinkStats } from '#gen/analytics/v1/analytics_service_pb.ts';
import { WorldMap } from '../../charts/lazy-charts.tsx';
import {
  cityName,
  countryName,
  deviceName,
  languageName,
  plainName,
  referrerName,
  tierName,
} from '../../charts/names.ts';
import { Panel, Panels } from '../../charts/panel.tsx';
import { Shares } from '../../charts/shares.tsx';
import style from './link-page.module.css';

/** Whoever shows places shows where they are from (NOTICE). */
const placesFrom = (
  <a href="https://db-ip.com" target="_blank" rel="noreferrer">
    IP Geolocation by DB-IP
  </a>
);

/** Where clicks came from, with what, and what answered them. */
export function Breakdowns({ stats }: { stats: LinkStats }) {
  const tiers = stats.tiers.map(({ tier, clicks }) => ({ value: tier, clicks }));
  return (
    <>
      <Panel title="Countries" aside={placesFrom}>
        <div className={style.places}>
          <WorldMap countries={stats.countries} />
          <div>
            <Shares of="Country" shares={stats.countries} nameOf={countryName} />
          </div>
        </div>
      </Panel>
      <Panels>
        <Panel title="Cities" aside={placesFrom}>
          <Shares of="City" shares={stats.cities} nameOf={cityName} />
        </Panel>
        <Panel title="Referrers">
          <Shares of="Referrer" shares={stats.referrers} nameOf={referrerName} />
        </Panel>
        <Panel title="Devices">
          <Shares of="Device" shares={stats.devices} nameOf={deviceName} />
        </Panel>
        <Panel title="Browsers">
          <Shares of="Browser" shares={stats.browsers} nameOf={plainName} />
        </Panel>
        <Panel title="Operating systems">
          <Shares of="Operating system" shares={stats.operatingSystems} nameOf={plainName} />
        </Panel>
        <Panel title="Languages">
          <Shares of="Language" shares={stats.languages} nameOf={languageName} />
        </Panel>
        <Panel title="Answered by" aside="the latest 10,000 at most">
          <Shares of="Tier" shares={tiers} nameOf={tierName} />
        </Panel>
      </Panels>
    </>
  );
}
