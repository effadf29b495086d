/**
 * What fetches a link to show it in a message: its name is told so that servers can tell it from a person. A list of those that say they do
 * nothing else; crawlers and tools (curl) are not on it, for what they fetch may be meant.
 */
const names = [
  ...['facebookexternalhit', 'facebot', 'twitterbot', 'linkedinbot', 'pinterestbot', 'redditbot', 'cardyb'],
  ...['slackbot-linkexpanding', 'slack-imgproxy', 'discordbot', 'telegrambot', 'whatsapp/', 'skypeuripreview'],
  ...['mastodon/', 'synapse', 'vkshare', 'iframely', 'embedly'],
];

/** A User-Agent that only shows the link to people who may then follow it. */
export function isLinkPreviewer(userAgent: string | undefined): boolean {
  const given = userAgent?.toLowerCase() ?? '';
  return names.some((name) => given.includes(name));
}
