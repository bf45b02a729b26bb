import { readSource, type Source } from './source.ts';

/**
 * Who may import whom. Three kinds of files live in a package:
 *   main.ts  picks the implementations, reads the environment, exits; nobody imports it
 *   shell    touches the world (sockets, files, Redis, time) or puts together what does; listed by name, so that a file
 *            becomes one by decision and not by accident
 *   pure     everything else: gets time, randomness and connections as arguments, and imports no shell
 */
const MAY_IMPORT: ReadonlyMap<string, readonly string[]> = new Map([
  ['common', []],
  ['relay', ['common']],
  ['sinks', ['common']],
  ['aggregator', ['common', 'sinks']],
  ['cli', ['common', 'sinks']],
]);

/** Modules that touch the world. */
const IO_MODULES =
  /^(node:(fs|net|tls|http|https|http2|dgram|dns|child_process|cluster|worker_threads|os|readline|timers)(\/.*)?|ioredis|pino|pino-pretty|@influxdata\/influxdb-client)$/;

/** `files`: path from the top → text, of the packages' sources. `shell`: paths without `packages/` and `src/`. */
export function importFaults(files: ReadonlyMap<string, string>, shell: ReadonlySet<string>): string[] {
  const sources = new Map<string, Source>();
  for (const [path, text] of files) sources.set(path, readSource(path, text));
  const faults: string[] = [];
  for (const name of shell) {
    if (!sources.has(pathOf(name))) faults.push(`${name}: listed as shell, but there is no such file`);
  }
  for (const [path, source] of sources) {
    const home = path.split('/')[1]!;
    const isMain = path.endsWith('/src/main.ts');
    const isPure = !isMain && !shell.has(nameOf(path));
    for (const specifier of [...source.valueImports, ...source.typeImports]) {
      const target = resolve(path, specifier);
      const away = target?.split('/')[1];
      if (away !== undefined && away !== home && !MAY_IMPORT.get(home)?.includes(away)) {
        faults.push(`${path}: ${home} must not import ${away} (${specifier})`);
      }
      if (away !== undefined && away !== home && specifier.startsWith('.')) {
        faults.push(`${path}: write @weir/${away}/… instead of ${specifier}`);
      }
      if (target?.endsWith('/src/main.ts')) faults.push(`${path}: nobody imports a main.ts`);
    }
    if (!isMain) {
      for (const use of source.outsideUses) {
        if (/^process\.(env|argv|exit|exitCode|cwd|chdir|on|once)$/.test(use)) {
          faults.push(`${path}: only main.ts uses ${use}; take it as an argument`);
        }
      }
    }
    if (isPure) faults.push(...pureFaults(path, source, shell));
  }
  return [...faults, ...cycles(sources)];
}

function pureFaults(path: string, source: Source, shell: ReadonlySet<string>): string[] {
  const reaches = new Set(source.outsideUses);
  for (const specifier of source.valueImports) {
    const target = resolve(path, specifier);
    if (IO_MODULES.test(specifier)) reaches.add(specifier);
    if (target !== undefined && shell.has(nameOf(target))) reaches.add(`the shell ${nameOf(target)}`);
  }
  if (reaches.size === 0) return [];
  const remedy = 'a pure file takes those as arguments; if it cannot be pure, name it in shell-files.ts';
  return [`${path}: reaches ${[...reaches].join(', ')}; ${remedy}`];
}

/** Import cycles at run time: in one, no file can be understood, or loaded, without the others. */
function cycles(sources: ReadonlyMap<string, Source>): string[] {
  const found: string[] = [];
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): void => {
    const from = trail.indexOf(path);
    if (from >= 0) {
      found.push(`import cycle: ${[...trail.slice(from), path].map(nameOf).join(' → ')}`);
      return;
    }
    if (done.has(path)) return;
    for (const specifier of sources.get(path)?.valueImports ?? []) {
      const target = resolve(path, specifier);
      if (target !== undefined && sources.has(target)) visit(target, [...trail, path]);
    }
    done.add(path);
  };
  for (const path of sources.keys()) visit(path, []);
  return found;
}

/** The source a specifier means, as a path from the top; undefined for modules from outside. */
function resolve(from: string, specifier: string): string | undefined {
  const own = /^@weir\/([^/]+)\/(.+)$/.exec(specifier);
  if (own) return `packages/${own[1]}/src/${own[2]}.ts`;
  if (!specifier.startsWith('.')) return undefined;
  const parts = from.split('/').slice(0, -1);
  for (const part of specifier.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '.') parts.push(part);
  }
  return parts.join('/');
}

/** `packages/relay/src/udp-server.ts` → `relay/udp-server.ts`, and back. */
function nameOf(path: string): string {
  return path.replace(/^packages\/([^/]+)\/src\//, '$1/');
}

function pathOf(name: string): string {
  return name.replace(/^([^/]+)\//, 'packages/$1/src/');
}
