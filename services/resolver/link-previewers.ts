/**
 * User agents that fetch a link to show it in a message, and name themselves so that servers can tell them from a person. Only those that
 * say they do nothing else are listed; crawlers and tools (curl) are not, since they may really mean to follow the link.
 */
const names = [
  ...['facebookexternalhit', 'facebot', 'twitterbot', 'linkedinbot', 'pinterestbot', 'redditbot', 'cardyb'],
  ...['slackbot-linkexpanding', 'slack-imgproxy', 'discordbot', 'telegrambot', 'whatsapp/', 'skypeuripreview'],
  ...['mastodon/', 'synapse', 'vkshare', 'iframely', 'embedly'],
];

/** Whether this User-Agent only shows the link to people who may then follow it. */
export function isLinkPreviewer(userAgent: string | undefined): boolean {
  const given = userAgent?.toLowerCase() ?? '';
  return names.some((name) => given.includes(name));
}
