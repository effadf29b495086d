import { Dialog } from '../components/dialogs/dialog.tsx';
import { useAllCommands } from './commands.tsx';
import { Keys } from './keys-view.tsx';
import style from './palette.module.css';
import { isSingle, useSingleKeys } from './single-keys.ts';

/** Every key that does something now. */
export default function ShortcutSheet({ onClose }: { onClose: () => void }) {
  const [areSingleKeysOn, switchSingleKeys] = useSingleKeys();
  const works = (keys: string): boolean => areSingleKeysOn || !isSingle(keys);
  const commands = useAllCommands().filter(({ keys }) => keys !== undefined && works(keys));
  const groups = Map.groupBy(commands, ({ group }) => group);
  return (
    <Dialog title="Keyboard shortcuts" onClose={onClose}>
      <label className={style.switch}>
        <input type="checkbox" checked={areSingleKeysOn} onChange={({ target }) => switchSingleKeys(target.checked)} />
        <span>
          <strong>Single keys</strong>
          <span className={style.what}>
            When they are off, single letters and signs do nothing. Useful with voice control, or to avoid pressing one
            by accident.
          </span>
        </span>
      </label>
      <div className={style.sheet}>
        {[...groups].map(([group, list]) => (
          <section key={group}>
            <h3>{group}</h3>
            <dl>
              {list.map(({ label, keys = '' }) => (
                <div key={label}>
                  <dt>{label}</dt>
                  <dd>
                    <Keys keys={keys} />
                  </dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  );
}
