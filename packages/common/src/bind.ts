import type { Clock } from './clock.ts';
import { SettingsError, WeirError } from './errors.ts';
import type { Logger } from './logger.ts';
import { type Address, formatAddress } from './setting-values.ts';

/**
 * Takes an address to listen on. A predecessor that is just ending may hold it for a moment, so one that is in use is
 * tried again for a few seconds; after that it is a setting that cannot be used, as when one command is started twice.
 */
export interface BindOptions {
  /** The flag that names the address, for the fault. */
  flag: string;
  address: Address;
  /** Tries once; rejects with Node's error. */
  bind: () => Promise<void>;
  clock: Clock;
  logger: Logger;
  /** Gives up waiting. */
  stopping: AbortSignal;
}

const PATIENCE_MS = 5_000;
const AGAIN_MS = 200;

/** Rejects with a SettingsError when the address stays in use, and with Node's error for any other reason. */
export async function bindPatiently({ flag, address, bind, clock, logger, stopping }: BindOptions): Promise<void> {
  const untilMs = clock.monotonicMs() + PATIENCE_MS;
  for (let tries = 1; ; tries++) {
    try {
      return await bind();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
      if (clock.monotonicMs() >= untilMs) {
        const expected = 'an address that no other process listens on';
        throw new SettingsError(`${flag}: got ${formatAddress(address)}, expected ${expected}`, { cause: error });
      }
      if (tries === 1)
        logger.info({ address: formatAddress(address) }, 'the address is in use; waiting whether it stays so');
    }
    await clock.sleep(AGAIN_MS, stopping);
    if (stopping.aborted) throw new WeirError('stopped', 'stopped before it was ready', false);
  }
}
