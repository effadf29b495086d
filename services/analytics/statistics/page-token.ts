import { pageTokens } from '#runtime/rpc/page-token.ts';
import type { ClickPosition } from '../store.ts';

/** They contain nothing of a click but its time. */
export const clickTokens = pageTokens<ClickPosition>({
  write: ({ atUs, skip }) => `${atUs}.${skip}`,
  shape: /^(\d{1,16})\.(\d{1,6})$/,
  read(at, skip) {
    const position = { atUs: Number(at), skip: Number(skip) };
    return Number.isSafeInteger(position.atUs) ? position : undefined;
  },
});
