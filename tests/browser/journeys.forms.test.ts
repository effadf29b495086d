import { Code } from '@connectrpc/connect';
import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { call } from '../support/http.ts';
import { whyNoBrowser } from './support/chromium.ts';
import { refuse } from './support/refusal.ts';
import {
  apiOf,
  createLink,
  holdBack,
  returnLater,
  row,
  signedInPage,
  toast,
  useBrowser,
  type Visitor,
} from './support/visit.ts';

/** What a colleague does meanwhile, by the API. */
async function changeElsewhere(visitor: Visitor, alias: string, body: unknown): Promise<void> {
  const { token } = await apiOf(visitor);
  expect((await call(`/api/v1/urls/${alias}`, { method: 'PATCH', token, body })).status).toBe(200);
}

const dialog = (page: Page, name: string) => page.getByRole('dialog', { name });

describe.skipIf(whyNoBrowser)('the dashboard', () => {
  useBrowser();

  it('says what is wrong with an alias, a destination or an end, and keeps what was typed', async () => {
    const { page } = await signedInPage();
    const alias = `mine-${Date.now()}`;
    await createLink(page, { Destination: 'https://example.com/', Alias: alias });
    await page.getByRole('button', { name: 'Create a link' }).click();
    await page.getByLabel('Alias').fill(alias);
    await page.getByText('A link of this workspace already has it').waitFor();
    await page.getByLabel('Alias').fill('no spaces');
    await page.getByText('Letters, digits, hyphens and underscores').waitFor();
    await refuse(page, /GetLink$/, { code: Code.Unavailable, reason: 'OVERLOADED' });
    await page.getByLabel('Alias').fill(`${alias}-2`);
    await page.getByText('It could not be checked now').waitFor();
    await page.getByLabel('Alias').fill('API');
    await page.getByLabel('Destination').fill('https://example.com/kept');
    await page.getByRole('button', { name: 'Create', exact: true }).click();
    await page.getByRole('alert').filter({ hasText: 'reserved' }).waitFor();
    // Where the correction is due, which may be above what is on the screen.
    await page.locator('input:focus').and(page.getByLabel('Alias')).waitFor();
    await page.unroute(/GetLink$/);
    await page.getByLabel('Alias').fill(`${alias}-3`);
    await page.getByText('No link of this workspace has it.').waitFor();
    expect(await page.getByLabel('Destination').inputValue()).toBe('https://example.com/kept');
    await page.getByLabel('Expires').fill('12026-01-01T10:00');
    await page.getByRole('button', { name: 'Create', exact: true }).click();
    expect(await page.getByLabel('Expires').evaluate((field: HTMLInputElement) => field.validity.rangeOverflow)).toBe(
      true,
    );
  });

  it('does not take back what a colleague changed while a link was being edited', async () => {
    const { page, visitor } = await signedInPage();
    const alias = `shared-${Date.now()}`;
    await createLink(page, { Destination: 'https://example.com/', Alias: alias, Title: 'Old title' });
    await row(page, 'Old title').getByRole('link', { name: 'Old title' }).click();
    await page.getByRole('button', { name: 'Edit' }).click();
    await changeElsewhere(visitor, alias, { title: 'New title' });
    await returnLater(page);
    await page.getByRole('heading', { name: 'New title', level: 1, includeHidden: true }).waitFor();
    await page.getByLabel('Destination').fill('https://example.com/mine');
    await page.getByRole('button', { name: 'Save' }).click();
    const refusal = page.getByRole('alert').filter({ hasText: 'Somebody changed this in the meantime' });
    await refusal.waitFor();
    // What was typed is kept, and saved with what the colleague left.
    expect(await dialog(page, 'Edit New title').getByLabel('Title').inputValue()).toBe('New title');
    await page.getByRole('button', { name: 'Save' }).click();
    await toast(page, 'Saved New title').waitFor();
    await page.getByRole('link', { name: 'https://example.com/mine' }).waitFor();
    await page.getByRole('link', { name: 'Links', exact: true }).click();
    // The list does not come to know of it by itself: what was refused asks for it.
    await page.getByRole('button', { name: 'Edit New title' }).click();
    await changeElsewhere(visitor, alias, { title: 'Newest title' });
    const title = page.getByRole('dialog').getByLabel('Title');
    await title.fill('My title');
    await page.getByRole('button', { name: 'Save' }).click();
    await refusal.waitFor();
    await dialog(page, 'Edit Newest title').getByText('It is now “Newest title”. Saving replaces that.').waitFor();
    expect(await title.inputValue()).toBe('My title');
    await page.getByRole('button', { name: 'Save' }).click();
    await row(page, 'My title').waitFor();
  });

  it('asks before what was typed is thrown away', async () => {
    const { page } = await signedInPage();
    const open = () => page.getByRole('button', { name: 'Create a link' }).click();
    const destination = page.getByLabel('Destination');
    const question = page.getByRole('alertdialog', { name: 'Discard your changes?' });
    await open();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await open();
    await destination.fill('https://example.com/kept');
    // A browser closes a dialog by itself when Escape is pressed again.
    for (const state of ['visible', 'detached', 'visible', 'detached'] as const) {
      await page.keyboard.press('Escape');
      await question.waitFor({ state });
    }
    await page.mouse.click(5, 5);
    await question.getByRole('button', { name: 'Keep editing' }).click();
    await question.waitFor({ state: 'detached' });
    expect(await destination.inputValue()).toBe('https://example.com/kept');
    await dialog(page, 'Create a link').getByRole('button', { name: 'Close' }).click();
    await question.getByRole('button', { name: 'Discard' }).click();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await open();
    expect(await destination.inputValue()).toBe('');
  });

  it('loses neither what was typed nor what is shown once to Back or a reload', async () => {
    const { page } = await signedInPage();
    const asked: string[] = [];
    page.on('dialog', (question) => {
      asked.push(question.type());
      void question.dismiss();
    });
    const goBack = () => page.evaluate(() => history.back());
    const reload = () => page.evaluate(() => location.reload()).catch(() => {});
    await page.getByRole('link', { name: 'API keys' }).click();
    await page.getByRole('button', { name: 'Create a key' }).click();
    await page.getByLabel('Name').fill('Nightly export');
    const question = page.getByRole('alertdialog', { name: 'Discard your changes?' });
    // However often.
    for (let time = 0; time < 2; time++) {
      await goBack();
      await question.waitFor();
    }
    await question.getByRole('button', { name: 'Keep editing' }).click();
    await reload();
    await expect.poll(() => asked).toEqual(['beforeunload']);
    expect(await page.getByLabel('Name').inputValue()).toBe('Nightly export');
    await page.getByRole('button', { name: 'Create the key' }).click();
    const secret = await page.getByLabel('Secret').inputValue();
    await goBack();
    await reload();
    await expect.poll(() => asked).toHaveLength(2);
    expect([await page.getByLabel('Secret').inputValue(), page.url()]).toEqual([
      secret,
      expect.stringMatching(/\/app\/keys$/),
    ]);
    await page.getByRole('button', { name: 'I have stored it' }).click();
    // From here on nothing is lost, and nothing asked.
    await goBack();
    await page.getByRole('heading', { name: 'Links', exact: true }).waitFor();
    await page.reload();
    expect(asked).toHaveLength(2);
  });

  it('leaves a dialog open that is not the one that was saved', async () => {
    const { page } = await signedInPage();
    for (const title of ['First', 'Second'])
      await createLink(page, { Destination: 'https://example.com/', Title: title });
    const goOn = await holdBack(page, /UpdateLink$/);
    await page.getByRole('button', { name: 'Edit First' }).click();
    await page.getByLabel('Title').fill('Foremost');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByRole('button', { name: 'Edit Second' }).click();
    await page.getByLabel('Title').fill('Being typed');
    goOn();
    await toast(page, 'Saved Foremost').waitFor();
    expect(await dialog(page, 'Edit Second').getByLabel('Title').inputValue()).toBe('Being typed');
  });

  it('stays where somebody went while the page of a link was saving', async () => {
    const { page } = await signedInPage();
    const alias = `late-${Date.now()}`;
    await createLink(page, { Destination: 'https://example.com/', Alias: alias, Title: 'Late' });
    await row(page, 'Late').getByRole('link', { name: 'Late' }).click();
    const saveLate = async (field: string, value: string) => {
      const goOn = await holdBack(page, /UpdateLink$/);
      await page.getByRole('button', { name: 'Edit' }).click();
      await page.getByLabel(field).fill(value);
      await page.getByRole('button', { name: 'Save' }).click();
      await page.getByRole('button', { name: 'Cancel' }).click();
      return goOn;
    };
    const toldOfTitle = await saveLate('Title', 'Later');
    await page.getByRole('button', { name: 'Edit' }).click();
    await page.getByLabel('Tags').fill('being typed');
    toldOfTitle();
    await toast(page, 'Saved Later').waitFor();
    expect(await page.getByRole('dialog').getByLabel('Tags').inputValue()).toBe('being typed');
    await page.getByRole('button', { name: 'Cancel' }).click();
    const toldOfAlias = await saveLate('Alias', `${alias}-renamed`);
    await page.getByRole('link', { name: 'API keys' }).click();
    await page.getByText('No keys yet').waitFor();
    await toast(page, 'Saved Later').getByRole('button', { name: 'Dismiss' }).click();
    toldOfAlias();
    await toast(page, 'Saved Later').waitFor();
    expect(page.url()).toContain('/app/keys');
  });
});
