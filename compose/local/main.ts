// The entry point of every command: `main.ts start`, `stop` and so on.
import { databaseTool } from './commands/database-tool.ts';
import { failover } from './commands/failover.ts';
import { logs } from './commands/logs.ts';
import { reset } from './commands/reset.ts';
import { start } from './commands/start.ts';
import { status } from './commands/status.ts';
import { stop } from './commands/stop.ts';

const commands: Readonly<Record<string, (args: string[]) => Promise<number>>> = {
  start,
  stop,
  status,
  reset,
  logs,
  failover,
  erase: databaseTool('erase'),
  reconcile: databaseTool('reconcile'),
  takedown: databaseTool('takedown'),
  'new-password': databaseTool('new-password'),
};

// A closed pipe (`npm start | head`) must end neither the mesh nor a command with a stack trace.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});

const [name = '', ...args] = process.argv.slice(2);
const command = commands[name];
if (command === undefined) {
  process.stderr.write(`usage: main.ts ${Object.keys(commands).join(' | ')}\n`);
  process.exitCode = 64;
} else {
  try {
    process.exitCode = await command(args);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
