import {
  ACT_FLAGS,
  type CommandSpec,
  DEPLOYMENT_FLAGS,
  type FlagSpec,
  OUTPUT_FLAGS,
  RELAY_FLAGS,
  WATCH_FLAG,
} from './command-spec.ts';

/** The commands that change something in a deployment. */
const TOPIC = 'Acting:';
const ACT = [...ACT_FLAGS, ...DEPLOYMENT_FLAGS, ...OUTPUT_FLAGS];

const WAIT_FLAG: FlagSpec = {
  flag: '--wait <duration>',
  description: 'how long to wait for the aggregators to have done it; 0s: not at all',
  default: '15s',
};

const LETTERS = 'Letters:';
/** dead/letter-flags.ts reads them. */
const LETTER_FLAGS: readonly FlagSpec[] = [
  { flag: '--partition <p>', description: 'only of this partition' },
  {
    flag: '--reason <reason>',
    description: "only for this reason; of what sinks refuse, a part of the sink's words",
    many: true,
  },
  { flag: '--product <name>', description: 'only lines of this product' },
  { flag: '--type <name>', description: 'only lines of this event type' },
  { flag: '--window <time>', description: 'only lines that fall in this window, named by a time in it' },
  { flag: '--from-relay <id>', description: 'only what came through this relay' },
  { flag: '--since <time>', description: 'only what became a letter since then, such as 2h or 2016-11-07T08:32:00Z' },
  { flag: '--until <time>', description: 'only what became a letter before then' },
];
const KIND_FLAGS: readonly FlagSpec[] = [
  { flag: '--kind <kind>', description: 'dead: of partitions; refused: by sinks', values: ['dead', 'refused'] },
  { flag: '--sink <name>', description: 'only what this sink refuses' },
];

export const ACTING_COMMANDS: readonly CommandSpec[] = [
  {
    name: 'claim',
    summary: 'hand pending entries to the owners of their partitions, who fold them at once',
    topic: TOPIC,
    flags: [
      { flag: '--partition <p>', description: 'only of this partition' },
      { flag: '--from <consumer>', description: 'only those of this consumer' },
      { flag: '--to <consumer>', description: 'only where this one is the owner' },
      { flag: '--idle <duration>', description: 'only entries idle for at least this long', default: '60s' },
      ...ACT,
    ],
    load: () => import('./commands/claim.ts'),
  },
  {
    name: 'consumer remove',
    operands: '<name>',
    summary: 'take a dead aggregator out of all consumer groups, unless entries are pending for it',
    topic: TOPIC,
    flags: ACT,
    load: () => import('./commands/consumer-remove.ts'),
  },
  {
    name: 'relay remove',
    operands: '<id>',
    summary: 'no longer wait for a relay that is gone for good, unless it still reports',
    topic: TOPIC,
    flags: ACT,
    load: () => import('./commands/relay-remove.ts'),
  },
  {
    name: 'sink add',
    operands: '<name>',
    summary: 'give the deployment another sink: it gets open windows, and those whose final totals are kept',
    topic: TOPIC,
    flags: ACT,
    load: () => import('./commands/sink-add.ts'),
  },
  {
    name: 'sink remove',
    operands: '<name>',
    summary: 'take a sink out of the deployment, with its books; nothing waits for it any more',
    topic: TOPIC,
    flags: ACT,
    load: () => import('./commands/sink-remove.ts'),
  },
  {
    name: 'flush',
    operands: '<window>',
    summary: 'bring a window to its sinks again: they are read back, and written where they lack',
    topic: TOPIC,
    flags: [{ flag: '--sink <name>', description: 'only to this one; all unless told', many: true }, WAIT_FLAG, ...ACT],
    load: () => import('./commands/flush.ts'),
  },
  {
    name: 'seal',
    operands: '<window>',
    summary: 'seal a window now; before its time, or without a relay, with --force',
    topic: TOPIC,
    flags: [
      { flag: '--force', description: 'also where events would become late by that; the plan says which' },
      WAIT_FLAG,
      ...ACT,
    ],
    load: () => import('./commands/seal.ts'),
  },
  {
    name: 'dead list',
    summary: 'lines that could not be counted, and what sinks refuse, the newest first',
    topic: LETTERS,
    flags: [
      ...LETTER_FLAGS,
      ...KIND_FLAGS,
      { flag: '--limit <n>', description: 'how many letters to list', default: '50' },
      ...DEPLOYMENT_FLAGS,
      ...OUTPUT_FLAGS,
      WATCH_FLAG,
    ],
    load: () => import('./commands/dead-list.ts'),
  },
  {
    name: 'dead show',
    operands: '<letter...>',
    summary: 'letters with all of their lines',
    topic: LETTERS,
    flags: [...DEPLOYMENT_FLAGS, ...OUTPUT_FLAGS],
    load: () => import('./commands/dead-show.ts'),
  },
  {
    name: 'dead export',
    summary: 'print the lines, as they came or with what is known of each',
    topic: LETTERS,
    flags: [
      ...LETTER_FLAGS,
      ...KIND_FLAGS,
      {
        flag: '--format <format>',
        description: 'lines (line protocol) or ndjson (a JSON object a line)',
        default: 'lines',
        values: ['lines', 'ndjson'],
      },
      ...DEPLOYMENT_FLAGS,
    ],
    load: () => import('./commands/dead-export.ts'),
  },
  {
    name: 'dead replay',
    summary: 'send the lines of dead letters to a relay again; a letter goes once they are confirmed',
    topic: LETTERS,
    flags: [...LETTER_FLAGS, ...RELAY_FLAGS, ...ACT],
    load: () => import('./commands/dead-replay.ts'),
  },
  {
    name: 'dead purge',
    summary: 'throw letters away for good',
    topic: LETTERS,
    flags: [...LETTER_FLAGS, ...KIND_FLAGS, ...ACT],
    load: () => import('./commands/dead-purge.ts'),
  },
];
