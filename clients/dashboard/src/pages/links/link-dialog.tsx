import { createClient } from '@connectrpc/connect';
import { useTransport } from '@connectrpc/connect-query';
import { useMemo, useRef, useState } from 'react';
import type { Link } from '#gen/link/v1/link_pb.ts';
import { LinkService } from '#gen/link/v1/link_service_pb.ts';
import { type Problem, problemOf } from '../../api/problem.ts';
import { Button } from '../../components/controls/button.tsx';
import { SelectField, TextField } from '../../components/controls/field.tsx';
import { useFocusOnFault } from '../../components/controls/use-focus-on-fault.ts';
import { Dialog, DialogActions } from '../../components/dialogs/dialog.tsx';
import { ErrorNote } from '../../components/feedback/states.tsx';
import { AliasField } from './alias-field.tsx';
import {
  creationOf,
  draftOf,
  emptyDraft,
  type LinkDraft,
  lastEnd,
  mostClicks,
  patchOf,
  rebased,
} from './link-draft.ts';
import style from './links.module.css';
import { useDomains } from './use-domains.ts';
import { useLinkLists } from './use-links.ts';

const redirects = {
  302: { label: 'Temporary (302)', what: 'Browsers ask each time.' },
  301: { label: 'Permanent (301)', what: 'Browsers remember it for a while.' },
  307: { label: 'Temporary (307)', what: 'Like 302, but a POST stays a POST.' },
  308: { label: 'Permanent (308)', what: 'Like 301, but a POST stays a POST.' },
} as const;
/** Numbers as names are sorted; the usual one comes first. */
const redirectOrder = [302, 301, 307, 308] as const;

interface LinkDialogProps {
  /** The link to edit; absent: a new one is created. */
  readonly link?: Link | undefined;
  onClose(): void;
  onDone(link: Link, isNew: boolean): void;
}

export function LinkDialog({ link: opened, onClose, onDone }: LinkDialogProps) {
  // The version from which the draft was taken: with a newer etag the draft would silently undo changes by others.
  const [link, setLink] = useState(opened);
  const first = useMemo<LinkDraft>(() => (link ? draftOf(link) : emptyDraft), [link]);
  const [draft, setDraft] = useState(first);
  const isUnsaved = JSON.stringify(draft) !== JSON.stringify(first);
  const domains = useDomains();
  const { save, refused, isBusy } = useSaving(link, onDone, (before, now) => {
    setDraft((typed) => rebased(typed, before, now).draft);
    setLink(now);
  });
  const form = useRef<HTMLFormElement>(null);
  useFocusOnFault(form, refused);
  const field = (name: keyof LinkDraft) => ({
    value: draft[name],
    onChange: (event: { target: { value: string } }) => setDraft({ ...draft, [name]: event.target.value }),
    error: faultOf(refused, draft, name),
  });
  return (
    <Dialog title={link ? `Edit ${link.title || link.code}` : 'Create a link'} isUnsaved={isUnsaved} onClose={onClose}>
      <form
        ref={form}
        className={style.form}
        onSubmit={(event) => {
          event.preventDefault();
          if (!isBusy) void save(draft);
        }}
      >
        <TextField
          label="Destination"
          inputMode="url"
          autoComplete="off"
          maxLength={8192}
          placeholder="https://…"
          {...field('longUrl')}
        />
        {!link && domains.length > 1 && (
          <SelectField label="Domain" {...field('domain')}>
            {domains.map(({ name, isDefault }) => (
              <option key={name} value={isDefault ? '' : name}>
                {name}
              </option>
            ))}
          </SelectField>
        )}
        <AliasField own={link} domain={draft.domain} {...field('alias')} />
        <TextField label="Title" optional maxLength={256} {...field('title')} />
        <TextField label="Tags" optional hint="Separated by commas." {...field('tags')} />
        <div className={style.pair}>
          <TextField label="Expires" type="datetime-local" max={lastEnd} optional {...field('expiresAt')} />
          <TextField
            label="Visit limit"
            type="number"
            inputMode="numeric"
            min={1}
            max={mostClicks}
            step={1}
            optional
            hint={limitHint(link)}
            {...field('maxClicks')}
          />
        </div>
        <SelectField
          label="Redirect"
          hint={redirects[Number(draft.redirectStatus) as keyof typeof redirects]?.what}
          {...field('redirectStatus')}
        >
          {redirectOrder.map((status) => (
            <option key={status} value={status}>
              {redirects[status].label}
            </option>
          ))}
        </SelectField>
        <ErrorNote problem={refused?.problem} />
        <DialogActions>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="primary" type="submit" busy={isBusy}>
            {link ? 'Save' : 'Create'}
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  );
}

/** What is used counts towards a new limit. */
function limitHint(link: Link | undefined): string {
  if (link?.maxClicks === undefined) return 'Use 1 for a link that works once.';
  return `${link.usedClicks ?? 0} of them used so far.`;
}

/** A draft that could not be saved, and why. */
interface Refused {
  readonly draft: LinkDraft;
  readonly problem: Problem;
}

/** What is wrong with a field, or with one of the things in it, as `tags[2]`; nothing once it was changed. */
function faultOf(refused: Refused | undefined, draft: LinkDraft, field: keyof LinkDraft): string | undefined {
  if (!refused || refused.draft[field] !== draft[field]) return undefined;
  const fields = Object.entries(refused.problem.fields);
  return fields.find(([name]) => name.startsWith(contractNames[field]))?.[1];
}

/** What the contract calls the fields of a draft. */
const contractNames = {
  longUrl: 'long_url',
  domain: 'domain',
  alias: 'alias',
  title: 'title',
  tags: 'tags',
  expiresAt: 'expires_at',
  maxClicks: 'max_clicks',
  redirectStatus: 'redirect_status',
} as const satisfies Record<keyof LinkDraft, string>;

/** As the field shows it, or nearly. */
const inWords = (field: string, value: string): string => (field === 'expiresAt' ? value.replace('T', ' ') : value);

/** What to say of a change that others were quicker than, with what they made of the same fields. */
function overtaken(problem: Problem, contested: Partial<LinkDraft>): Problem {
  const fields = Object.entries(contested).map(([field, now]) => [
    contractNames[field as keyof LinkDraft],
    `${now ? `It is now “${inWords(field, now)}”` : 'It is empty now'}. Saving replaces that.`,
  ]);
  const advice = 'What you typed is kept; all else is as it is now. Check it, then save again.';
  return { ...problem, advice, fields: Object.fromEntries(fields) };
}

/**
 * Saves a draft. A retried creation has the same key, so that it creates one link however often it is sent. Where others were quicker,
 * `onOvertaken` is called, and the draft is to be looked at and saved again.
 */
function useSaving(
  link: Link | undefined,
  onDone: LinkDialogProps['onDone'],
  onOvertaken: (before: Link, now: Link) => void,
) {
  const transport = useTransport();
  const client = useMemo(() => createClient(LinkService, transport), [transport]);
  const lists = useLinkLists();
  const [refused, setRefused] = useState<Refused>();
  const [isBusy, setBusy] = useState(false);
  const sent = useRef<{ readonly request: string; readonly key: string }>(undefined);

  const create = (draft: LinkDraft): Promise<Link> => {
    const request = JSON.stringify(draft);
    if (sent.current?.request !== request) sent.current = { request, key: randomKey() };
    return client.createLink(creationOf(draft), { headers: { 'idempotency-key': sent.current.key } });
  };
  /** Undefined where it cannot be had: then the refusal alone is told. */
  const latest = ({ code, domain }: Link): Promise<Link | undefined> =>
    client.getLink({ code, domain }).catch(() => undefined);
  const save = async (draft: LinkDraft): Promise<void> => {
    setBusy(true);
    setRefused(undefined);
    try {
      if (!link) onDone(await create(draft), true);
      else onDone(await client.updateLink({ code: link.code, domain: link.domain, ...patchOf(draft, link) }), false);
    } catch (error) {
      const problem = problemOf(error);
      const now = link && problem.reason === 'ETAG_STALE' && (await latest(link));
      if (!now) setRefused({ draft, problem });
      else {
        const { draft: carriedOver, contested } = rebased(draft, link, now);
        onOvertaken(link, now);
        setRefused({ draft: carriedOver, problem: overtaken(problem, contested) });
      }
      // The screen may be older than what refused the change, or only the answer was lost.
      if (link) lists.renew();
    } finally {
      setBusy(false);
    }
  };
  return { save, refused, isBusy };
}

/** Not crypto.randomUUID, which browsers offer only on secure pages: an installation in a local network may have no TLS. */
function randomKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
