/**
 * Every fault of the world that Weir handles is a WeirError: a class with a stable code, its cause, and whether trying
 * the same thing again can help. Nothing ever matches on a message. A bug is a plain Error and ends the process.
 */
export class WeirError extends Error {
  override readonly name: string = 'WeirError';

  /** Stable, kebab-case, part of the interface: logs, metrics and tests use it. */
  readonly code: string;
  readonly retryable: boolean;

  constructor(code: string, message: string, retryable: boolean, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
    this.retryable = retryable;
  }
}

/** A setting that cannot be used. Ends the start with one line and exit code 78. */
export class SettingsError extends WeirError {
  override readonly name = 'SettingsError';

  constructor(message: string, options?: { cause?: unknown }) {
    super('bad-setting', message, false, options);
  }
}

/** The process exit codes of every program (sysexits.h: EX_CONFIG is 78). */
export const EXIT = { done: 0, failed: 1, usage: 2, config: 78 } as const;
