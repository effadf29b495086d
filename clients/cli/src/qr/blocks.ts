/** The character for two modules, one above the other: whether the upper one is light, then the lower one. */
const blocks: Readonly<Record<string, string>> = {
  'light light': '█',
  'light dark': '▀',
  'dark light': '▄',
  'dark dark': ' ',
};

const nameOf = (dark: boolean | undefined) => (dark ? 'dark' : 'light');

/**
 * A QR code as lines of text, two rows of modules per line. Light modules are drawn and dark ones left out: it needs white on black, which
 * most terminals show even without colours.
 */
export function blocksOf(modules: readonly (readonly boolean[])[]): string[] {
  const lines: string[] = [];
  for (let row = 0; row < modules.length; row += 2) {
    const upper = modules[row] ?? [];
    lines.push(upper.map((dark, column) => blocks[`${nameOf(dark)} ${nameOf(modules[row + 1]?.[column])}`]).join(''));
  }
  return lines;
}
