import { type CommandSpec, DEPLOYMENT_FLAGS, type FlagSpec, OUTPUT_FLAGS, WATCH_FLAG } from './command-spec.ts';

/** The commands that only look. */
const TOPIC = 'Looking:';
const LOOK = [...DEPLOYMENT_FLAGS, ...OUTPUT_FLAGS, WATCH_FLAG];
const PATIENCE: FlagSpec = {
  flag: '--patience <duration>',
  description: 'how long to read what can only be counted; what is not known by then is a ?',
  default: '400ms',
};

export const READING_COMMANDS: readonly CommandSpec[] = [
  {
    name: 'lag',
    summary: 'how far the aggregators are behind, per partition: in entries, events and seconds',
    topic: TOPIC,
    flags: [
      {
        flag: '--interval <duration>',
        description: 'between the two looks that rates are made of; 0s: no rates',
        default: '400ms',
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
];
