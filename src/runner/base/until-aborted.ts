/** The next item, or undefined when a signal is aborted before it comes. */
async function nextOf<T>(source: AsyncGenerator<T>, signal: AbortSignal): Promise<IteratorResult<T> | undefined> {
  let onAbort: () => void = () => undefined;
  const aborted = new Promise<undefined>((resolve) => {
    onAbort = () => resolve(undefined);
  });
  signal.addEventListener('abort', onAbort);
  try {
    return await Promise.race([source.next(), aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/**
 * The items of a source until a signal is aborted, also while the next one is waited for. The source is left then: it has to bear
 * that at any time.
 */
export async function* untilAborted<T>(source: AsyncGenerator<T>, signal: AbortSignal): AsyncGenerator<T> {
  try {
    while (!signal.aborted) {
      const next = await nextOf(source, signal);
      if (next === undefined || next.done) return;
      yield next.value;
    }
  } finally {
    // What it waits for may come later, or not at all.
    void source.return(undefined).catch(() => undefined);
  }
}
