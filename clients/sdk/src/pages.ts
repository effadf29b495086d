import { Code, ConnectError } from '@connectrpc/connect';
import { toHoplineError } from './errors.ts';

/** A page of a list, with the contract's field names. */
interface Page {
  readonly nextPageToken: string;
}

/** Every item of a paged list; each page is requested when the previous one is used up. */
export async function* everyItem<P extends Page, Item>(
  fetchPage: (pageToken: string) => Promise<P>,
  itemsOf: (page: P) => readonly Item[],
  firstToken = '',
): AsyncGenerator<Item, void, undefined> {
  let token = firstToken;
  do {
    const page = await fetchPage(token);
    yield* itemsOf(page);
    // Such a list would never end.
    if (token !== '' && page.nextPageToken === token)
      throw toHoplineError(new ConnectError('The list has a page that names itself as the next one.', Code.Internal));
    token = page.nextPageToken;
  } while (token !== '');
}
