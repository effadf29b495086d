/** What a person chose among some values, kept in this browser and the same in all its tabs. */
export interface StoredChoice<Value extends string> {
  current(): Value;
  choose(value: Value): void;
  /** Called after each change, here or in another tab. */
  subscribe(listener: () => void): () => void;
}

/** The first of the values holds until another is chosen. */
export function createStoredChoice<Value extends string>(
  key: string,
  values: readonly [Value, ...Value[]],
): StoredChoice<Value> {
  const listeners = new Set<() => void>();
  let current = stored(key, values);
  const become = (value: Value): void => {
    current = value;
    for (const listener of listeners) listener();
  };
  addEventListener('storage', (event) => {
    if (event.key === key) become(stored(key, values));
  });
  return {
    current: () => current,
    choose(value) {
      try {
        localStorage.setItem(key, value);
      } catch {
        // A browser that keeps nothing still does what was chosen, until the page is left.
      }
      become(value);
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

function stored<Value extends string>(key: string, values: readonly [Value, ...Value[]]): Value {
  try {
    const kept = localStorage.getItem(key);
    return values.find((value) => value === kept) ?? values[0];
  } catch {
    return values[0];
  }
}
