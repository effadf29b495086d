import type { Link } from '#gen/link/v1/link_pb.ts';
import { fullMoment, millisecondsOf, momentName, sinceThen } from '../../range/moments.ts';
import { stateName } from '../links/link-state.ts';
import { visitsLeft } from '../links/link-uses.ts';
import { readableUrl } from '../links/readable-url.ts';
import style from './link-page.module.css';

/** What a link is, in a line or two. */
export function LinkFacts({ link }: { link: Link }) {
  const now = Date.now();
  const createdAt = millisecondsOf(link.createdAt);
  return (
    <span className={style.facts}>
      <a href={link.shortUrl} target="_blank" rel="noreferrer">
        {readableUrl(link.shortUrl).replace(/^https?:\/\//, '')}
      </a>
      <span className={style.leads}>
        leads to{' '}
        <a href={link.longUrl} target="_blank" rel="noreferrer">
          {readableUrl(link.longUrl)}
        </a>
      </span>
      <span className={style.more}>
        <span className={style.state} data-state={link.state}>
          {stateName[link.state] ?? link.state}
        </span>
        <span title={fullMoment(createdAt)}>made {sinceThen(createdAt, now)}</span>
        {link.expiresAt && (
          <span title={fullMoment(millisecondsOf(link.expiresAt))}>
            until {momentName(millisecondsOf(link.expiresAt), now)}
          </span>
        )}
        {link.maxClicks !== undefined && <span>{visitsLeft(link)?.full}</span>}
        {link.tags.map((tag) => (
          <span key={tag} className={style.tag} dir="auto">
            {tag}
          </span>
        ))}
      </span>
    </span>
  );
}
