import { readFileSync } from 'node:fs';
import { type Clock, systemClock } from './clock.ts';
import { DAEMON_SETTINGS } from './daemon-settings.ts';
import { EXIT, SettingsError, WeirError } from './errors.ts';
import { createLogger, type Logger } from './logger.ts';
import type { Service } from './service.ts';
import {
  type LoadedSettings,
  loadSettings,
  type ProgramIdentity,
  type SettingsOf,
  type SettingsSpec,
} from './settings.ts';

/**
 * The life of a daemon, from its settings to its exit code; `main.ts` of each daemon only names its parts. It ends
 *   0   after SIGTERM or SIGINT, once everything in hand is finished or handed back
 *   1   when the start failed, a stop took longer than `--drain`, a second signal came, or a bug surfaced
 *   78  when a setting cannot be used, also one that only Redis could judge
 * SIGHUP ends nothing: certificates and the like are read again. The log line `ready` is written once the daemon does its
 * work, with the addresses it really listens on.
 */
export interface ProcessPort {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown; readonly isTTY?: boolean };
  on(event: string, listener: (value: unknown) => void): unknown;
  off(event: string, listener: (value: unknown) => void): unknown;
  exit(code: number): void;
}

export interface Daemon {
  service: Service;
  /** Fields of the log line `ready`, asked for after the start: `{ http, udp }`. */
  ready?: () => Record<string, unknown>;
  /** SIGHUP: reads files again, all of those it has. What is wrong with one it says itself, and keeps what it had. */
  reload?: () => void;
}

export interface BuildContext {
  logger: Logger;
  /** Ends the process from within, for faults no retry can heal: 78 for a SettingsError, else 1. Stops in order first. */
  fail: (error: unknown) => void;
  /** Aborted once the process begins to stop: whoever waits for Redis at start gives up. */
  stopping: AbortSignal;
  /** Of the program. */
  version: string;
}

export interface DaemonOptions<S extends SettingsSpec> extends ProgramIdentity {
  spec: S;
  /** Node's `process`. */
  process: ProcessPort;
  build: (settings: SettingsOf<S>, context: BuildContext) => Promise<Daemon>;
  clock?: Clock;
  readFile?: (path: string) => string;
  /** Where log lines go instead of stderr (tests). */
  log?: (line: string) => void;
}

/** The version of the package whose `src/main.ts` or `dist/main.js` has the URL given. */
export function packageVersion(mainUrl: string): string {
  return (JSON.parse(readFileSync(new URL('../package.json', mainUrl), 'utf8')) as { version: string }).version;
}

/** Resolves after `process.exit` was called. */
export async function runDaemon<const S extends SettingsSpec>(options: DaemonOptions<S>): Promise<void> {
  const { process, spec, readFile = (path) => readFileSync(path, 'utf8') } = options;
  const sources = { argv: process.argv.slice(2), env: process.env, readFile };
  let loaded: LoadedSettings<SettingsSpec>;
  try {
    loaded = loadSettings(options, { ...spec, ...DAEMON_SETTINGS }, sources);
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    process.stderr.write(settingsLine(options.name, error));
    process.exit(EXIT.config);
    return;
  }
  if (loaded.kind === 'print') {
    process.stdout.write(loaded.text);
    process.exit(EXIT.done);
    return;
  }
  const { drainMs, logLevel, logFormat } = loaded.settings as SettingsOf<typeof DAEMON_SETTINGS>;
  const pretty = logFormat === 'pretty' || (logFormat === 'auto' && process.stderr.isTTY === true);
  const logger = await createLogger({
    name: options.name,
    level: logLevel,
    format: pretty ? 'pretty' : 'json',
    ...(options.log ? { write: options.log } : {}),
  });
  const life = new Life(options.name, process, logger, options.clock ?? systemClock, drainMs);
  const settings = loaded.settings as SettingsOf<S>;
  const { version } = options;
  const build = (context: LifeContext) => options.build(settings, { ...context, version });
  await life.run(build, { version, settings: loaded.shown });
}

function settingsLine(name: string, error: SettingsError): string {
  return `${name}: ${error.message.replace(/\s*[\r\n]+\s*/g, ' ')}\n`;
}

type LifeContext = Omit<BuildContext, 'version'>;

/** From build to exit. The first reason to stop decides the exit code, unless the stop itself goes wrong. */
class Life {
  readonly #name: string;
  readonly #process: ProcessPort;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #drainMs: number;
  readonly #stopping = new AbortController();
  #starting: Promise<Daemon | undefined> = Promise.resolve(undefined);
  #ended: () => void = () => undefined;
  #ready = false;
  #exited = false;
  #code: number = EXIT.done;

  constructor(name: string, process: ProcessPort, logger: Logger, clock: Clock, drainMs: number) {
    this.#name = name;
    this.#process = process;
    this.#logger = logger;
    this.#clock = clock;
    this.#drainMs = drainMs;
  }

  /** `about` goes into the log line `ready`. */
  async run(build: (context: LifeContext) => Promise<Daemon>, about: object): Promise<void> {
    const end = new Promise<void>((resolve) => {
      this.#ended = resolve;
    });
    const listeners: [string, (value: unknown) => void][] = [
      ['SIGTERM', () => this.#onSignal('SIGTERM')],
      ['SIGINT', () => this.#onSignal('SIGINT')],
      ['SIGHUP', () => void this.#onHangup()],
      ['uncaughtException', (error) => this.#onBug(error, 'uncaught exception')],
      ['unhandledRejection', (error) => this.#onBug(error, 'unhandled rejection')],
    ];
    for (const [event, listener] of listeners) this.#process.on(event, listener);
    const context = {
      logger: this.#logger,
      stopping: this.#stopping.signal,
      fail: (error: unknown) => this.#fail(error, 'stopping: cannot go on'),
    };
    const building = build(context);
    // For a stop during the start: what there is to stop is known as soon as it is built.
    this.#starting = building.catch(() => undefined);
    void this.#start(building, about);
    await end;
    for (const [event, listener] of listeners) this.#process.off(event, listener);
  }

  async #start(building: Promise<Daemon>, about: object): Promise<void> {
    try {
      const daemon = await building;
      if (this.#stopping.signal.aborted) return;
      await daemon.service.start();
      if (this.#stopping.signal.aborted) return;
      this.#ready = true;
      this.#logger.info({ ...daemon.ready?.(), ...about }, 'ready');
    } catch (error) {
      // A start that gives up because of a stop is no failure.
      if (this.#stopping.signal.aborted && error instanceof WeirError) return;
      this.#fail(error, 'start failed');
    }
  }

  #onSignal(signal: string): void {
    if (this.#stopping.signal.aborted) {
      this.#logger.warn({ signal }, 'second signal: exiting at once');
      this.#exit(EXIT.failed);
      return;
    }
    this.#logger.info({ signal, drainMs: this.#drainMs }, 'stopping');
    void this.#stop();
  }

  /** One that comes during the start waits for it to have read what there is to read again. */
  async #onHangup(): Promise<void> {
    const daemon = await this.#starting;
    if (this.#stopping.signal.aborted) return;
    this.#logger.info({ signal: 'SIGHUP' }, 'reading files again');
    daemon?.reload?.();
  }

  #fail(error: unknown, message: string): void {
    if (error instanceof SettingsError) {
      this.#process.stderr.write(settingsLine(this.#name, error));
      if (this.#code === EXIT.done) this.#code = EXIT.config;
    } else {
      this.#logger.fatal({ err: error }, message);
      if (this.#code === EXIT.done) this.#code = EXIT.failed;
    }
    if (!this.#stopping.signal.aborted) void this.#stop();
  }

  #onBug(error: unknown, message: string): void {
    this.#logger.fatal({ err: error }, message);
    this.#exit(EXIT.failed);
  }

  async #stop(): Promise<void> {
    this.#stopping.abort();
    const drained = new AbortController();
    const deadline = this.#clock.sleep(this.#drainMs, drained.signal).then(() => {
      if (drained.signal.aborted) return;
      this.#logger.error({ drainMs: this.#drainMs }, 'not drained in time: exiting with work in hand');
      this.#exit(EXIT.failed);
    });
    try {
      await (await this.#starting)?.service.stop();
      // A start that failed has said its one line.
      if (this.#ready) this.#logger.info('stopped');
    } catch (error) {
      this.#logger.error({ err: error }, 'stop failed');
      this.#code ||= EXIT.failed;
    }
    drained.abort();
    await deadline;
    this.#exit(this.#code);
  }

  #exit(code: number): void {
    if (this.#exited) return;
    this.#exited = true;
    this.#process.exit(code);
    this.#ended();
  }
}
