import { spawn } from 'node:child_process';
import { checkout } from './checkout.mjs';

const OUTPUT_KEPT = 16_384;
const TIME_LIMIT_MS = 10 * 60_000;

/** Runs a tool quietly; resolves with its output, or throws with the end of it. */
export function run(command, args, { env = process.env, cwd = checkout } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const keep = (chunk) => {
      output = (output + chunk).slice(-OUTPUT_KEPT);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    const timer = setTimeout(() => child.kill('SIGKILL'), TIME_LIMIT_MS);
    child.on('error', (error) => {
      clearTimeout(timer);
      reject(new Error(`${command} could not be started: ${error.message}`));
    });
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      if (code === 0) resolve(output);
      else
        reject(new Error(`${[command, ...args].join(' ')} ended with ${signal ?? `code ${code}`}:\n${output.trim()}`));
    });
  });
}
