import { Code, ConnectError } from '@connectrpc/connect';
import { useQuery } from '@connectrpc/connect-query';
import { skipToken } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import type { Link } from '#gen/link/v1/link_pb.ts';
import { LinkService } from '#gen/link/v1/link_service_pb.ts';
import { problemOf } from '../../api/problem.ts';
import { TextField } from '../../components/controls/field.tsx';

const pauseMs = 300;
const shape = /^[\p{L}\p{M}\d_-]{1,64}$/u;

interface AliasFieldProps {
  readonly value: string;
  onChange(event: { target: { value: string } }): void;
  readonly error: string | undefined;
  /** The link that is edited; its own code is free for it. */
  readonly own: Link | undefined;
  /** Where the alias has to be free; empty: on the default domain. */
  readonly domain: string;
}

/** An alias, looked up while it is typed. Links of other workspaces are not shown to anybody: those are found when it is saved. */
export function AliasField({ value, onChange, error, own, domain }: AliasFieldProps) {
  const asked = useSettled(value.normalize('NFC'));
  const isFit = shape.test(value);
  const isOwn = value === own?.code;
  const query = useQuery(
    LinkService.method.getLink,
    asked && shape.test(asked) && asked !== own?.code ? { code: asked, ...(domain && { domain }) } : skipToken,
    { retry: false, staleTime: 5_000 },
  );
  const isSettled = asked === value.normalize('NFC') && !query.isFetching;
  const isTaken = isSettled && !isOwn && (query.data !== undefined || problemOf(query.error).reason === 'LINK_DELETED');
  const isFree = isSettled && ConnectError.from(query.error).code === Code.NotFound && !isTaken;
  const said = ((): { error?: string; hint: string } => {
    if (value === '' || isOwn)
      return { hint: own ? 'The old code stops working once it is changed.' : 'If left empty, a code is generated.' };
    if (!isFit) return { hint: '', error: 'Letters, digits, hyphens and underscores, at most 64.' };
    if (isTaken) return { hint: '', error: 'A link of this workspace already has it.' };
    if (isFree) return { hint: 'No link of this workspace has it.' };
    return { hint: isSettled ? 'It could not be checked now; it is checked when you save.' : 'Checking…' };
  })();
  return (
    <TextField
      label="Alias"
      optional={!own}
      autoComplete="off"
      autoCapitalize="off"
      spellCheck={false}
      maxLength={64}
      value={value}
      onChange={onChange}
      hint={said.hint}
      error={error ?? said.error}
    />
  );
}

function useSettled(value: string): string {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), pauseMs);
    return () => clearTimeout(timer);
  }, [value]);
  return settled;
}
