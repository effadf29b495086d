import { lazy, type RefObject, Suspense, useEffect, useMemo, useRef } from 'react';
import { useLocation } from 'wouter';
import type { Link } from '#gen/link/v1/link_pb.ts';
import { Button } from '../../components/controls/button.tsx';
import { useOpen } from '../../components/dialogs/dialog.tsx';
import { useToast } from '../../components/feedback/toasts.tsx';
import type { Command } from '../../keyboard/command-registry.ts';
import { useCommands } from '../../keyboard/commands.tsx';
import { LinkDialog } from '../links/link-dialog.tsx';
import { useLinkActions } from '../links/use-link-actions.ts';
import { useLinkLists } from '../links/use-links.ts';
import { linkPath } from './link-path.ts';

const QrDialog = lazy(() => import('../links/qr-dialog.tsx'));
const group = 'This link';

interface Open {
  readonly kind: 'edit' | 'qr';
}

interface LinkButtonsProps {
  readonly link: Link;
  /** The link is there no more: nothing can be done with it, but a dialog that is open stays, with what was typed. */
  readonly isGone: boolean;
}

/** What can be done with the link of the page, by buttons and by keys. */
export function LinkButtons({ link, isGone }: LinkButtonsProps) {
  const { open, setOpen, close } = useOpen<Open>();
  const actions = useLinkActions();
  const [, go] = useLocation();
  const isHere = useIsHere();
  const toggle = link.isActive ? 'Disable' : 'Enable';
  const commands = useMemo<Command[]>(
    () =>
      isGone
        ? []
        : [
            { label: 'Copy the short link', keys: 'c', icon: 'copy', group, run: () => actions.copy(link) },
            { label: 'Edit', keys: 'e', icon: 'edit', group, run: () => setOpen({ kind: 'edit' }) },
            { label: 'Show the QR code', keys: 'q', icon: 'qr', group, run: () => setOpen({ kind: 'qr' }) },
            { label: toggle, keys: 'd', group, run: () => actions.setActive([link], !link.isActive) },
          ],
    [actions, link, toggle, isGone, setOpen],
  );
  useCommands(commands);
  const remove = (): void => {
    actions.remove([link]);
    go('/links');
  };
  return (
    <>
      {!isGone && (
        <>
          <Button look="primary" icon="copy" onClick={() => actions.copy(link)}>
            Copy
          </Button>
          <Button folds icon="qr" onClick={() => setOpen({ kind: 'qr' })}>
            QR code
          </Button>
          <Button folds icon="edit" onClick={() => setOpen({ kind: 'edit' })}>
            Edit
          </Button>
          <Button
            folds
            icon={link.isActive ? 'pause' : 'play'}
            onClick={() => actions.setActive([link], !link.isActive)}
          >
            {toggle}
          </Button>
          <Button folds look="danger" icon="trash" onClick={remove}>
            Delete
          </Button>
        </>
      )}
      {open?.kind === 'edit' && <EditDialog link={link} close={close} isHere={isHere} />}
      {open?.kind === 'qr' && (
        <Suspense fallback={null}>
          <QrDialog link={link} onClose={close} />
        </Suspense>
      )}
    </>
  );
}

interface EditDialogProps {
  readonly link: Link;
  readonly close: () => void;
  /** Whether the page is still there: its dialog may be gone when the answer comes. */
  readonly isHere: RefObject<boolean>;
}

function EditDialog({ link, close, isHere }: EditDialogProps) {
  const lists = useLinkLists();
  const tell = useToast();
  const [, go] = useLocation();
  const done = (saved: Link): void => {
    close();
    lists.change(new Set([saved.id]), () => saved);
    lists.renew();
    tell({ text: `Saved ${saved.title || saved.code}.` });
    if (saved.code !== link.code && isHere.current) go(linkPath(saved), { replace: true });
  };
  return <LinkDialog link={link} onClose={close} onDone={done} />;
}

function useIsHere(): RefObject<boolean> {
  const isHere = useRef(false);
  useEffect(() => {
    isHere.current = true;
    return () => {
      isHere.current = false;
    };
  }, []);
  return isHere;
}
