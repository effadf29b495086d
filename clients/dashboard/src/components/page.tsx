import { type ReactNode, useEffect, useRef } from 'react';
import style from './page.module.css';

interface PageProps {
  readonly title: string;
  readonly lead?: ReactNode;
  /** What can be done here, beside the title. */
  readonly actions?: ReactNode;
  readonly children: ReactNode;
}

/** One page: sets the tab's title, and on navigation moves the focus to its heading, so that reading starts there. */
export function Page({ title, lead, actions, children }: PageProps) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · Hopline`;
  }, [title]);
  useEffect(() => {
    // A page whose first field takes the focus already has it.
    if (document.activeElement === document.body || document.activeElement?.closest('nav')) {
      heading.current?.focus({ preventScroll: true });
    }
  }, []);
  return (
    <>
      <div className={style.head}>
        <div>
          <h1 ref={heading} dir="auto" tabIndex={-1}>
            {title}
          </h1>
          {lead && <p className={style.lead}>{lead}</p>}
        </div>
        {actions && <div className={style.actions}>{actions}</div>}
      </div>
      {children}
    </>
  );
}
