import { useQuery } from '@connectrpc/connect-query';
import { Link as PageLink, useParams, useSearch } from 'wouter';
import type { Link } from '#gen/link/v1/link_pb.ts';
import { LinkService } from '#gen/link/v1/link_service_pb.ts';
import { problemOf } from '../../api/problem.ts';
import { Answer } from '../../components/feedback/answer.tsx';
import { EmptyState } from '../../components/feedback/states.tsx';
import { Page } from '../../components/page.tsx';
import { RangeBar } from '../../range/range-bar.tsx';
import { useRange } from '../../range/use-range.ts';
import { LinkButtons } from './link-buttons.tsx';
import { LinkFacts } from './link-facts.tsx';
import { LinkStatistics } from './link-statistics.tsx';
import { LiveClicks } from './live-clicks.tsx';
import { useFreshStats } from './use-fresh-stats.ts';

/** One link: what it is, and who followed it. */
export default function LinkPage() {
  const { code = '' } = useParams();
  const domain = new URLSearchParams(useSearch()).get('domain');
  const link = useQuery(LinkService.method.getLink, { code, ...(domain && { domain }) });
  const isGone = link.error !== null && goneReasons.includes(problemOf(link.error).reason);
  return (
    <Page
      title={link.data?.title || code}
      lead={link.data && !isGone && <LinkFacts link={link.data} />}
      actions={link.data && <LinkButtons link={link.data} isGone={isGone} />}
    >
      {isGone ? (
        <NoSuchLink error={link.error} />
      ) : (
        <Answer query={link}>{(found) => <LinkNumbers link={found} />}</Answer>
      )}
    </Page>
  );
}

const goneReasons = ['LINK_NOT_FOUND', 'LINK_DELETED', 'DOMAIN_UNKNOWN'];

/** Asking again is of no use, so that is not offered. */
function NoSuchLink({ error }: { error: unknown }) {
  const { reason, title, advice } = problemOf(error);
  return (
    <EmptyState title={title} advice={advice}>
      {reason === 'LINK_DELETED' ? (
        <PageLink href="/links?state=deleted">Go to the deleted links</PageLink>
      ) : (
        <PageLink href="/links">Go to the links</PageLink>
      )}
    </EmptyState>
  );
}

function LinkNumbers({ link }: { link: Link }) {
  const state = useRange();
  const onClick = useFreshStats();
  return (
    <>
      <RangeBar {...state} />
      <LinkStatistics link={link} {...state} />
      {/* What was told of another link, or with bots, is not to stay. */}
      <LiveClicks key={`${link.id} ${state.withBots}`} link={link} withBots={state.withBots} onClick={onClick} />
    </>
  );
}
