/**
 * What `npm run demo` and `npm test` run first: makes a fresh Debian or Ubuntu machine that has only Node.js and npm
 * ready for both; the tests (`--tests`) also want the programs that clients use. Five steps, each quiet when there is
 * nothing to do: the version of Node.js, the programs, the version of Redis, the node packages, the build. Plain Node
 * without dependencies, because it runs before there are any.
 *
 * Where it cannot install something it says what is missing and which command would bring it, and ends with 1.
 * `--dry-run` prints the commands of each step that is due instead of running them.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const project = fileURLToPath(new URL('..', import.meta.url));
const manifest = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8'));
const dryRun = process.argv.includes('--dry-run');
const forTests = process.argv.includes('--tests');

/** Program we need → Debian package that has it. */
const SERVERS = { 'redis-server': 'redis-server', influxd: 'influxdb' };
/** Programs that only the tests of clients need: where they cannot be had, all other tests still run. */
const CLIENTS = { influx: 'influxdb-client', curl: 'curl' };

const REDIS_MAJOR = 7;

checkNode();
installPrograms();
checkRedis();
installPackages();
build();

function checkNode() {
  const wanted = Number(/\d+/.exec(manifest.engines.node)[0]);
  const found = Number(process.versions.node.split('.')[0]);
  if (found < wanted)
    giveUp(`Weir needs Node.js ${wanted} or newer; this is ${process.version} (${process.execPath}).`);
}

function installPrograms() {
  const wanted = { ...SERVERS, ...(forTests ? CLIENTS : {}) };
  const missing = Object.keys(wanted).filter((program) => findProgram(program) === undefined);
  if (missing.length === 0) return;
  const packages = missing.map((program) => wanted[program]);
  const byHand = `apt-get update && apt-get install --no-install-recommends ${packages.join(' ')}`;
  if (findProgram('apt-get') === undefined) {
    doWithout(
      missing,
      `${missing.join(' and ')} not found, and this system has no apt-get to install them with.`,
      `Install Redis 7 and InfluxDB 1.x so that ${missing.join(' and ')} are on PATH, then run this again.`,
    );
    return;
  }
  const isRoot = process.getuid?.() === 0;
  const sudo = isRoot ? [] : sudoCommand();
  if (sudo === undefined) {
    doWithout(
      missing,
      `${missing.join(' and ')} not found; installing needs root, and there is no usable sudo. As root:`,
      `  ${byHand}`,
    );
    return;
  }
  say(`installing Debian packages: ${packages.join(' ')}`);
  const done = run([...sudo, 'sh', join(project, 'scripts', 'install-debian.sh'), ...packages]);
  if (done) return;
  const still = missing.filter((program) => findProgram(program) === undefined);
  doWithout(
    still,
    `${still.join(' and ') || 'Debian packages'} could not be installed (the reason is above). As root:`,
    `  ${byHand}`,
  );
}

/** Says what is missing; ends with 1 where nothing can be done without it. */
function doWithout(missing, ...lines) {
  if (missing.length === 0 || missing.some((program) => program in SERVERS)) giveUp(...lines);
  warn(...lines, `Without ${missing.join(' and ')} the tests of those clients fail.`);
}

/** Distributions differ in what they have, and a Redis may have been there before. */
function checkRedis() {
  const program = findProgram('redis-server');
  // Only where the install was not really done.
  if (program === undefined) return;
  const { stdout, error } = spawnSync(program, ['--version'], { encoding: 'utf8' });
  const found = /\bv=(\d+)\.(\d+)\S*/.exec(stdout ?? '');
  if (found && Number(found[1]) >= REDIS_MAJOR) return;
  const what = found
    ? `version ${found[0].slice('v='.length)}`
    : `no version that can be read${error ? ` (${error.message})` : ''}`;
  giveUp(
    `Weir needs Redis ${REDIS_MAJOR}.0 or newer; ${program} is ${what}.`,
    'Install a newer one so that its redis-server comes first on PATH, then run this again.',
  );
}

/** Asks for a password only where somebody is there to type it. */
function sudoCommand() {
  if (findProgram('sudo') === undefined) return undefined;
  if (process.stdin.isTTY) return ['sudo'];
  const usable = spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore' }).status === 0;
  return usable ? ['sudo', '-n'] : undefined;
}

function installPackages() {
  const stampFile = join(project, 'node_modules', '.weir-installed');
  const stamp = packagesStamp();
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return;
  say('installing node packages');
  const pnpm = `pnpm@${manifest.packageManager.split('@')[1]}`;
  const command = ['npx', '--yes', pnpm, 'install', '--frozen-lockfile', '--config.confirmModulesPurge=false'];
  if (!run(command, { quiet: true }))
    giveUp('The node packages could not be installed (the reason is above). Try again with:', `  ${command.join(' ')}`);
  if (!dryRun) writeFileSync(stampFile, stamp);
}

/** Changes whenever an install could bring something else. */
function packagesStamp() {
  const hash = createHash('sha256').update(process.versions.modules);
  const manifests = readdirSync(join(project, 'packages')).map((name) => join('packages', name, 'package.json'));
  for (const file of ['pnpm-lock.yaml', 'pnpm-workspace.yaml', 'package.json', ...manifests.sort()]) {
    const path = join(project, file);
    if (existsSync(path)) hash.update(`\0${file}\0`).update(readFileSync(path));
  }
  return hash.digest('hex');
}

/** Incremental; tsc itself finds out what is due. */
function build() {
  if (!run(['npm', 'run', '--silent', 'build'])) giveUp('The build failed (the reason is above): npm run build');
}

/** True when the command ended with 0. Quiet: what it printed is shown only when it did not. */
function run(command, { quiet = false } = {}) {
  if (dryRun) {
    process.stdout.write(`would run: ${command.join(' ')}\n`);
    return true;
  }
  const stdio = quiet ? ['inherit', 'pipe', 'pipe'] : 'inherit';
  const { status, error, stdout, stderr } = spawnSync(command[0], command.slice(1), {
    cwd: project,
    stdio,
    maxBuffer: 64 * 1024 * 1024,
  });
  if (quiet && status !== 0) process.stderr.write(`${stdout ?? ''}${stderr ?? ''}`);
  if (error) process.stderr.write(`${command[0]}: ${error.message}\n`);
  return status === 0;
}

/** The sbin directories are not on everybody's PATH. */
function findProgram(name) {
  const dirs = [...(process.env.PATH ?? '').split(delimiter), '/usr/bin', '/usr/sbin', '/usr/local/bin'];
  return dirs.map((dir) => join(dir, name)).find((path) => existsSync(path));
}

function say(line) {
  process.stdout.write(`set-up: ${line}\n`);
}

function warn(...lines) {
  process.stderr.write(lines.map((line) => `set-up: ${line}\n`).join(''));
}

function giveUp(...lines) {
  warn(...lines);
  process.exit(1);
}
