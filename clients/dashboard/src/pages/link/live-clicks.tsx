import { createClient } from '@connectrpc/connect';
import { useQuery, useTransport } from '@connectrpc/connect-query';
import { useCallback, useMemo, useState } from 'react';
import { AnalyticsService, type WatchClicksResponse } from '#gen/analytics/v1/analytics_service_pb.ts';
import type { Click } from '#gen/analytics/v1/click_pb.ts';
import type { Link } from '#gen/link/v1/link_pb.ts';
import { countryName, deviceName, tierName } from '../../charts/names.ts';
import { count } from '../../charts/numbers.ts';
import { Panel } from '../../charts/panel.tsx';
import { Answer } from '../../components/feedback/answer.tsx';
import { LiveMark } from '../../live/live-mark.tsx';
import { useStream } from '../../live/use-stream.ts';
import { fullMoment, millisecondsOf, momentName } from '../../range/moments.ts';
import { merged, mostShown } from './latest-clicks.ts';
import style from './live-clicks.module.css';

interface LiveClicksProps {
  readonly link: Link;
  readonly withBots: boolean;
  /** With each click that comes in. */
  onClick(): void;
}

/** The latest clicks, and each new one as it is counted. */
export function LiveClicks({ link, withBots, onClick }: LiveClicksProps) {
  const { code, domain } = link;
  const question = { code, domain, includeBots: withBots };
  const list = useQuery(AnalyticsService.method.listClicks, { ...question, pageSize: mostShown });
  const { told, skipped, stream } = useTold(question, onClick, () => void list.refetch());
  const rows = useMemo(() => merged(told, list.data?.clicks ?? []), [told, list.data]);
  return (
    <Panel title="Latest clicks" aside={<LiveMark {...stream} />}>
      <Answer query={list}>
        {() =>
          rows.length === 0 ? (
            <p className={style.none}>None so far. New clicks appear here as they happen.</p>
          ) : (
            <ol className={style.clicks} aria-label="Latest clicks, newest first">
              {rows.map(({ click, key, isNew }) => (
                <ClickLine key={key} click={click} isNew={isNew} />
              ))}
            </ol>
          )
        }
      </Answer>
      {skipped > 0 && (
        <p className={style.none}>{count(skipped)} more came at the same time; they are counted, but not listed.</p>
      )}
    </Panel>
  );
}

/** What the stream has told since the page was opened. */
function useTold(
  { code, domain, includeBots }: { code: string; domain: string; includeBots: boolean },
  onClick: () => void,
  onOpen: () => void,
) {
  const transport = useTransport();
  const [told, setTold] = useState<readonly Click[]>([]);
  const [skipped, setSkipped] = useState(0);
  const open = useCallback(
    (signal: AbortSignal) =>
      createClient(AnalyticsService, transport).watchClicks({ code, domain, includeBots }, { signal, timeoutMs: 0 }),
    [transport, code, domain, includeBots],
  );
  const stream = useStream<WatchClicksResponse>(
    open,
    ({ event }) => {
      if (event.case === 'click') {
        const { value } = event;
        setTold((before) => [value, ...before].slice(0, mostShown));
        onClick();
      } else if (event.case === 'heartbeat') setSkipped(event.value.skipped);
    },
    // What came before the stream, or while it was away, is in the list.
    onOpen,
  );
  return { told, skipped, stream };
}

function ClickLine({ click, isNew }: { click: Click; isNew: boolean }) {
  const at = millisecondsOf(click.at);
  const kind = click.bot ? 'Bot' : click.head ? 'HEAD' : click.prefetch ? 'Prefetched' : '';
  const place = [click.city, click.country && countryName(click.country)].filter(Boolean).join(', ');
  const means = [click.browser, click.operatingSystem].filter(Boolean).join(' on ');
  return (
    <li className={style.click} data-new={isNew || undefined}>
      <time className={style.time} dateTime={new Date(at).toISOString()} title={fullMoment(at)}>
        {momentName(at, Date.now())}
      </time>
      <span className={style.place}>{place || 'Unknown place'}</span>
      <span className={style.means}>{means || deviceName(click.device)}</span>
      <span className={style.from}>{click.referrer ? `from ${click.referrer}` : 'direct'}</span>
      <span className={style.tier}>
        {kind && <strong>{kind}</strong>} {click.tier && tierName(click.tier)}
      </span>
    </li>
  );
}
