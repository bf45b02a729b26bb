import { duration, secret } from '@weir/common/setting-values';
import type { CommandContext } from '../command-context.ts';
import { RelayClient } from './relay-client.ts';
import { relayUrl } from './relay-url.ts';

/** How long one answer is waited for. A relay itself gives up after `--append-timeout`, 5 s unless told. */
const ANSWER_MS = 15_000;

/** The relays that the flags of command-spec.ts (RELAY_FLAGS) name. */
export function relaysOf({ flags }: Pick<CommandContext, 'flags'>): string[] {
  return [...new Set(flags.readMany('relay', relayUrl))];
}

export function relayClient({ flags, clock, stopping }: CommandContext): RelayClient {
  return new RelayClient({
    relays: relaysOf({ flags }),
    token: flags.readOptional('token', secret('a token')),
    answerMs: ANSWER_MS,
    patienceMs: flags.read('patience', duration()),
    clock,
    random: Math.random,
    stopping,
  });
}
