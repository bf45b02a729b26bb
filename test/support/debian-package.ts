import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCommand } from './command.ts';
import { cachedFolder } from './package-cache.ts';

/**
 * Programs from Debian packages that are not installed and shall not be, usually because the installed release has an
 * older one: the newest that runs on this machine, from the archive that the machine's own apt is set up for. apt gets
 * lists and a cache of its own, so nothing of the system changes; the package is unpacked into the user's cache.
 */
export interface DebianProgram {
  path: string;
  /** Of the package, as Debian writes it. */
  version: string;
}

export interface DebianProgramOptions {
  packageName: string;
  /** A file in the package's usr/bin. */
  program: string;
  /** Ends with 0 where the program can run on this machine. */
  probeArgs: readonly string[];
}

/** The newest first; a program of a newer release may want a newer C library than there is. */
const SUITES = ['unstable', 'testing', 'stable'];
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
const VERSION_FILE = 'weir-package-version';

export async function debianProgram({ packageName, program, probeArgs }: DebianProgramOptions): Promise<DebianProgram> {
  const dir = await cachedFolder(join('debian', packageName), async (into) => {
    const failures: string[] = [];
    const archive = await archiveUri();
    for (const suite of SUITES) {
      try {
        await unpack({ packageName, suite, archive, into });
        await runCommand({ command: join(into, 'usr/bin', program), args: probeArgs });
        return;
      } catch (error) {
        failures.push(`${suite}: ${(error as Error).message}`);
        for (const entry of await readdir(into)) await rm(join(into, entry), { recursive: true });
      }
    }
    throw new Error(`no suite of Debian has a ${packageName} that runs here\n${failures.join('\n')}`);
  });
  const path = join(dir, 'usr/bin', program);
  if (!existsSync(path)) throw new Error(`the Debian package ${packageName} has no program ${program}`);
  return { path, version: (await readFile(join(dir, VERSION_FILE), 'utf8')).trim() };
}

interface Wanted {
  packageName: string;
  suite: string;
  archive: string;
  into: string;
}

async function unpack({ packageName, suite, archive, into }: Wanted): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'weir-apt-'));
  try {
    const sources = join(dir, 'sources.list');
    await writeFile(sources, `deb [signed-by=${KEYRING}] ${archive} ${suite} main\n`);
    for (const name of ['lists/partial', 'cache/archives/partial', 'download']) {
      await mkdir(join(dir, name), { recursive: true });
    }
    const settings = {
      'Dir::Etc::sourcelist': sources,
      'Dir::Etc::sourceparts': '/dev/null',
      'Dir::State::lists': join(dir, 'lists'),
      'Dir::Cache': join(dir, 'cache'),
      'Acquire::Languages': 'none',
    };
    // As root, apt would fetch as a user that may not write into our directory.
    const sandbox = process.getuid?.() === 0 ? ['-o', 'APT::Sandbox::User=root'] : [];
    const options = [...Object.entries(settings).flatMap(([key, value]) => ['-o', `${key}=${value}`]), ...sandbox];
    const download = join(dir, 'download');
    await runCommand({ command: 'apt-get', args: [...options, '--quiet', 'update'] });
    await runCommand({ command: 'apt-get', args: [...options, '--quiet', 'download', packageName], cwd: download });
    const file = join(download, (await readdir(download))[0]!);
    const [version] = await runCommand({ command: 'dpkg-deb', args: ['--field', file, 'Version'] });
    await runCommand({ command: 'dpkg-deb', args: ['--extract', file, into] });
    await writeFile(join(into, VERSION_FILE), `${version}\n`);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** Of the archive that this machine installs from, a mirror perhaps. */
async function archiveUri(): Promise<string> {
  const args = ['indextargets', '--format', '$(REPO_URI)', 'Created-By: Packages'];
  const uris = await runCommand({ command: 'apt-get', args });
  const archive = uris.find((uri) => /\/debian\/?$/.test(uri));
  if (archive === undefined) throw new Error('apt is not set up for an archive of Debian');
  return archive;
}
