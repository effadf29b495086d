import { keyNames } from './keys.ts';
import style from './palette.module.css';
import { isSingle, useSingleKeys } from './single-keys.ts';

/** The keys of a command, where they do something. */
export function Keys({ keys }: { keys: string }) {
  const [areSingleKeysOn] = useSingleKeys();
  if (isSingle(keys) && !areSingleKeysOn) return null;
  return (
    <span className={style.keys}>
      {keyNames(keys).map((key) => (
        <kbd key={key}>{key}</kbd>
      ))}
    </span>
  );
}
