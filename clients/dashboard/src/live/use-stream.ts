import { Code, ConnectError } from '@connectrpc/connect';
import { useEffect, useRef, useState } from 'react';
import { useOnline } from '../api/online.ts';
import { isPassing, isSignedOut, problemOf } from '../api/problem.ts';
import { follow, type StreamStatus } from './follow.ts';

interface Held {
  readonly status: StreamStatus;
  /** Why it ended, or is waiting. */
  readonly error: unknown;
}

/**
 * A stream that stays open while the page is visible and the device is online, and is reopened after each break. A new `open` opens a new
 * stream: create it with useCallback. `onOpen` is called before the first event of each stream.
 */
export function useStream<Event>(
  open: (signal: AbortSignal) => AsyncIterable<Event>,
  onEvent: (event: Event) => void,
  onOpen?: () => void,
): Held {
  const [held, setHeld] = useState<Held>({ status: 'connecting', error: undefined });
  const isHidden = useHidden();
  const isOnline = useOnline();
  const handle = useRef({ onEvent, onOpen });
  handle.current = { onEvent, onOpen };
  useEffect(() => {
    if (isHidden) {
      setHeld({ status: 'paused', error: undefined });
      return;
    }
    // A lost connection is silent: the stream would count as live until the silence is too long.
    if (!isOnline) {
      setHeld({ status: 'waiting', error: offline });
      return;
    }
    return follow<Event>({
      open,
      onEvent: (event) => handle.current.onEvent(event),
      onStatus(status, error) {
        setHeld({ status, error });
        if (status === 'live') handle.current.onOpen?.();
      },
      isPassing: mayPass,
      retryAfter: (error) => problemOf(error).retryAfterMs,
    });
  }, [open, isHidden, isOnline]);
  return held;
}

const offline = new DOMException('There is no connection.', 'NetworkError');

/** A signed-out person may come back; a stream that was ended by its watchdog is reopened. */
function mayPass(error: unknown): boolean {
  const { code } = ConnectError.from(error);
  return isPassing(error) || isSignedOut(error) || code === Code.Canceled || problemOf(error).reason === 'RATE_LIMITED';
}

function useHidden(): boolean {
  const [isHidden, setHidden] = useState(document.hidden);
  useEffect(() => {
    const onChange = (): void => setHidden(document.hidden);
    document.addEventListener('visibilitychange', onChange);
    return () => document.removeEventListener('visibilitychange', onChange);
  }, []);
  return isHidden;
}
