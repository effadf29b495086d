// What must be on the machine beforehand, and what to say when it is not. `inspect` looks, `faults` judges (and is tested without a machine).
import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import path from 'node:path';

const PYTHONS = ['python3', 'python3.14', 'python3.13', 'python3.12', 'python3.11'];
const PYTHON_FACTS = 'import sys, venv, ensurepip; print("%d.%d" % sys.version_info[:2])';

const PACKAGES = {
  apt: {
    python: 'apt-get install python3 python3-venv',
    java: 'apt-get install openjdk-17-jre-headless',
    maven: 'apt-get install maven',
  },
  dnf: { python: 'dnf install python3.12', java: 'dnf install java-17-openjdk-headless', maven: 'dnf install maven' },
  brew: { python: 'brew install python@3.12', java: 'brew install openjdk@17', maven: 'brew install maven' },
  none: {
    python: 'install Python 3.11 or newer with its venv module',
    java: 'install a Java runtime, version 17 or newer',
    maven: 'install Apache Maven 3.6 or newer',
  },
};

/** Facts about this machine. Python and Maven are only looked for when something has to be installed with them. */
export function inspect({ installing }) {
  return {
    platform: process.platform,
    arch: process.arch,
    nodeVersion: process.versions.node,
    glibc: process.platform === 'linux' ? glibcVersion() : undefined,
    macos: process.platform === 'darwin' ? output('sw_vers', ['-productVersion']) : undefined,
    packageManager: ['apt-get', 'dnf', 'brew'].find(inPath)?.replace('-get', '') ?? 'none',
    installing,
    python: installing ? findPython() : undefined,
    java: findJava(),
    maven: installing ? output('mvn', ['-v'])?.match(/Apache Maven ([\d.]+)/)?.[1] : undefined,
  };
}

/** One entry per missing prerequisite: what it is, what was found, how to get it. Empty when the machine will do. */
export function faults(machine) {
  const get = PACKAGES[machine.packageManager] ?? PACKAGES.none;
  const found = [platformFault(machine)];
  if (older(machine.nodeVersion, '20.19')) {
    found.push({
      what: 'Node 20.19 or newer',
      found: `Node ${machine.nodeVersion}`,
      how: 'install a current Node from your package manager or nodejs.org',
    });
  }
  if (machine.installing && machine.python === undefined) {
    found.push({
      what: 'Python 3.11 or newer with venv',
      found: 'none',
      how: `${get.python} (or set HOP_PYTHON to the interpreter)`,
    });
  }
  if (machine.java === undefined || older(machine.java.version, '17')) {
    const seen = machine.java === undefined ? 'none' : `Java ${machine.java.version}`;
    found.push({ what: 'Java 17 or newer', found: seen, how: `${get.java} (or set JAVA_HOME)` });
  }
  if (machine.installing && machine.maven === undefined)
    found.push({ what: 'Apache Maven', found: 'none', how: get.maven });
  return found.filter((fault) => fault !== undefined);
}

/** The message for a person: every missing thing at once. */
export function explain(list) {
  const lines = list.map(({ what, found, how }) => `  - ${what}: found ${found}.\n    To get it: ${how}`);
  return `Hopline cannot start here; ${list.length === 1 ? 'one thing is' : `${list.length} things are`} missing:\n${lines.join('\n')}\n`;
}

function platformFault({ platform, arch, glibc, macos }) {
  const what = 'Linux (x64 or arm64, glibc 2.31 or newer) or macOS 15 (arm64)';
  const how = 'use such a machine, or a virtual machine or container of that kind';
  if (platform === 'linux' && ['x64', 'arm64'].includes(arch)) {
    if (glibc === undefined) return { what, found: 'a Linux without glibc (musl?)', how };
    return older(glibc, '2.31') ? { what, found: `glibc ${glibc}`, how } : undefined;
  }
  if (platform === 'darwin' && arch === 'arm64') {
    return macos !== undefined && older(macos, '15') ? { what, found: `macOS ${macos}`, how } : undefined;
  }
  return { what, found: `${platform} ${arch}`, how };
}

/** Compares dotted numbers: is `version` older than `least`? */
function older(version, least) {
  const [a, b] = [version, least].map((text) => text.split(/[.+_-]/).map(Number));
  for (const [index, part] of b.entries()) {
    const own = a[index] ?? 0;
    if (own !== part) return !(own > part);
  }
  return false;
}

/** The interpreter to make the virtual environment with: `{command, version}`. */
export function findPython() {
  const candidates = process.env.HOP_PYTHON === undefined ? PYTHONS : [process.env.HOP_PYTHON];
  for (const command of candidates) {
    const version = output(command, ['-c', PYTHON_FACTS]);
    if (version !== undefined && !older(version, '3.11')) return { command, version };
  }
  return undefined;
}

/** The Java to run Kafka with: `{command, version}`. */
export function findJava() {
  const home = process.env.JAVA_HOME;
  const candidates = home === undefined ? ['java'] : [path.join(home, 'bin', 'java'), 'java'];
  for (const command of candidates) {
    const version = output(command, ['-version'])?.match(/version "([^"]+)"/)?.[1];
    if (version !== undefined) return { command, version };
  }
  return undefined;
}

function glibcVersion() {
  process.report.excludeNetwork = true;
  return process.report.getReport().header.glibcVersionRuntime;
}

function output(command, args) {
  const result = spawnSync(command, args, { encoding: 'utf8', timeout: 20_000 });
  return result.status === 0 ? `${result.stdout}${result.stderr}`.trim() : undefined;
}

function inPath(name) {
  return (process.env.PATH ?? '').split(path.delimiter).some((dir) => {
    try {
      accessSync(path.join(dir, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
