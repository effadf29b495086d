import { useQuery } from '@connectrpc/connect-query';
import { LinkService } from '#gen/link/v1/link_service_pb.ts';
import { Answer } from '../../components/answer.tsx';
import { Page } from '../../components/page.tsx';
import { EmptyState } from '../../components/states.tsx';
import { Table } from '../../components/table.tsx';

export default function LinksPage() {
  const links = useQuery(LinkService.method.listLinks, { pageSize: 50 });
  return (
    <Page title="Links">
      <Answer query={links}>
        {({ urls }) =>
          urls.length === 0 ? (
            <EmptyState title="No links yet" advice="Make the first one." />
          ) : (
            <Table
              caption="Links of this workspace"
              keyOf={({ id }) => id}
              rows={urls}
              columns={[
                { header: 'Link', isPlain: true, cell: ({ shortUrl }) => <a href={shortUrl}>{shortUrl}</a> },
                { header: 'Leads to', cell: ({ longUrl }) => longUrl },
                { header: 'Clicks', isNumber: true, cell: ({ clickCount }) => clickCount ?? '–' },
              ]}
            />
          )
        }
      </Answer>
    </Page>
  );
}
