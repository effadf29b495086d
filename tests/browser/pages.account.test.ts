import { describe, expect, it } from 'vitest';
import { concurrently } from '../support/concurrently.ts';
import { call } from '../support/http.ts';
import { whyNoBrowser } from './support/chromium.ts';
import { apiOf, newContext, newPage, signedInPage, toast, useBrowser } from './support/visit.ts';

describe.skipIf(whyNoBrowser)('the page of', () => {
  useBrowser();

  it('sessions lists them, and ends one elsewhere', async () => {
    const { page, visitor } = await signedInPage();
    const elsewhere = await newPage(await newContext({ userAgent: 'Mozilla/5.0 (X11; Linux x86_64) Firefox/141.0' }));
    await elsewhere.goto('/app/log-in');
    await elsewhere.getByLabel('Email').fill(visitor.email);
    await elsewhere.getByLabel('Password').fill(visitor.password);
    await elsewhere.getByRole('button', { name: 'Log in' }).click();
    await elsewhere.getByRole('heading', { name: 'Links', exact: true }).waitFor();
    await page.getByRole('link', { name: 'Sessions' }).click();
    const rows = page.getByRole('table', { name: /Your sessions/ }).locator('tbody tr');
    await rows.nth(1).waitFor();
    await rows.filter({ hasText: 'this one' }).getByText('Log out to end it').waitFor();
    await rows.filter({ hasText: 'Firefox' }).getByRole('button', { name: /^End/ }).click();
    await page.getByRole('button', { name: 'End it' }).click();
    await toast(page, 'is signed out').waitFor();
    await expect.poll(() => rows.count()).toBe(1);
    await elsewhere.reload();
    await elsewhere.getByRole('heading', { name: 'Log in' }).waitFor();
  });

  it('sessions lists all of more than a page, and ends all others at once', async () => {
    const { page, visitor } = await signedInPage();
    await concurrently(120, 8, () => call('/api/auth/login', { body: visitor }));
    await page.getByRole('link', { name: 'Sessions' }).click();
    const rows = page.getByRole('table', { name: /Your sessions/ }).locator('tbody tr');
    await expect.poll(() => rows.count()).toBe(100);
    await page.getByRole('button', { name: 'Show more' }).click();
    await expect.poll(() => rows.count()).toBe(121);
    expect(await page.getByRole('button', { name: 'Show more' }).count()).toBe(0);
    await page.getByRole('button', { name: 'End all others' }).click();
    await page.getByRole('button', { name: 'End them' }).click();
    await toast(page, '120 sessions are signed out').waitFor();
    await expect.poll(() => rows.count()).toBe(1);
    await rows.getByText('this one').waitFor();
    await page.reload();
    await rows.getByText('this one').waitFor();
  });

  it('the account changes the name everywhere, in other tabs too', async () => {
    const { page } = await signedInPage();
    const tab = await newPage(page.context());
    await tab.goto('/app/keys');
    await page.getByRole('link', { name: 'Account: Ada Lovelace' }).click();
    await page.getByLabel('Your name').fill('Ada King');
    await page.getByRole('button', { name: 'Save the name' }).click();
    await toast(page, 'Your name is saved').waitFor();
    for (const each of [page, tab]) await each.getByRole('link', { name: 'Account: Ada King' }).waitFor();
  });

  it('the account changes the email with the password, and says at the field what is wrong', async () => {
    const [{ page, visitor }, other] = [await signedInPage(), await signedInPage()];
    await page.getByRole('link', { name: /^Account/ }).click();
    const change = async (email: string, password: string) => {
      await page.getByLabel('New email').fill(email);
      await page.getByLabel('Your password').fill(password);
      await page.getByRole('button', { name: 'Change the email' }).click();
    };
    await change(`new.${visitor.email}`, 'not the password');
    await page.getByText('The current password is wrong').waitFor();
    expect(await page.getByLabel('Your password').evaluate((field) => field === document.activeElement)).toBe(true);
    await change(other.visitor.email, visitor.password);
    await page.getByRole('alert').filter({ hasText: 'This email has an account already' }).waitFor();
    await change(`new.${visitor.email}`, visitor.password);
    await toast(page, 'Your email was changed').waitFor();
    await page.getByText(`You sign in with new.${visitor.email}`).waitFor();
    expect(await page.getByLabel('Your password').inputValue()).toBe('');
  });

  it('the account changes the password, stays signed in here, and nowhere else', async () => {
    const { page, visitor } = await signedInPage();
    const { token } = await apiOf(visitor);
    await page.getByRole('link', { name: /^Account/ }).click();
    const next = 'a short ride in the snow';
    const change = async (current: string, chosen: string, again = chosen) => {
      await page.getByLabel('Current password').fill(current);
      await page.getByLabel('New password', { exact: true }).fill(chosen);
      await page.getByLabel('New password, again').fill(again);
      await page.getByRole('button', { name: 'Change the password' }).click();
    };
    const focused = () => page.evaluate(() => document.activeElement?.getAttribute('name'));
    await change(visitor.password, next, 'something else entirely');
    await page.getByText('This is not the same as above').waitFor();
    await expect.poll(focused).toBe('again');
    await change('not the password', next);
    await page.getByText('The current password is wrong').waitFor();
    await expect.poll(focused).toBe('password');
    expect(await page.getByText('This is not the same as above').count()).toBe(0);
    await change(visitor.password, 'password123');
    await page.getByText('This password is too common').waitFor();
    await expect.poll(focused).toBe('new-password');
    await change(visitor.password, next);
    await toast(page, 'Your password is changed. 1 other session is signed out').waitFor();
    expect(await page.getByLabel('Current password').inputValue()).toBe('');
    await expect.poll(async () => (await call('/api/v1/users/me', { token })).status).toBe(401);
    await page.reload();
    await page.getByRole('heading', { name: 'Account', exact: true }).waitFor();
    expect((await call('/api/auth/login', { body: { ...visitor, password: next } })).status).toBe(200);
  });

  it('the account is deleted with the password, after a question; the person is signed out in every tab', async () => {
    const { page, visitor } = await signedInPage();
    const { token } = await apiOf(visitor);
    const made = await call('/api/v1/urls', { token, body: { long_url: 'https://example.org/leaving' } });
    const tab = await newPage(page.context());
    await tab.goto('/app/keys');
    await page.getByRole('link', { name: /^Account/ }).click();
    const field = page.getByLabel('Password, to delete the account');
    const question = page.getByRole('dialog', { name: `Delete ${visitor.email}?` });
    const remove = async (password: string, answer: string) => {
      await field.fill(password);
      await page.getByRole('button', { name: 'Delete the account' }).click();
      await question.getByRole('button', { name: answer }).click();
    };
    await remove(visitor.password, 'Keep it');
    expect((await call('/api/v1/users/me', { token })).status).toBe(200);
    await remove('not the password', 'Delete it permanently');
    await page.getByText('The current password is wrong').waitFor();
    expect(await field.evaluate((element) => element === document.activeElement)).toBe(true);
    const sent = Promise.withResolvers<void>();
    await page.route(/DeleteCurrentUser$/, async (route) => {
      await sent.promise;
      await route.continue();
    });
    await field.fill(visitor.password);
    await page.getByRole('button', { name: 'Delete the account' }).click();
    // There is no way back from the press on, so none is offered.
    await question.getByRole('button', { name: 'Delete it permanently' }).evaluate(async (button) => {
      (button as HTMLElement).click();
      // As a key that was pressed right then, before what the press on has left for later.
      await new Promise<void>((resolve) => scheduler.postTask(resolve, { priority: 'user-blocking' }));
      button.closest('dialog')?.dispatchEvent(new Event('cancel', { cancelable: true }));
    });
    await page.keyboard.press('Escape');
    await question.getByRole('button', { name: 'Keep it' }).dispatchEvent('click');
    await question.getByRole('button', { name: 'Delete it permanently', disabled: true }).waitFor();
    sent.resolve();
    await toast(page, 'Your account is deleted').waitFor();
    for (const each of [page, tab]) await each.getByRole('heading', { name: 'Log in' }).waitFor();
    await page.reload();
    await page.getByRole('heading', { name: 'Log in' }).waitFor();
    expect((await page.context().cookies()).filter(({ name }) => name.includes('hop_session'))).toEqual([]);
    expect((await call('/api/auth/login', { body: visitor })).status).toBe(401);
    await expect.poll(async () => (await call(`/${made.json.code}`)).status).toBe(410);
  });
});
