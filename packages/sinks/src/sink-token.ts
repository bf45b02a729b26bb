import { readFileSync } from 'node:fs';
import { SettingsError } from '@weir/common/errors';
import type { TokenSpec } from '@weir/common/sink-url';

/**
 * The token of a sink. One in a file may be replaced while the process runs: it is read again when the sink does not
 * take the one at hand any more, so that a rotation needs nobody to tell. Throws a SettingsError where the file has none at
 * the start.
 */
export class SinkToken {
  readonly #sinkName: string;
  readonly #file: string | undefined;
  #text: string;
  #fault: string | undefined;

  constructor(sinkName: string, spec: TokenSpec) {
    this.#sinkName = sinkName;
    this.#file = 'file' in spec ? spec.file : undefined;
    this.#text = 'file' in spec ? readToken(sinkName, spec.file) : spec.text;
  }

  get text(): string {
    return this.#text;
  }

  /** Reads the file again, where there is one. Throws a SettingsError; then the token is the one before. */
  read(): void {
    if (this.#file === undefined) return;
    this.#text = readToken(this.#sinkName, this.#file);
    this.#fault = undefined;
  }

  /** The same, in the middle of work: what cannot be used is said by `whence`. */
  renew(): void {
    try {
      this.read();
    } catch (error) {
      if (!(error instanceof SettingsError)) throw error;
      this.#fault = error.message;
    }
  }

  /** For the message about a token that is not taken. */
  get whence(): string {
    if (this.#file === undefined) return 'with the token it was given at the start';
    return this.#fault ?? `with the token in ${this.#file}`;
  }
}

function readToken(sinkName: string, file: string): string {
  let text: string;
  try {
    text = readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw fault(sinkName, file, (error as NodeJS.ErrnoException).code ?? 'unusable', error);
  }
  // Visible ASCII: it goes into a header.
  if (!/^[\x21-\x7e]+$/.test(text)) throw fault(sinkName, file, 'holds none');
  return text;
}

function fault(sinkName: string, file: string, what: string, cause?: unknown): SettingsError {
  const line = `--sink: got token-file=${file} of sink ${sinkName} (${what}), expected a file with a token and nothing else`;
  return new SettingsError(line, { cause });
}
