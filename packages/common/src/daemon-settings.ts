import { duration, oneOf } from './setting-values.ts';
import { defineSettings, setting } from './settings.ts';

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

/** Every daemon has these besides its own. */
export const DAEMON_SETTINGS = defineSettings({
  drainMs: setting({
    flag: 'drain <duration>',
    env: 'WEIR_DRAIN',
    description: 'longest time to finish or hand back at SIGTERM',
    parse: duration({ minMs: 100, maxMs: 3_600_000 }),
    default: '10s',
  }),
  logLevel: setting({
    flag: 'log-level <level>',
    env: 'WEIR_LOG_LEVEL',
    description: LOG_LEVELS.join(', '),
    parse: oneOf(...LOG_LEVELS),
    default: 'info',
  }),
  logFormat: setting({
    flag: 'log-format <format>',
    env: 'WEIR_LOG_FORMAT',
    description: 'json, pretty, or auto: pretty on a terminal',
    parse: oneOf('auto', 'json', 'pretty'),
    default: 'auto',
  }),
});
