import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { runCommand } from '../test/support/command.ts';
import { PROJECT_DIR } from '../test/support/project.ts';

/** What the figures were taken on, in words. */
export function describeMachine(): Record<string, string> {
  return {
    processors: `${availableParallelism()} × ${cpus()[0]?.model.trim() ?? 'unknown'}`,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    system: `${distribution()}, Linux ${release()}`,
  };
}

export async function describeVersions(): Promise<Record<string, string>> {
  const first = async (command: string, args: readonly string[]) => (await runCommand({ command, args }))[0] ?? '';
  const redis = await first('redis-server', ['--version']);
  const influxd = await first('influxd', ['version']);
  const manifest = JSON.parse(readFileSync(join(PROJECT_DIR, 'package.json'), 'utf8')) as { version: string };
  return {
    Weir: manifest.version,
    'Node.js': process.versions.node,
    Redis: /\bv=(\S+)/.exec(redis)?.[1] ?? redis,
    influxd: /\bv?(\d+\.\d+\.\d+\S*)/.exec(influxd)?.[1] ?? influxd,
  };
}

/** Short, with a plus where something is changed that is not committed. */
export async function describeCommit(): Promise<string> {
  const git = (args: readonly string[]) => runCommand({ command: 'git', args, cwd: PROJECT_DIR });
  try {
    const [commit] = await git(['rev-parse', '--short=10', 'HEAD']);
    const changed = await git(['status', '--porcelain', '--untracked-files=no', '--', '.', ':!bench/RESULTS.md']);
    return `${commit}${changed.some((line) => !line.includes('bench/results/')) ? '+' : ''}`;
  } catch {
    return 'unknown';
  }
}

function distribution(): string {
  const text = readFileSync('/etc/os-release', 'utf8');
  return /^PRETTY_NAME="?([^"\n]+)/m.exec(text)?.[1] ?? 'unknown';
}
