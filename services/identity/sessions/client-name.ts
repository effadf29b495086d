import Bowser from 'bowser';

/** Longer ones are of nobody that a person would recognise. */
const longest = 512;

/** What a person calls the program that sent this user agent: "Firefox on Linux", "curl"; empty where it says nothing. */
export function clientName(userAgent: string): string {
  const read = userAgent.slice(0, longest);
  if (read === '') return '';
  const { browser, os } = Bowser.parse(read);
  if (browser.name && os.name) return `${browser.name} on ${os.name}`.slice(0, 64);
  return /^[A-Za-z][\w.-]{0,39}/.exec(read)?.[0] ?? '';
}
