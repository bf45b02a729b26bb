import {
  ACT_FLAGS,
  type CommandSpec,
  DEPLOYMENT_FLAGS,
  type FlagSpec,
  OUTPUT_FLAGS,
  WATCH_FLAG,
} from './command-spec.ts';

/** The commands that only look. */
const TOPIC = 'Looking:';
const SET_UP = 'Setting up:';
const LOOK = [...DEPLOYMENT_FLAGS, ...OUTPUT_FLAGS, WATCH_FLAG];
const LATE_AFTER: FlagSpec = {
  flag: '--late-after <duration>',
  description: 'behind for longer than this is late',
  inFile: true,
  default: '10s',
};
const PATIENCE: FlagSpec = {
  flag: '--patience <duration>',
  description: 'how long to read what can only be counted; what is not known by then is a ?',
  default: '300ms',
};

/** Where it is for two things. */
const SHORT_PATIENCE: FlagSpec = { ...PATIENCE, default: '200ms' };

/** sinks/sink-text.ts reads it. */
const SINK_URL: FlagSpec = {
  flag: '--sink <url>',
  description: 'an InfluxDB of the deployment, as the aggregators are given it',
  env: 'WEIR_SINKS',
  inFile: true,
  many: true,
};

function limit(name: string, value: string, description: string, fixed?: string): FlagSpec {
  const what = `${name.endsWith('-critical') ? 'critical' : 'warning'} above this: ${description}`;
  return { flag: `--${name} <${value}>`, description: what, inFile: true, ...(fixed ? { default: fixed } : {}) };
}

export const READING_COMMANDS: readonly CommandSpec[] = [
  {
    name: 'status',
    summary: 'whether the numbers are late or wrong, why, and what mends it; then how every part is',
    topic: TOPIC,
    flags: [LATE_AFTER, SHORT_PATIENCE, ...LOOK],
    load: () => import('./commands/status.ts'),
  },
  {
    name: 'top',
    summary: 'the same live: verdict, rates and lag with their history, every part; q to quit, ? for the other keys',
    topic: TOPIC,
    flags: [
      { flag: '--interval <duration>', description: 'from one look to the next', default: '2s' },
      { flag: '--count <n>', description: 'end after so many looks, and print them one after the other' },
      { flag: '--ascii', description: 'no block characters' },
      LATE_AFTER,
      SHORT_PATIENCE,
      ...DEPLOYMENT_FLAGS,
      ...OUTPUT_FLAGS,
    ],
    load: () => import('./commands/top.ts'),
  },
  {
    name: 'lag',
    summary: 'how far the aggregators are behind, per partition: in entries, events and seconds',
    topic: TOPIC,
    flags: [
      {
        flag: '--interval <duration>',
        description: 'between the two looks that rates are made of; 0s: no rates',
        default: '300ms',
      },
      PATIENCE,
      ...LOOK,
    ],
    load: () => import('./commands/lag.ts'),
  },
  {
    name: 'pending',
    summary: 'entries delivered but not yet folded, per partition and consumer',
    topic: TOPIC,
    flags: [
      { flag: '--idle <duration>', description: 'only entries idle for at least this long, such as 60s' },
      { flag: '--min-deliveries <n>', description: 'only entries delivered at least this often' },
      { flag: '--consumer <name>', description: 'only entries of this consumer' },
      PATIENCE,
      ...LOOK,
    ],
    load: () => import('./commands/pending.ts'),
  },
  {
    name: 'ledger',
    summary: 'the books: everything received against what became of it, and whether they balance (exit 1 if not)',
    topic: TOPIC,
    flags: [
      { flag: '--windows <n>', description: 'how many windows to show, the newest first', default: '10' },
      ...LOOK,
    ],
    load: () => import('./commands/ledger.ts'),
  },
  {
    name: 'consumers',
    summary: 'who reads the partitions, who is dead and holds entries, and which names are left over',
    topic: TOPIC,
    flags: LOOK,
    load: () => import('./commands/consumers.ts'),
  },
  {
    name: 'sink list',
    summary: 'the sinks of the deployment: who writes to each, its last write, what waits for it, its last error',
    topic: TOPIC,
    flags: LOOK,
    load: () => import('./commands/sink-list.ts'),
  },
  {
    name: 'windows',
    operands: '[window]',
    summary: 'windows: due, sealed, waited for, and how far each sink is; of one window also its groups',
    topic: TOPIC,
    flags: [
      { flag: '--sink <name>', description: 'only this sink' },
      { flag: '--unflushed', description: 'only windows that a sink does not have as they are now' },
      { flag: '--windows <n>', description: 'how many windows to show, the newest first', default: '20' },
      { flag: '--groups <n>', description: 'how many groups of each to show, the largest first; of one window 20' },
      ...LOOK,
    ],
    load: () => import('./commands/windows.ts'),
  },
  {
    name: 'peek',
    operands: '<entry>',
    summary: 'one stream entry (partition:id): where it comes from, who holds it, its lines',
    topic: TOPIC,
    flags: [
      { flag: '--lines <n>', description: 'how many of its lines to show', default: '50' },
      ...DEPLOYMENT_FLAGS,
      ...OUTPUT_FLAGS,
    ],
    load: () => import('./commands/peek.ts'),
  },
  {
    name: 'tail',
    summary: 'events as they pass, without disturbing the aggregators; until Ctrl-C',
    topic: TOPIC,
    flags: [
      { flag: '--product <name>', description: 'only of this product' },
      { flag: '--type <name>', description: 'only of this event type' },
      { flag: '--user <name>', description: 'only of this user' },
      { flag: '--other', description: 'other lines instead of events' },
      { flag: '-n, --lines <n>', description: 'begin with the last n lines that match and are still there' },
      { flag: '--since <time>', description: 'also what passed since then and is still there, such as 5m' },
      { flag: '--no-follow', description: 'end after what is there, chosen by --lines or --since' },
      { flag: '--count <n>', description: 'end after so many lines' },
      { flag: '--for <duration>', description: 'end after so long' },
      ...DEPLOYMENT_FLAGS,
      ...OUTPUT_FLAGS,
    ],
    load: () => import('./commands/tail.ts'),
  },
  {
    name: 'check',
    summary: 'one state for a monitor; exit 0 ok, 1 warning, 2 critical, 3 unknown',
    topic: TOPIC,
    flags: [
      limit('lag-warning', 'duration', 'age of the oldest entry that is not folded', '30s'),
      limit('lag-critical', 'duration', 'the same', '2m'),
      limit('pending-warning', 'n', 'entries handed out and not folded'),
      limit('pending-critical', 'n', 'the same'),
      limit('unflushed-warning', 'n', 'windows of a sink that wait for it', '10'),
      limit('unflushed-critical', 'n', 'the same', '60'),
      limit('others-warning', 'duration', 'age of the oldest other line that waits for a sink', '5m'),
      limit('others-critical', 'duration', 'the same', '1h'),
      limit('memory-warning', 'percent', 'of maxmemory used', '80'),
      limit('memory-critical', 'percent', 'the same', '95'),
      {
        flag: '--format <format>',
        description: 'nagios, json or prometheus',
        default: 'nagios',
        values: ['nagios', 'json', 'prometheus'],
      },
      { flag: '--json', description: 'the same as --format json' },
      LATE_AFTER,
      SHORT_PATIENCE,
      ...DEPLOYMENT_FLAGS,
    ],
    exitOnFault: 3,
    load: () => import('./commands/check.ts'),
  },
  {
    name: 'doctor',
    summary:
      'whether Redis, clocks, buffers, sinks and settings are as they should be, with the remedy (exit 1 if not)',
    topic: TOPIC,
    flags: [SINK_URL, ...LOOK],
    load: () => import('./commands/doctor.ts'),
  },
  {
    name: 'verify',
    summary: 'read the sinks back and compare them, with each other and with what Redis knows (exit 1 if they differ)',
    topic: TOPIC,
    flags: [
      { flag: '--from <time>', description: 'the first window, such as 24h (ago) or 2016-11-07T08:32:00Z' },
      { flag: '--to <time>', description: 'windows that begin before then; until now unless told' },
      SINK_URL,
      { flag: '--limit <n>', description: 'how many differences to list', default: '100' },
      { flag: '--repair', description: 'write what is known to be right to the sinks that differ' },
      {
        flag: '--trust-larger',
        description: 'with --repair: also where Redis knows nothing any more, the larger of two values',
      },
      ...ACT_FLAGS,
      ...DEPLOYMENT_FLAGS,
      ...OUTPUT_FLAGS,
    ],
    load: () => import('./commands/verify.ts'),
  },
  {
    name: 'config show',
    summary: 'the settings of this command as they would be used, secrets masked',
    topic: SET_UP,
    flags: [],
    load: () => import('./commands/config-show.ts'),
  },
  {
    name: 'config check',
    operands: '<file>',
    summary: 'whether a settings file is right, for a daemon or this command: all its faults at once (exit 78)',
    topic: SET_UP,
    flags: [
      {
        flag: '--for <program>',
        description: 'relay, aggregator or cli; else whose keys it has',
        values: ['relay', 'aggregator', 'cli'],
      },
      ...DEPLOYMENT_FLAGS.filter((flag) => flag.flag !== '--partitions <n>'),
      ...OUTPUT_FLAGS.filter((flag) => flag.flag !== '--utc'),
    ],
    load: () => import('./commands/config-check.ts'),
  },
  {
    name: 'completion',
    operands: '<shell>',
    summary: 'completions for bash, zsh or fish: source <(weir completion bash)',
    topic: SET_UP,
    flags: [],
    load: () => import('./commands/completion.ts'),
  },
];
