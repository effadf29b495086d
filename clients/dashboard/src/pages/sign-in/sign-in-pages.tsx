import { type ReactNode, useEffect } from 'react';
import { Link } from 'wouter';
import { useSearch } from 'wouter/use-browser-location';
import { problemOf } from '../../api/problem.ts';
import { Button } from '../../components/controls/button.tsx';
import { Mark } from '../../shell/mark.tsx';
import { LogInForm } from './log-in-form.tsx';
import style from './sign-in.module.css';
import { SignUpForm } from './sign-up-form.tsx';

export function LogInPage() {
  const search = useSearch();
  return (
    <Card title="Log in" lead="Welcome back.">
      <LogInForm />
      <p>
        New here? <Link href={`/sign-up${search}`}>Create an account</Link>
      </p>
    </Card>
  );
}

export function SignUpPage() {
  const search = useSearch();
  return (
    <Card title="Create an account" lead="It comes with its own workspace.">
      <SignUpForm />
      <p>
        Already have an account? <Link href={`/log-in${search}`}>Log in</Link>
      </p>
    </Card>
  );
}

/** Where it could not be found out who is signed in. */
export function NotStartedPage({ error, retry }: { error: unknown; retry: () => void }) {
  const { title, advice } = problemOf(error);
  return (
    <Card title={title} lead={advice}>
      <Button look="primary" autoFocus onClick={retry}>
        Try again
      </Button>
    </Card>
  );
}

function Card({ title, lead, children }: { title: string; lead: string; children: ReactNode }) {
  useEffect(() => {
    document.title = `${title} · Hopline`;
  }, [title]);
  return (
    <div className={style.page}>
      <header>
        <a href="/" className={style.mark}>
          <Mark />
          Hopline
        </a>
      </header>
      <main className={style.card}>
        <div>
          <h1>{title}</h1>
          <p className={style.lead}>{lead}</p>
        </div>
        {children}
      </main>
    </div>
  );
}
