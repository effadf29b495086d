/** Resolves after the time, or as soon as the signal is aborted. `unref`: does not keep the process alive. */
export function pause(milliseconds: number, signal: AbortSignal, { unref = false } = {}): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    if (unref) timer.unref();
    if (signal.aborted) done();
    else signal.addEventListener('abort', done);
  });
}
