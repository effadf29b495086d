/**
 * Codes that nobody may choose, in any case: paths that the public listener serves or is likely to serve, and names that make a stranger's
 * link look official. Generated codes are checked too, since some words have their shape.
 */
const reservedWords: ReadonlySet<string> = new Set([
  // Paths of the front door
  ...['api', 'app', 'r', 'hop', 'healthz', 'readyz', 'livez', 'health', 'ready', 'live', 'status', 'metrics'],
  ...['robots.txt', 'favicon.ico', 'sitemap.xml', 'humans.txt', 'security.txt', '.well-known', 'well-known'],
  ...['assets', 'static', 'public', 'docs', 'openapi', 'swagger', 'graphql', 'grpc', 'envoy', 'internal', 'debug'],
  // Places that people look for on a site
  ...[
    'about',
    'account',
    'accounts',
    'admin',
    'auth',
    'billing',
    'contact',
    'dashboard',
    'help',
    'home',
    'index',
    'legal',
  ],
  ...['links', 'login', 'logout', 'pricing', 'privacy', 'profile', 'register', 'root', 'security', 'settings'],
  ...[
    'signin',
    'signout',
    'signup',
    'stats',
    'support',
    'terms',
    'urls',
    'user',
    'users',
    'workspace',
    'workspaces',
    'www',
  ],
]);

/** In any case, and in compatibility forms of its letters (ａｐｉ, 𝐚𝐩𝐢). */
export function isReserved(code: string): boolean {
  return reservedWords.has(code.normalize('NFKC').toLowerCase());
}
