import { stripVTControlCharacters } from 'node:util';

const segmenter = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

/** Scripts and emoji that occupy two columns. */
const wide =
  /^(?:\p{Script=Han}|\p{Script=Hiragana}|\p{Script=Katakana}|\p{Script=Hangul}|\p{Emoji_Presentation}|[\u3000-\u303f\uff01-\uff60\uffe0-\uffe6])/u;
const plain = /^[\x20-\x7e]*$/;

const graphemes = (text: string) => Array.from(segmenter.segment(text), ({ segment }) => segment);
const columnsOf = (grapheme: string) => (wide.test(grapheme) ? 2 : 1);

/** How many terminal columns a text occupies; colours do not count. */
export function textWidth(text: string): number {
  const bare = stripVTControlCharacters(text);
  return plain.test(bare) ? bare.length : graphemes(bare).reduce((sum, one) => sum + columnsOf(one), 0);
}

/** Cut to this many columns, with "…" if something was cut. The text must have no colours. */
export function cut(text: string, width: number): string {
  if (textWidth(text) <= width) return text;
  let used = 0;
  let kept = '';
  for (const one of graphemes(text)) {
    used += columnsOf(one);
    if (used > width - 1) break;
    kept += one;
  }
  return `${kept}…`;
}

/** Padded with spaces. */
export const padEnd = (text: string, width: number): string => text + ' '.repeat(Math.max(0, width - textWidth(text)));
export const padStart = (text: string, width: number): string =>
  ' '.repeat(Math.max(0, width - textWidth(text))) + text;
