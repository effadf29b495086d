/**
 * What a path and a query may contain, as RE2 patterns. A path that is not valid percent-encoded UTF-8 would become a proto string that no
 * service can decode (and so a 500): Envoy answers it with 400.
 */
const continuation = '%[89ABab][0-9A-Fa-f]';
/** One percent-encoded character outside ASCII, by RFC 3629: no overlong forms, no surrogates. */
const encodedCharacter = [
  `%[Cc][2-9A-Fa-f]${continuation}`,
  `%[Dd][0-9A-Fa-f]${continuation}`,
  `%[Ee]0%[ABab][0-9A-Fa-f]${continuation}`,
  `%[Ee][1-9A-Ca-c](?:${continuation}){2}`,
  `%[Ee][Dd]%[89][0-9A-Fa-f]${continuation}`,
  `%[Ee][EFef](?:${continuation}){2}`,
  `%[Ff]0%[9ABab][0-9A-Fa-f](?:${continuation}){2}`,
  `%[Ff][1-3](?:${continuation}){3}`,
  `%[Ff]4%8[0-9A-Fa-f](?:${continuation}){2}`,
].join('|');
/** Printable ASCII, percent-encoded. */
const encodedPrintable = '%[2-6][0-9A-Fa-f]|%7[0-9A-Ea-e]';

/**
 * One segment that can be a code: letters, digits, `-`, `_`, anything percent-encoded (the resolver decides), and a trailing `+`. No dot,
 * so `/robots.txt` is a page.
 */
export const codeSegment = `(?:[0-9A-Za-z_-]|${encodedPrintable}|${encodedCharacter})+\\+?`;

const raw = '[!-$&->@-~]';
const pathText = `(?:${raw}|${encodedPrintable}|${encodedCharacter})*`;
const queryText = `(?:${raw}|\\?|%[0-7][0-9A-Fa-f]|${encodedCharacter})*`;

/**
 * A query without a percent sign in a parameter's name. The transcoder ignores parameters by their raw names and then binds them by their
 * decoded ones, so `?c%6Fde=x` would replace the code; such a query is checked by a script.
 */
export const plainQuery = '(?:\\?(?:[^=&%]*(?:=[^&]*)?&)*[^=&%]*(?:=[^&]*)?)?';

/** A host by RFC 3986, without the comma, and a port. */
export const host = "(?:[0-9A-Za-z._~!$&'()*+;=%-]+|\\[[0-9A-Fa-f:.]+\\])(?::[0-9]*)?";

/** The path is malformed; the query may be anything. */
export const malformedPath = {
  name: ':path',
  string_match: { safe_regex: { regex: `${pathText}(?:\\?\\C*)?` } },
  invert_match: true,
} as const;

/** The query of an API call; a redirect's query is not read at all. */
export const malformedQuery = {
  name: ':path',
  string_match: { safe_regex: { regex: `[^?]*(?:\\?${queryText})?` } },
  invert_match: true,
} as const;
