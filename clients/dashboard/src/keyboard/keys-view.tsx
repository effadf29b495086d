import { keyNames } from './keys.ts';
import style from './palette.module.css';

export function Keys({ keys }: { keys: string }) {
  return (
    <span className={style.keys}>
      {keyNames(keys).map((key) => (
        <kbd key={key}>{key}</kbd>
      ))}
    </span>
  );
}
