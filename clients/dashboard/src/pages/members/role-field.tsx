import { usePerson } from '../../session/session-context.ts';
import style from './members.module.css';
import { rolesGivenBy } from './roles.ts';

interface RoleFieldProps {
  readonly defaultValue: string;
  readonly error: string | undefined;
}

/** A choice among the roles that the person may give. */
export function RoleField({ defaultValue, error }: RoleFieldProps) {
  const { workspace } = usePerson();
  return (
    <fieldset className={style.choices}>
      <legend>Role</legend>
      {rolesGivenBy(workspace.role).map(({ name, what }) => (
        <label key={name} className={style.choice}>
          <input type="radio" name="role" value={name} defaultChecked={name === defaultValue} />
          <span>
            <strong>{name}</strong> <span className={style.what}>can {what}</span>
          </span>
        </label>
      ))}
      {error && <p className={style.error}>{error}</p>}
    </fieldset>
  );
}
