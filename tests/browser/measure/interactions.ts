import type { Page } from 'playwright-core';

export interface Interaction {
  readonly name: string;
  /** Done when what it asked for is on the screen. */
  act(page: Page): Promise<unknown>;
}

const rows = (page: Page) => page.getByRole('listitem');
const closed = (page: Page) => page.getByRole('dialog').waitFor({ state: 'detached' });

/** What people do on the links page, one after the other, with all of its rows loaded that a long scroll loads. */
export const interactions: readonly Interaction[] = [
  {
    name: 'scroll to the 2,000th link (End, 20 times)',
    async act(page) {
      await page.mouse.click(700, 20);
      for (let turn = 0; turn < 20; turn++) {
        await page.keyboard.press('End');
        await page.waitForResponse(/ListLinks/, { timeout: 5_000 }).catch(() => {});
      }
    },
  },
  {
    name: 'go from row to row by arrow key, 30 times',
    async act(page) {
      await page.keyboard.press('Home');
      await page.keyboard.press('j');
      for (let step = 0; step < 30; step++) await page.keyboard.press('ArrowDown');
    },
  },
  { name: 'select a row', act: (page) => rows(page).nth(2).getByRole('checkbox').click() },
  {
    name: 'select all loaded rows',
    async act(page) {
      await page.getByRole('region', { name: 'Selection' }).getByRole('button', { name: /all/i }).click();
    },
  },
  {
    name: 'clear the selection',
    act: (page) =>
      page
        .getByRole('button', { name: /^(Clear|None)/ })
        .first()
        .click(),
  },
  {
    name: 'open the dialog to create a link, and type',
    async act(page) {
      await page.keyboard.press('n');
      await page.getByLabel('Destination').waitFor();
      await page.keyboard.type('example.com/a-long-destination');
    },
  },
  {
    name: 'close it',
    async act(page) {
      await page.keyboard.press('Escape');
      await closed(page);
    },
  },
  {
    name: 'open the palette, and type',
    async act(page) {
      await page.keyboard.press('Control+k');
      await page.getByRole('combobox', { name: 'Command' }).waitFor();
      await page.keyboard.type('links');
      await page.keyboard.press('Escape');
      await closed(page);
    },
  },
  {
    name: 'type into the search',
    async act(page) {
      await page.keyboard.press('/');
      await page.keyboard.type('example');
    },
  },
  { name: 'change the order', act: (page) => page.getByLabel('Order').selectOption('created_at asc') },
];
