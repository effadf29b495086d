import type { ReactNode } from 'react';
import { classes } from '../../components/classes.ts';
import { Icon, type IconName } from '../../components/icon.tsx';
import style from './chip.module.css';

type Mood = 'good' | 'trying' | 'bad';

interface ChipProps {
  readonly name: string;
  readonly mood: Mood;
  /** Shown where it is not good, and always read out. */
  readonly word: string;
  readonly title?: string;
}

const icons: Readonly<Record<Mood, IconName>> = { good: 'check', trying: 'restore', bad: 'warning' };

/** Whether one thing is well: by an icon and a word, not by colour alone. */
export function Chip({ name, mood, word, title }: ChipProps) {
  return (
    <li className={classes(style.chip, style[mood])} title={title}>
      <Icon name={icons[mood]} size={14} />
      {name}
      <span className={mood === 'good' ? 'only-read' : style.word}>{word}</span>
    </li>
  );
}

export function Chips({ label, children }: { label: string; children: ReactNode }) {
  return (
    <ul className={style.chips} aria-label={label}>
      {children}
    </ul>
  );
}
