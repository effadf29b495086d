import Bowser from 'bowser';
import { createIsbotFromList, list } from 'isbot';
import { Recent } from '../recent.ts';

/** What a user agent says of itself, in brief: names come from fixed lists, so that nobody can invent new ones. */
export interface Agent {
  readonly bot: boolean;
  readonly device: 'desktop' | 'mobile' | 'tablet' | 'tv' | 'bot' | 'other';
  readonly browser: string;
  readonly operatingSystem: string;
}

const browsers: ReadonlySet<string> = new Set(Object.values(Bowser.BROWSER_MAP));
const systems: ReadonlySet<string> = new Set(Object.values(Bowser.OS_MAP));
const devices: ReadonlySet<string> = new Set(['desktop', 'mobile', 'tablet', 'tv']);

// isbot also takes every short or unknown user agent, and every HTTP client, for a bot. A person with curl follows a link
// as well as one with a browser, so the patterns that match such tools are left out; a bot is what calls itself one. The
// address of a page about itself (+https://…) is how crawlers without "bot" in their name do that.
const tools = [
  'curl/8',
  'curl/8.5.0',
  'Wget/1.21',
  'tool',
  'tool 2',
  'tool/1.0',
  'node',
  'python-requests/2.32',
  'Go-http-client/1.1',
];
const moreTools = [
  'okhttp/4.12.0',
  'k6/1.8.1 (https://k6.io/)',
  'Java/17.0.2',
  'Apache-HttpClient/5.3 (Java/17)',
  'PostmanRuntime/7.39',
  'HTTPie/3.2',
];
const botPatterns = list.filter((pattern) => {
  const matcher = new RegExp(pattern, 'i');
  return ![...tools, ...moreTools].some((tool) => matcher.test(tool));
});
const isbot = createIsbotFromList([...botPatterns, '\\+https?:']);

/** Parsing costs 15 us (docs/decisions/0003-click.md), and most visitors share a few hundred user agents, so results are cached. */
export function createAgentReader(remembered = 10_000): (userAgent: string) => Agent {
  const known = new Recent<string, Agent>(remembered);
  return (userAgent) => {
    const found = known.get(userAgent);
    if (found) return found;
    const agent = readAgent(userAgent);
    known.set(userAgent, agent);
    return agent;
  };
}

function readAgent(userAgent: string): Agent {
  if (userAgent === '') return { bot: false, device: 'other', browser: '', operatingSystem: '' };
  const { browser, os, platform } = Bowser.parse(userAgent);
  const bot = isbot(userAgent) || platform.type === 'bot';
  return {
    bot,
    device: bot ? 'bot' : isDevice(platform.type) ? platform.type : 'other',
    browser: listed(browser.name, browsers),
    operatingSystem: listed(os.name, systems),
  };
}

function isDevice(type: string | undefined): type is 'desktop' | 'mobile' | 'tablet' | 'tv' {
  return type !== undefined && devices.has(type);
}

function listed(name: string | undefined, list: ReadonlySet<string>): string {
  return name !== undefined && list.has(name) ? name : '';
}
