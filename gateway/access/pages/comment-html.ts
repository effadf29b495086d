import { escapeHtml } from '#runtime/http/page.ts';

/** A comment of the contract as HTML: paragraphs, and `code` in backquotes. */
export function commentHtml(text: string): string {
  return text
    .split('\n\n')
    .filter((paragraph) => paragraph !== '')
    .map((paragraph) => `<p>${inlineHtml(paragraph)}</p>`)
    .join('\n');
}

export function inlineHtml(text: string): string {
  return escapeHtml(text).replaceAll(/`([^`]+)`/g, '<code>$1</code>');
}
