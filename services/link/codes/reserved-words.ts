/**
 * Codes that nobody may choose, in any case: paths that the front door serves or is likely to serve, and names that a
 * stranger could pass a link off under. A generated code is checked as well; some words have its shape.
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

/** In any case, and in letters that Unicode calls the same but for their form (ａｐｉ, 𝐚𝐩𝐢). */
export function isReserved(code: string): boolean {
  return reservedWords.has(code.normalize('NFKC').toLowerCase());
}
