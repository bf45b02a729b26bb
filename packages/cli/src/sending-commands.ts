import { type CommandSpec, type FlagSpec, OUTPUT_FLAGS, RELAY_FLAGS } from './command-spec.ts';

/** The commands that send lines to relays, as clients do. */
const TOPIC = 'Sending:';
const SENDING_FLAGS: readonly FlagSpec[] = [
  { flag: '--rate <n/s>', description: 'at most so many lines a second; as fast as they are taken unless told' },
  { flag: '--in-flight <n>', description: 'how many requests are under way at a time', default: '8' },
  { flag: '--quiet', description: 'no progress on stderr' },
];

export const SENDING_COMMANDS: readonly CommandSpec[] = [
  {
    name: 'send',
    operands: '[lines...]',
    summary: 'send lines to a relay: those given, a file, or stdin; what one relay does not confirm goes to the next',
    topic: TOPIC,
    flags: [
      { flag: '--file <path>', description: 'send the lines of this file; - is stdin' },
      {
        flag: '--precision <unit>',
        description: 'of the timestamps: n, ns, u, us, ms, s, m or h',
        default: 'ns',
        values: ['ns', 'us', 'ms', 's', 'm', 'h', 'n', 'u'],
      },
      {
        flag: '--stamp <where>',
        description: 'who gives lines without a timestamp one: here, or the relay that takes them',
        default: 'here',
        values: ['here', 'relay'],
      },
      {
        flag: '--from-line <n>',
        description: 'begin with this line of the input, to go on where it ended',
        default: '1',
      },
      ...SENDING_FLAGS,
      ...RELAY_FLAGS,
      ...OUTPUT_FLAGS,
    ],
    load: () => import('./commands/send.ts'),
  },
];
