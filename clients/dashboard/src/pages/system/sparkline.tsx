import style from './sparkline.module.css';

const width = 96;
const height = 24;

/** A line of what was, against the most of it; says nothing that does not stand beside it. */
export function Sparkline({ values, most }: { values: readonly number[]; most: number }) {
  if (values.length < 2) return <svg className={style.line} viewBox={`0 0 ${width} ${height}`} aria-hidden="true" />;
  const step = width / (values.length - 1);
  const y = (value: number): number => height - 1 - (most > 0 ? (value / most) * (height - 2) : 0);
  const points = values.map((value, at) => `${(at * step).toFixed(1)},${y(value).toFixed(1)}`).join(' ');
  return (
    <svg className={style.line} viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" aria-hidden="true">
      <polyline points={points} />
    </svg>
  );
}
