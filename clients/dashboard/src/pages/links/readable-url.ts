const encodedRun = /(?:%[0-9a-f]{2})+/gi;
/** No sign that has a meaning in an address, none that cannot be seen, and none that changes the direction of what follows. */
const readable = /[^\p{ASCII}]/u;
/** Some letters are blank, such as the Hangul filler. The selector that makes an emoji of a sign is not blank: it changes the sign. */
const letter = /^(?!(?!\uFE0F)\p{Default_Ignorable_Code_Point})[\p{L}\p{M}\p{N}\p{Extended_Pictographic}]$/u;

/** An address for reading, with letters as they are written: `/caf%C3%A9` as `/café`. It is not for following or copying. */
export function readableUrl(url: string): string {
  return url.replace(encodedRun, (run) => {
    try {
      return [...decodeURIComponent(run)].map(shown).join('');
    } catch {
      // What is not UTF-8 has no letters.
      return run;
    }
  });
}

const shown = (character: string): string =>
  readable.test(character) && letter.test(character) ? character : percentEncoded(character);

/** Signs such as `!` too, which encodeURIComponent leaves alone. */
function percentEncoded(character: string): string {
  const bytes = [...new TextEncoder().encode(character)];
  return bytes.map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('');
}
