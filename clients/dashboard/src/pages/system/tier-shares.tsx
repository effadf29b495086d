import type { MeshStatus, TierAnswers } from '#gen/status/v1/status_service_pb.ts';
import { count, pace, share } from './measures.ts';
import { usePaceHistory } from './pace-history.ts';
import { Sparkline } from './sparkline.tsx';
import style from './tier-shares.module.css';
import { tierWords } from './tier-words.ts';

/** Who answers those who follow links: one bar, and below it each tier with its pace. */
export function TierShares({ status }: { status: MeshStatus }) {
  const history = usePaceHistory(status);
  const most = Math.max(0, ...[...history.values()].flat());
  const perSecond = status.tiers.reduce((sum, tier) => sum + tier.answersPerSecond, 0);
  return (
    <>
      <p className={style.sum}>
        {perSecond > 0
          ? `${pace(perSecond)} over the last minute, ${share(status.tiers[0]?.share ?? 0)} of it at the edge.`
          : 'No link was followed in the last minute.'}
      </p>
      <ShareBar tiers={status.tiers} />
      <table className={style.tiers}>
        <caption className="only-read">Answers by tier, the fastest first</caption>
        <thead>
          <tr>
            <th scope="col">Tier</th>
            <th scope="col">Share</th>
            <th scope="col">Now</th>
            <th scope="col" className={style.past}>
              Two minutes
            </th>
            <th scope="col" className={style.past}>
              Since the start
            </th>
          </tr>
        </thead>
        <tbody>
          {status.tiers.map((tier) => (
            <TierRow key={tier.tier} tier={tier} paces={history.get(tier.tier) ?? []} most={most} />
          ))}
        </tbody>
      </table>
    </>
  );
}

function TierRow({ tier, paces, most }: { tier: TierAnswers; paces: readonly number[]; most: number }) {
  const words = tierWords[tier.tier];
  return (
    <tr>
      <th scope="row">
        <span className={style.key} data-tier={tier.tier} aria-hidden="true" />
        <span>
          {words?.name ?? tier.tier} <span className={style.what}>{words?.what}</span>
        </span>
      </th>
      <td>{share(tier.share)}</td>
      <td>{pace(paces.at(-1) ?? tier.answersPerSecond)}</td>
      <td className={style.past}>
        <Sparkline values={paces} most={most} />
      </td>
      <td className={style.past}>{count(tier.answers)}</td>
    </tr>
  );
}

/** The table below says it in words. */
function ShareBar({ tiers }: { tiers: readonly TierAnswers[] }) {
  const starts = tiers.map((_, at) => tiers.slice(0, at).reduce((sum, tier) => sum + tier.share, 0));
  return (
    <svg className={style.bar} viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true">
      {tiers.map(({ tier, share: part }, at) => (
        <rect key={tier} data-tier={tier} x={100 * (starts[at] ?? 0)} width={100 * part} height="1" />
      ))}
    </svg>
  );
}
