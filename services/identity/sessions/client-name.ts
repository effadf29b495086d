import Bowser from 'bowser';

/** Longer ones come from nothing that a person would recognise. */
const longest = 512;

/** The program's name for a person, from its user agent: "Firefox on Linux", "curl"; empty if unknown. */
export function clientName(userAgent: string): string {
  const read = userAgent.slice(0, longest);
  if (read === '') return '';
  const { browser, os } = Bowser.parse(read);
  if (browser.name && os.name) return `${browser.name} on ${os.name}`.slice(0, 64);
  return /^[A-Za-z][\w.-]{0,39}/.exec(read)?.[0] ?? '';
}
