import { homedir } from 'node:os';
import path from 'node:path';

type Variables = Readonly<Record<string, string | undefined>>;

/** Where this system stores a person's program settings. */
export function configFolder(variables: Variables, platform: NodeJS.Platform = process.platform): string {
  if (variables.HOP_CONFIG_DIR) return variables.HOP_CONFIG_DIR;
  const home = variables.HOME ?? homedir();
  if (platform === 'darwin') return path.join(home, 'Library', 'Application Support', 'hop');
  if (platform === 'win32') return path.join(variables.APPDATA ?? path.join(home, 'AppData', 'Roaming'), 'hop');
  return path.join(variables.XDG_CONFIG_HOME || path.join(home, '.config'), 'hop');
}
