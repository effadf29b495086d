// What must be on the machine beforehand, and what to say when it is not. `inspect` looks, `faults` judges (and is tested without a machine).
import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import path from 'node:path';

const PYTHONS = ['python3', 'python3.14', 'python3.13', 'python3.12', 'python3.11'];
const PYTHON_FACTS =
  'import sys; from importlib.util import find_spec as has; print("%d.%d" % sys.version_info[:2], bool(has("venv") and has("ensurepip")))';

const LEAST = { node: '20.19', python: '3.11', java: '17', maven: '3.6.3' };

/** How to get it by each package manager, and what to say on a machine with none of them. Distributions differ in the versions that they have. */
const PACKAGES = {
  apt: {
    python: aptPython,
    java: () => 'apt-get install openjdk-21-jre-headless (Debian 11 and 12: openjdk-17-jre-headless)',
    maven: () => 'apt-get install maven',
  },
  dnf: {
    python: () => 'dnf install python3.12',
    java: () => 'dnf install java-21-openjdk-headless',
    maven: () => 'dnf install maven',
  },
  brew: {
    python: () => 'brew install python@3.12',
    java: () => 'brew install openjdk@21',
    maven: () => 'brew install maven',
  },
  none: {
    python: () => `install Python ${LEAST.python} or newer with its venv module`,
    java: () => `install a Java runtime, version ${LEAST.java} or newer`,
    maven: () => `install Apache Maven ${LEAST.maven} or newer`,
  },
};

/** A Python that is too old has a newer one beside it; one without venv lacks its own package. */
function aptPython(python) {
  if (python === undefined) return 'apt-get install python3 python3-venv';
  const { version } = older(python.version, LEAST.python) ? { version: LEAST.python } : python;
  return `apt-get install python${version} python${version}-venv`;
}

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
  if (older(machine.nodeVersion, LEAST.node)) {
    found.push({
      what: `Node ${LEAST.node} or newer`,
      found: `Node ${machine.nodeVersion}`,
      how: 'install a current Node from your package manager or nodejs.org',
    });
  }
  const { installing, python, java, maven } = machine;
  if (installing && !(python && pythonWillDo(python))) {
    const seen = python?.venv === false ? ' without venv' : '';
    found.push({
      what: `Python ${LEAST.python} or newer with venv`,
      found: python === undefined ? 'none' : `Python ${python.version}${seen}`,
      how: `${get.python(python)} (or set HOP_PYTHON to the interpreter)`,
    });
  }
  if (!(java && javaWillDo(java))) {
    found.push({
      what: `Java ${LEAST.java} or newer`,
      found: java === undefined ? 'none' : `Java ${java.version}`,
      how: `${get.java()} (or set JAVA_HOME)`,
    });
  }
  if (installing && (maven === undefined || older(maven, LEAST.maven))) {
    found.push({
      what: `Apache Maven ${LEAST.maven} or newer`,
      found: maven === undefined ? 'none' : `Maven ${maven}`,
      how: get.maven(),
    });
  }
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

/** The interpreter to make the virtual environment with: `{command, version, venv}`; the first one that there is, where none will do. */
export function findPython() {
  const candidates = process.env.HOP_PYTHON === undefined ? PYTHONS : [process.env.HOP_PYTHON];
  const look = (command) => {
    const [version, venv] = output(command, ['-c', PYTHON_FACTS])?.split(' ') ?? [];
    return version === undefined ? undefined : { command, version, venv: venv === 'True' };
  };
  return firstThatWillDo(candidates, look, pythonWillDo);
}

/** The Java to run Kafka with: `{command, version}`; the first one that there is, where none will do. */
export function findJava() {
  const home = process.env.JAVA_HOME;
  // Homebrew puts none of its Javas into PATH.
  const prefix = process.env.HOMEBREW_PREFIX ?? '/opt/homebrew';
  const brewed = ['openjdk', 'openjdk@21', 'openjdk@17'].map((name) => path.join(prefix, 'opt', name, 'bin/java'));
  const candidates = [...(home === undefined ? [] : [path.join(home, 'bin', 'java')]), 'java', ...brewed];
  const look = (command) => {
    const version = output(command, ['-version'])?.match(/version "([^"]+)"/)?.[1];
    return version === undefined ? undefined : { command, version };
  };
  return firstThatWillDo(candidates, look, javaWillDo);
}

const pythonWillDo = ({ venv, version }) => venv && !older(version, LEAST.python);
const javaWillDo = ({ version }) => !older(version, LEAST.java);

function firstThatWillDo(candidates, look, willDo) {
  let first;
  for (const command of candidates) {
    const found = look(command);
    if (found !== undefined && willDo(found)) return found;
    first ??= found;
  }
  return first;
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
