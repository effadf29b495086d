import { lazy, Suspense, useMemo, useState } from 'react';
import { useLocation } from 'wouter';
import type { Link } from '#gen/link/v1/link_pb.ts';
import { Button } from '../../components/button.tsx';
import { useToast } from '../../components/toasts.tsx';
import type { Command } from '../../keyboard/command-registry.ts';
import { useCommands } from '../../keyboard/commands.tsx';
import { LinkDialog } from '../links/link-dialog.tsx';
import { useLinkActions } from '../links/use-link-actions.ts';
import { useLinkLists } from '../links/use-links.ts';
import { linkPath } from './link-path.ts';

const QrDialog = lazy(() => import('../links/qr-dialog.tsx'));
const group = 'This link';

/** What can be done with the link of the page, by buttons and by keys. */
export function LinkButtons({ link }: { link: Link }) {
  const [open, setOpen] = useState<'edit' | 'qr'>();
  const actions = useLinkActions();
  const [, go] = useLocation();
  const toggle = link.isActive ? 'Disable' : 'Enable';
  const commands = useMemo<Command[]>(
    () => [
      { label: 'Copy the short link', keys: 'c', icon: 'copy', group, run: () => actions.copy(link) },
      { label: 'Edit', keys: 'e', icon: 'edit', group, run: () => setOpen('edit') },
      { label: 'Show the QR code', keys: 'q', icon: 'qr', group, run: () => setOpen('qr') },
      { label: toggle, keys: 'd', group, run: () => actions.setActive([link], !link.isActive) },
    ],
    [actions, link, toggle],
  );
  useCommands(commands);
  const remove = (): void => {
    actions.remove([link]);
    go('/links');
  };
  return (
    <>
      <Button look="primary" icon="copy" onClick={() => actions.copy(link)}>
        Copy
      </Button>
      <Button folds icon="qr" onClick={() => setOpen('qr')}>
        QR code
      </Button>
      <Button folds icon="edit" onClick={() => setOpen('edit')}>
        Edit
      </Button>
      <Button folds icon={link.isActive ? 'pause' : 'play'} onClick={() => actions.setActive([link], !link.isActive)}>
        {toggle}
      </Button>
      <Button folds look="danger" icon="trash" onClick={remove}>
        Delete
      </Button>
      {open === 'edit' && <EditDialog link={link} close={() => setOpen(undefined)} />}
      {open === 'qr' && (
        <Suspense fallback={null}>
          <QrDialog link={link} onClose={() => setOpen(undefined)} />
        </Suspense>
      )}
    </>
  );
}

function EditDialog({ link, close }: { link: Link; close: () => void }) {
  const lists = useLinkLists();
  const tell = useToast();
  const [, go] = useLocation();
  const done = (saved: Link): void => {
    close();
    lists.change(new Set([saved.id]), () => saved);
    lists.renew();
    tell({ text: `Saved ${saved.title || saved.code}.` });
    if (saved.code !== link.code) go(linkPath(saved), { replace: true });
  };
  return <LinkDialog link={link} onClose={close} onDone={done} />;
}
