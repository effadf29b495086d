import { memo } from 'react';
import { Link as PageLink } from 'wouter';
import type { Link } from '#gen/link/v1/link_pb.ts';
import { IconButton } from '../../components/controls/button.tsx';
import { linkPath } from '../link/link-path.ts';
import { stateName } from './link-state.ts';
import { visitsLeft } from './link-uses.ts';
import style from './links.module.css';
import { readableUrl } from './readable-url.ts';

/** The actions of a row. The object is stable, so that only changed rows are rendered again. */
export interface RowActions {
  choose(link: Link, isChosen: boolean): void;
  copy(link: Link): void;
  edit(link: Link): void;
  showQr(link: Link): void;
  toggle(link: Link): void;
  remove(link: Link): void;
  restore(link: Link): void;
  filterByTag(tag: string): void;
}

interface LinkRowProps {
  readonly link: Link;
  /** Whether its short link is written with the domain. */
  readonly withDomain: boolean;
  /** Its place in the list, from 0. */
  readonly index: number;
  readonly top: number;
  readonly isChosen: boolean;
  readonly actions: RowActions;
}

const count = new Intl.NumberFormat();
const compact = new Intl.NumberFormat(undefined, { notation: 'compact', maximumFractionDigits: 1 });
/** More are on the page of the link. */
const tagsShown = 3;

export const LinkRow = memo(function LinkRow({ link, withDomain, index, top, isChosen, actions }: LinkRowProps) {
  const { code, domain, title } = link;
  const left = visitsLeft(link);
  const name = title || (withDomain ? `${domain}/${code}` : code);
  return (
    <li
      className={style.row}
      style={{ transform: `translateY(${top}px)` }}
      data-index={index}
      data-chosen={isChosen}
      data-state={link.state}
      aria-posinset={index + 1}
      aria-setsize={-1}
    >
      <label className={style.check}>
        <input type="checkbox" checked={isChosen} onChange={(event) => actions.choose(link, event.target.checked)} />
        <span className="only-read">Select {name}</span>
      </label>
      <div className={style.what}>
        <div className={style.line}>
          <PageLink href={linkPath(link)} className={style.name} dir="auto" data-row>
            {name}
          </PageLink>
          {title && (
            <span className={style.short}>
              {withDomain && domain}/{code}
            </span>
          )}
          {link.state !== 'active' && (
            <span className={style.badge}>{(stateName[link.state] ?? link.state).toLowerCase()}</span>
          )}
          {link.state === 'active' && left && (
            <span className={style.badge} title={left.full}>
              {left.short}
            </span>
          )}
        </div>
        <span className={style.destination} title={link.longUrl}>
          {readableUrl(link.longUrl).replace(/^https?:\/\/(www\.)?/, '')}
        </span>
      </div>
      <div className={style.tags}>
        {link.tags.slice(0, tagsShown).map((tag) => (
          <button
            key={tag}
            type="button"
            className={style.tag}
            dir="auto"
            title={`Show links with the tag ${tag}`}
            onClick={() => actions.filterByTag(tag)}
          >
            {tag}
          </button>
        ))}
      </div>
      <Clicks clicks={link.clickCount} />
      <RowButtons link={link} name={name} actions={actions} />
    </li>
  );
});

function Clicks({ clicks }: { clicks: number | undefined }) {
  return (
    <div
      className={style.clicks}
      title={clicks === undefined ? 'Not known at the moment' : `${count.format(clicks)} clicks`}
    >
      {clicks === undefined ? '–' : compact.format(clicks)}{' '}
      <span className={style.unit}>{clicks === 1 ? 'click' : 'clicks'}</span>
    </div>
  );
}

function RowButtons({ link, name, actions }: { link: Link; name: string; actions: RowActions }) {
  if (link.state === 'deleted') {
    return (
      <div className={style.actions}>
        <IconButton icon="restore" label={`Restore ${name}`} small onClick={() => actions.restore(link)} />
      </div>
    );
  }
  const toggle = link.isActive ? 'Disable' : 'Enable';
  return (
    <div className={style.actions}>
      <IconButton icon="copy" label={`Copy the short link of ${name}`} small onClick={() => actions.copy(link)} />
      <IconButton icon="qr" label={`QR code of ${name}`} small onClick={() => actions.showQr(link)} />
      <IconButton icon="edit" label={`Edit ${name}`} small onClick={() => actions.edit(link)} />
      <IconButton
        icon={link.isActive ? 'pause' : 'play'}
        label={`${toggle} ${name}`}
        small
        onClick={() => actions.toggle(link)}
      />
      <IconButton icon="trash" label={`Delete ${name}`} small onClick={() => actions.remove(link)} />
    </div>
  );
}
