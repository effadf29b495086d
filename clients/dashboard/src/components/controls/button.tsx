import type { ComponentProps } from 'react';
import { classes } from '../classes.ts';
import { Icon, type IconName } from '../icon.tsx';
import style from './button.module.css';

type Look = 'primary' | 'plain' | 'quiet' | 'danger';

interface ButtonProps extends ComponentProps<'button'> {
  readonly look?: Look;
  readonly icon?: IconName;
  readonly small?: boolean;
  /** On a narrow screen only the icon is shown; the text is still read out. */
  readonly folds?: boolean;
  /** True while its action runs: it cannot be pressed again, keeps its size, and is announced as busy. */
  readonly busy?: boolean;
}

export function Button({
  look = 'plain',
  icon,
  small,
  folds,
  busy = false,
  className,
  children,
  onClick,
  ...rest
}: ButtonProps) {
  return (
    <button
      type="button"
      className={classes(style.button, style[look], small && style.small, folds && style.folds, className)}
      // Not `disabled`: that would take the focus away from whoever pressed it.
      aria-disabled={busy || undefined}
      aria-busy={busy || undefined}
      onClick={busy ? prevent : onClick}
      {...rest}
    >
      {icon && <Icon name={icon} size={small ? 16 : 18} />}
      {folds ? <span className={style.text}>{children}</span> : children}
    </button>
  );
}

interface IconButtonProps extends Omit<ButtonProps, 'children' | 'icon'> {
  readonly icon: IconName;
  /** What it does; read out, and shown as a tip. */
  readonly label: string;
}

/** An icon-only button. */
export function IconButton({ label, className, look = 'quiet', ...rest }: IconButtonProps) {
  return <Button look={look} className={classes(style.icon, className)} aria-label={label} title={label} {...rest} />;
}

function prevent(event: { preventDefault(): void }): void {
  event.preventDefault();
}
