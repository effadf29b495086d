import { createRoot } from 'react-dom/client';
import { anonymousTransport } from './api/transport.ts';
import { App } from './app.tsx';
import { startStaying } from './components/dialogs/use-stay.ts';
import './design/tokens.css';
import './design/base.css';
import { mendLanguage } from './design/language.ts';
import { startTheme } from './design/theme.ts';
import { keepInvitation } from './pages/join/kept-invitation.ts';
import { NotStartedPage } from './pages/sign-in/sign-in-pages.tsx';
import { createSession } from './session/session.ts';
import { sessionCalls } from './session/session-calls.ts';
import { SessionContext } from './session/session-context.ts';
import { browserTabs } from './session/tabs.ts';

mendLanguage();
startTheme();
startStaying();
keepInvitation();
const baseUrl = location.origin;
const anonymous = anonymousTransport({ baseUrl });
const session = createSession(sessionCalls(anonymous), browserTabs());
const root = createRoot(document.getElementById('root') ?? document.body);

async function start(): Promise<void> {
  try {
    await session.restore();
  } catch (error) {
    root.render(<NotStartedPage error={error} retry={startAgain} />);
    return;
  }
  root.render(
    <SessionContext value={{ session, anonymous }}>
      <App baseUrl={baseUrl} />
    </SessionContext>,
  );
}

function startAgain(): void {
  // As index.html says it the first time.
  root.render(
    <p className="starting" role="status">
      Loading
    </p>,
  );
  void start();
}

void start();
