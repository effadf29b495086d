import { setTimeout as sleep } from 'node:timers/promises';
import { internal } from '#runtime/errors/errors.ts';
import { newestKey } from '#runtime/shortlink/code-keys.ts';
import type { CodeKey } from '#runtime/shortlink/code-space.ts';
import type { Block, ChosenCode, LinkStore } from '../store.ts';
import { isReserved } from './reserved-words.ts';

/** Creates codes from blocks of numbers that this process has reserved. */
export interface CodeSource {
  /** Registers the spaces of all keys, and resolves when a first block may be used, so that no caller waits for that. */
  open(): Promise<void>;
  next(): Promise<ChosenCode>;
  /** Forgets what was reserved: the database may have done so too. */
  discard(): void;
}

export interface CodeSourceSettings {
  readonly store: Pick<LinkStore, 'openCodeSpace' | 'reserveBlock'>;
  /** All keys of the code space; new codes are made with the last. */
  readonly keys: readonly CodeKey[];
  readonly blockSize: number;
  /** How long a reserved block waits before its first number is used, so that the heartbeats of Watch have brought its end to every resolver. */
  readonly announceMs: number;
}

interface ReservedBlock extends Block {
  readonly usableAt: number;
}

export function createCodeSource({ store, keys, blockSize, announceMs }: CodeSourceSettings): CodeSource {
  const key = newestKey(keys);
  let current: { next: number; readonly end: number } = { next: 0, end: 0 };
  let ahead: Promise<ReservedBlock> | undefined;

  function reserve(): Promise<ReservedBlock> {
    const reserving = (async () => {
      const block = await store.reserveBlock(key.id);
      if (!block) throw internal(new Error(`The numbers of code key ${key.id} are used up.`));
      return { ...block, usableAt: performance.now() + announceMs };
    })();
    // The call that needs the block sees the failure, and the next one tries again.
    reserving.catch(() => {
      if (ahead === reserving) ahead = undefined;
    });
    return reserving;
  }

  /** Leaves `current` as it is when everything was discarded meanwhile, or another who waited has turned to the block. */
  async function turn(): Promise<void> {
    ahead ??= reserve();
    const reserving = ahead;
    const block = await reserving;
    await sleep(Math.max(0, Math.ceil(block.usableAt - performance.now())));
    if (ahead !== reserving) return;
    current = { next: block.first, end: block.end };
    ahead = reserve();
  }

  const isEmpty = (): boolean => current.next >= current.end;

  async function takeNumber(): Promise<number> {
    while (isEmpty()) await turn();
    return current.next++;
  }

  return {
    async open() {
      for (const { id: keyId, from, to: last, fingerprint } of keys) {
        // 0 stands for "no number" in a record.
        await store.openCodeSpace({ keyId, first: Math.max(1, from), last, blockSize, fingerprint });
      }
      // A failure is reported to the call that needs a code, and retried for the next.
      if (isEmpty()) await turn().catch(() => {});
    },
    async next() {
      for (;;) {
        const number = await takeNumber();
        const code = key.codeOf(number);
        if (!isReserved(code)) return { code, number, codeKeyId: key.id };
      }
    },
    discard() {
      current = { next: 0, end: 0 };
      ahead = undefined;
    },
  };
}
