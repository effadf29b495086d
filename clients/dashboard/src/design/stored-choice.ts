/** A person's choice among some values, stored in this browser and shared by all its tabs. */
export interface StoredChoice<Value extends string> {
  current(): Value;
  choose(value: Value): void;
  /** Called after each change, here or in another tab. */
  subscribe(listener: () => void): () => void;
}

/** The first value is the default. */
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
        // If the browser stores nothing, the choice still holds until the page is left.
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
