const regions = new Intl.DisplayNames(undefined, { type: 'region' });
const languages = new Intl.DisplayNames(undefined, { type: 'language' });

const unknown = 'Not known';

/** The country of an ISO 3166-1 alpha-2 code. */
export const countryName = (code: string): string => named(code, (known) => regions.of(known));

/** The language of a BCP 47 tag. */
export const languageName = (tag: string): string => named(tag, (known) => languages.of(known));

export const referrerName = (host: string): string => host || 'Direct, or unknown';

export const plainName = (value: string): string => value || unknown;

const devices: Readonly<Record<string, string>> = {
  desktop: 'Desktop',
  mobile: 'Phone',
  tablet: 'Tablet',
  tv: 'Television',
  bot: 'Bot',
  other: 'Other',
};

export const deviceName = (device: string): string => devices[device] ?? plainName(device);

const tiers: Readonly<Record<string, string>> = {
  edge: 'Edge: in Envoy',
  l1: 'Memory of a resolver',
  redis: 'Redis',
  replica: 'Postgres replica',
  primary: 'Postgres primary',
};

/** Where a redirect was answered. */
export const tierName = (tier: string): string => tiers[tier] ?? plainName(tier);

/** "Springfield, Illinois, US" with the country's name, and without the region if it has the city's name. */
export function cityName(value: string): string {
  const parts = value.split(', ');
  const code = parts.at(-1) ?? '';
  if (parts.length < 2 || !/^[A-Z]{2}$/.test(code)) return plainName(value);
  const [city = '', ...regions] = parts.slice(0, -1);
  const isSame = (region: string): boolean => bare(region).includes(bare(city));
  return [city, ...regions.filter((region) => !isSame(region)), countryName(code)].join(', ');
}

/** Without accents, which only one of two names may have. */
const bare = (name: string): string => name.normalize('NFD').replace(/\p{M}/gu, '');

function named(code: string, nameOf: (code: string) => string | undefined): string {
  if (code === '') return unknown;
  try {
    return nameOf(code) ?? code;
  } catch {
    // An invalid code is shown unchanged.
    return code;
  }
}
