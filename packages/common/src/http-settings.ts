import { integer } from './setting-values.ts';
import { setting } from './settings.ts';

/** The settings of the HTTP server that both daemons have. */
export const HTTP_SETTINGS = {
  httpMaxConnections: setting({
    flag: 'http-max-connections <n>',
    env: 'WEIR_HTTP_MAX_CONNECTIONS',
    description: 'open HTTP connections; more are closed as they come',
    parse: integer(1, 65_535),
    default: '1024',
  }),
};
