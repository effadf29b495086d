import { type Client, createClient } from '@connectrpc/connect';
import { useTransport } from '@connectrpc/connect-query';
import { useMemo } from 'react';
import type { Link } from '#gen/link/v1/link_pb.ts';
import { LinkService } from '#gen/link/v1/link_service_pb.ts';
import { problemOf } from '../../api/problem.ts';
import { count } from '../../charts/numbers.ts';
import { type Tell, type Toast, type Told, useToast } from '../../components/feedback/toasts.tsx';
import { eachOf } from './each-of.ts';
import { useLinkLists } from './use-links.ts';

export interface LinkActions {
  copy(link: Link): void;
  remove(links: readonly Link[]): void;
  restore(links: readonly Link[]): void;
  /** Lets links be followed, or stops them. */
  setActive(links: readonly Link[], isActive: boolean): void;
}

type Links = Client<typeof LinkService>;

/** Actions that take longer than this report progress, at this interval. */
const progressMs = 2_000;

interface Change {
  readonly links: readonly Link[];
  /** What the screen shows until the mesh has answered. */
  readonly shown: (link: Link) => Link | undefined;
  readonly call: (client: Links, link: Link) => Promise<unknown>;
  /** "deleted": ends the sentence that says what was done. */
  readonly done: string;
  readonly undo?: () => void;
}

/** The actions on links: shown at once, and undone on the screen if the mesh refuses. */
export function useLinkActions(): LinkActions {
  const transport = useTransport();
  const lists = useLinkLists();
  const tell = useToast();
  return useMemo(() => {
    const client = createClient(LinkService, transport);
    let underWay = 0;

    const apply = async ({ links, shown, call, done, undo }: Change): Promise<void> => {
      underWay += 1;
      const takeBack = lists.change(idsOf(links), shown);
      const { say, onDone } = progressOf(tell, links.length);
      const failures = await eachOf(links, (link) => call(client, link), { onDone });
      const [failure] = failures.values();
      if (failures.size === 0) say({ text: `${named(links)} ${done}.`, undo });
      else {
        const { title, advice } = problemOf(failure);
        const text =
          failures.size === links.length
            ? 'Nothing changed'
            : `${count(failures.size)} of ${count(links.length)} not changed`;
        takeBack();
        lists.change(idsOf(links.filter((link) => !failures.has(link))), shown);
        say({ text: `${text}. ${title}: ${advice}` });
      }
      underWay -= 1;
      // A list fetched meanwhile may have the old state of the links; and those still being changed would reappear.
      if (underWay === 0) lists.renew();
    };

    const restore = (links: readonly Link[]): void =>
      void apply({
        links,
        shown: (link) => (link.state === 'deleted' ? undefined : link),
        call: ({ undeleteLink }, link) => undeleteLink(named1(link)),
        done: 'restored',
      });
    const turn = (links: readonly Link[], isActive: boolean): void =>
      void apply({
        links,
        shown: (link) => ({ ...link, isActive, state: isActive ? 'active' : 'disabled' }),
        call: ({ updateLink }, link) => updateLink({ ...named1(link), patch: { isActive } }),
        done: turned(isActive),
        undo: () => turn(links, !isActive),
      });
    return {
      async copy(link) {
        try {
          await navigator.clipboard.writeText(link.shortUrl);
          tell({ text: `Copied ${link.shortUrl}` });
        } catch {
          tell({ text: `This browser does not let pages copy. The link is ${link.shortUrl}` });
        }
      },
      remove: (links) =>
        void apply({
          links,
          shown: () => undefined,
          call: ({ deleteLink }, link) => deleteLink(named1(link)),
          done: 'deleted',
          undo: () => restore(links),
        }),
      restore,
      setActive(links, isActive) {
        // Links already in that state are left out: an undo would change them.
        const others = links.filter((link) => link.isActive !== isActive);
        if (others.length > 0) turn(others, isActive);
        else tell({ text: `${named(links)} ${links.length === 1 ? 'is' : 'are'} ${turned(isActive)} already.` });
      },
    };
  }, [transport, lists, tell]);
}

const idsOf = (links: readonly Link[]): ReadonlySet<string> => new Set(links.map(({ id }) => id));

const named1 = ({ code, domain }: Link) => ({ code, domain });

const named = (links: readonly Link[]): string =>
  links.length === 1 ? links[0]?.title || links[0]?.code || 'Link' : `${count(links.length)} links`;

const turned = (isActive: boolean): string => (isActive ? 'enabled' : 'disabled');

/** Reports the progress of a long action, and then its outcome in the same place. */
function progressOf(tell: Tell, all: number) {
  let told: Told | undefined;
  let saidAt = Date.now();
  const say = (toast: Toast): void => {
    if (told) told.change(toast);
    else told = tell(toast);
  };
  const onDone = (done: number): void => {
    if (done === all || Date.now() - saidAt < progressMs) return;
    saidAt = Date.now();
    say({ text: `${count(done)} of ${count(all)} links done …`, stays: true });
  };
  return { say, onDone };
}
