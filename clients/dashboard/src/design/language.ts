/** A language as Intl takes it. Where none is set, systems have names such as `en_US.UTF-8` and `en-US@posix`, which browsers hand on. */
export function languageOf(given: string): string | undefined {
  try {
    return Intl.getCanonicalLocales(given.replace(/[.@].*$/, '').replaceAll('_', '-'))[0];
  } catch {
    return undefined;
  }
}

/**
 * Makes `navigator.language` one that Intl takes, for libraries that pass it on as it is (uPlot does, and throws). To be called before
 * they are loaded. What Intl takes already stays as it is.
 */
export function mendLanguage(): void {
  const { language } = navigator;
  const mended = languageOf(language) ?? new Intl.NumberFormat().resolvedOptions().locale;
  if (mended !== language) Object.defineProperty(navigator, 'language', { value: mended, configurable: true });
}
