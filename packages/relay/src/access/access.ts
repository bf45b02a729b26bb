import type { IncomingMessage } from 'node:http';
import { SettingsError } from '@weir/common/errors';
import type { Logger } from '@weir/common/logger';
import type { Gate } from '../api/route.ts';
import type { Refusal } from '../api/words.ts';
import { type AccessCounts, count } from './access-counts.ts';
import { credentialsOf } from './credentials.ts';
import type { TokenEntry } from './token-file.ts';
import { type Token, Tokens } from './tokens.ts';

/**
 * Who may use the APIs of the front door, and how much. Without a file of tokens: everybody, everything. With one, a
 * request needs one of the tokens, all but those that only ask for health; and a write comes in no faster than its
 * token's rate. Pure: the file is read by an argument.
 */
export interface AccessOptions {
  /** Reads the file anew; throws a SettingsError. Undefined: no tokens are asked for. */
  readTokens?: (() => readonly TokenEntry[]) | undefined;
  counts: AccessCounts;
  monotonicMs: () => number;
  logger: Logger;
}

export class Access {
  readonly #options: AccessOptions;
  readonly #tokens: Tokens | undefined;
  readonly #tokenOf = new WeakMap<IncomingMessage, Token>();

  /** Throws a SettingsError when the file cannot be used. */
  constructor(options: AccessOptions) {
    this.#options = options;
    const { readTokens, monotonicMs, logger } = options;
    if (readTokens === undefined) return;
    this.#tokens = new Tokens(readTokens(), monotonicMs());
    logger.info({ tokens: this.#tokens.size }, 'tokens read');
  }

  /** 0 also where none are asked for. */
  get tokens(): number {
    return this.#tokens?.size ?? 0;
  }

  /** Reads the file again; where it cannot be used, the tokens before stay in force. */
  reload(): void {
    const { readTokens, monotonicMs, counts, logger } = this.#options;
    if (readTokens === undefined || this.#tokens === undefined) return;
    try {
      this.#tokens.replace(readTokens(), monotonicMs());
      count(counts.reloads, 'done');
      logger.info({ tokens: this.#tokens.size }, 'tokens read');
    } catch (error) {
      if (!(error instanceof SettingsError)) throw error;
      count(counts.reloads, 'failed');
      logger.error({ err: error }, 'the file of tokens cannot be used: those before stay in force');
    }
  }

  readonly gate: Gate = (request, query, { kind, words }) => {
    if (this.#tokens === undefined || kind === 'health') return undefined;
    const credentials = credentialsOf(request.headers.authorization, query);
    const token = this.#tokens.find(credentials);
    if (token === undefined) {
      count(this.#options.counts.unauthorized, credentials.length === 0 ? 'missing' : 'unknown');
      return words.unauthorized;
    }
    this.#tokenOf.set(request, token);
    return kind === 'write' ? this.overRate(token) : undefined;
  };

  /** Whose a request is that was let in; undefined where no tokens are asked for. */
  tokenOf(request: IncomingMessage): Token | undefined {
    return this.#tokenOf.get(request);
  }

  /** Why a token may not write now. Asked before a body is read, and again before its lines are taken. */
  overRate(token: Token | undefined): Refusal | undefined {
    const waitSec = token?.rate?.waitSec(this.#options.monotonicMs()) ?? 0;
    if (token === undefined || waitSec === 0) return undefined;
    count(this.#options.counts.overRate, token.name);
    const message = 'this token has written more lines than its rate allows: send the same lines again later';
    return { status: 503, message, headers: { 'retry-after': String(waitSec) } };
  }

  /** Lines that a request brought, rejected ones too. */
  wrote(token: Token | undefined, lines: number): void {
    if (token === undefined) return;
    token.rate?.take(lines, this.#options.monotonicMs());
    count(this.#options.counts.lines, token.name, lines);
  }
}
