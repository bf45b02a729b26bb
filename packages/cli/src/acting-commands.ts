import { ACT_FLAGS, type CommandSpec, DEPLOYMENT_FLAGS, OUTPUT_FLAGS } from './command-spec.ts';

/** The commands that change something in a deployment. */
const TOPIC = 'Acting:';
const ACT = [...ACT_FLAGS, ...DEPLOYMENT_FLAGS, ...OUTPUT_FLAGS];

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
];
