import type { Log } from '#runtime/telemetry/log.ts';
import type { Acknowledged, Cursor } from './cursor.ts';

/** Writes the cursor to disk from time to time. */
export interface CursorSaver {
  /** Sets what the cursor must hold from now on. */
  moved(acknowledged: Acknowledged): void;
  /** Returns once the latest state is on disk, or could not be written. */
  close(): Promise<void>;
}

/**
 * A save syncs a file and its directory, in eight steps that each wake two threads. What a killed process had not saved is sent again and
 * counted once.
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
