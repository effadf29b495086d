import { Link } from 'wouter';
import type { TopLink } from '#gen/analytics/v1/workspace_stats_pb.ts';
import { count, share } from '../../charts/numbers.ts';
import { Table } from '../../components/table.tsx';
import { linkPath } from '../link/link-path.ts';
import style from './overview.module.css';

/** The links with most clicks; `all` are the clicks of the whole workspace. */
export function TopLinks({ links, all }: { readonly links: readonly TopLink[]; readonly all: number }) {
  return (
    <Table
      frameless
      caption="The links with the most clicks, most first"
      rows={links}
      keyOf={({ domain, code }) => `${domain}/${code}`}
      columns={[
        { header: 'Link', isPlain: true, cell: (link) => <Name link={link} /> },
        { header: 'Clicks', isNumber: true, cell: ({ clicks }) => count(clicks) },
        { header: 'Share', isNumber: true, cell: ({ clicks }) => share(clicks, all) },
        { header: 'Visitors', isNumber: true, cell: ({ visitors }) => count(visitors) },
      ]}
    />
  );
}

function Name({ link }: { link: TopLink }) {
  const { domain, code, title, deleted } = link;
  const name = `${domain}/${code}`;
  return (
    <span className={style.name}>
      <Link href={linkPath(link)} dir="auto">
        {title || name}
      </Link>
      <span className={style.code}>
        {title && name}
        {deleted && ' (deleted)'}
      </span>
    </span>
  );
}
