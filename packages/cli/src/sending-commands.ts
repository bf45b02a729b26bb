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
        flag: '--input-format <format>',
        description: 'lines, json (an event on each line), or auto: what begins with a brace is JSON',
        default: 'auto',
        values: ['auto', 'lines', 'json'],
      },
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
  {
    name: 'load',
    summary: 'send made-up events, and say how many were taken and how fast',
    topic: TOPIC,
    flags: [
      { flag: '--events <n>', description: 'so many different events' },
      { flag: '--duration <duration>', description: 'for so long; with --events what comes first' },
      { flag: '--product <prefix>', description: 'what the names of their products begin with', default: 'load-' },
      { flag: '--products <n>', description: 'how many products', default: '10' },
      { flag: '--types <n>', description: 'how many event types each has', default: '5' },
      { flag: '--users <n>', description: 'how many users there are', default: '10000' },
      { flag: '--zipf <s>', description: 'how uneven users come; 0: all alike', default: '1' },
      { flag: '--duplicates <share>', description: 'of the events, sent again at the next relay', default: '0%' },
      { flag: '--late <share>', description: 'of the events, with an old timestamp; asks first', default: '0%' },
      { flag: '--late-by <duration>', description: 'how old those are', default: '1h' },
      { flag: '--spread <duration>', description: 'the others happened within so long before now', default: '1s' },
      { flag: '--seed <n>', description: 'the same events but for their time; random unless told' },
      { flag: '--batch <n>', description: 'lines of a request', default: '1000' },
      ...SENDING_FLAGS,
      ...RELAY_FLAGS,
      { flag: '--yes', description: 'go on without asking' },
      ...OUTPUT_FLAGS,
    ],
    load: () => import('./commands/load.ts'),
  },
];
