import style from './meter.module.css';

interface MeterProps {
  readonly label: string;
  readonly value: number;
  readonly most: number;
  /** The value in words: "1,250 of 12,500". */
  readonly text: string;
  /** True: so much of it that somebody should look. */
  readonly isBad?: boolean;
}

/** How full something is: drawn, and said in words beside it. */
export function Meter({ label, value, most, text, isBad = false }: MeterProps) {
  const part = most > 0 ? Math.min(1, value / most) : 0;
  return (
    <div className={style.meter}>
      <span>{label}</span>
      <span className={style.text}>{text}</span>
      <svg className={isBad ? style.bad : style.bar} viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true">
        <rect width={value > 0 ? Math.max(0.8, 100 * part) : 0} height="1" />
      </svg>
    </div>
  );
}
