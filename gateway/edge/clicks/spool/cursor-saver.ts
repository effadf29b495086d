import type { Log } from '#runtime/telemetry/log.ts';
import type { Acknowledged, Cursor } from './cursor.ts';

/** Puts the cursor on disk now and then. */
export interface CursorSaver {
  /** What the cursor must hold from now on. */
  moved(acknowledged: Acknowledged): void;
  /** Returns once what it must hold is on disk, or could not be put there. */
  close(): Promise<void>;
}

/**
 * To save is to sync a file and its directory, in eight steps that each wake two threads. What a process that is killed had not
 * saved is sent again and counted once.
 */
const everyMs = 1_000;

export function createCursorSaver({ save }: Pick<Cursor, 'save'>, log: Log): CursorSaver {
  let unsaved: Acknowledged | undefined;
  let timer: NodeJS.Timeout | undefined;
  let saving = Promise.resolve();

  function saveSoon(): void {
    timer ??= setTimeout(() => void saveInTurn().then(() => unsaved && saveSoon()), everyMs);
  }

  function saveInTurn(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    saving = saving.then(async () => {
      if (!unsaved) return;
      const acknowledged = unsaved;
      unsaved = undefined;
      await save(acknowledged).catch((error: unknown) => {
        unsaved ??= acknowledged;
        log.error({ err: error }, 'the cursor could not be moved');
      });
    });
    return saving;
  }

  return {
    moved(acknowledged) {
      unsaved = acknowledged;
      saveSoon();
    },
    close: saveInTurn,
  };
}
