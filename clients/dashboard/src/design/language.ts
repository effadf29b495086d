/**
 * A language tag that Intl accepts. Without a configured language, systems have names such as `en_US.UTF-8` and `en-US@posix`, which
 * browsers pass on.
 */
export function languageOf(given: string): string | undefined {
  try {
    return Intl.getCanonicalLocales(given.replace(/[.@].*$/, '').replaceAll('_', '-'))[0];
  } catch {
    return undefined;
  }
}

/**
 * Replaces `navigator.language` by a tag that Intl accepts, for libraries that pass it on unchanged (uPlot does, and throws). Call it
 * before they are loaded. A valid tag stays unchanged.
 */
export function mendLanguage(): void {
  const { language } = navigator;
  const mended = languageOf(language) ?? new Intl.NumberFormat().resolvedOptions().locale;
  if (mended !== language) Object.defineProperty(navigator, 'language', { value: mended, configurable: true });
}
