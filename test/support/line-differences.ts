import { LINE, type LineKind, type RejectReason } from '@weir/common/line-protocol';

/** One line, and what the scanner says of it. */
export interface JudgedLine {
  readonly line: Buffer;
  readonly text: string;
  readonly kind: LineKind;
  /** Undefined unless it is rejected. */
  readonly reason: RejectReason | undefined;
  readonly detail: string;
}

interface Difference {
  /** As docs/line-protocol.md calls it. */
  readonly name: string;
  readonly example: string | Buffer;
  readonly holds: (judged: JudgedLine) => boolean;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const CONTROL = /[\u0000-\u001f\u007f]/;

/** Every difference between Weir and InfluxDB that is meant. Whatever else a test finds is a fault of the scanner. */
export const WEIR_ALONE_TAKES: readonly Difference[] = [
  {
    name: 'user events',
    example: 'event_type=a,product=b value=ada,n=anything',
    holds: ({ kind }) => kind === LINE.userEvent,
  },
  { name: 'a carriage return at the end', example: 'm f=1 5\r', holds: ({ text }) => text.endsWith('\r') },
  {
    name: 'unsigned integers',
    example: 'm f=1u 5',
    holds: ({ kind, text }) => kind === LINE.other && /=[0-9]+u(?:,| |$)/.test(text),
  },
];

export const INFLUXDB_ALONE_TAKES: readonly Difference[] = [
  {
    name: 'control characters',
    example: 'm f="a\tb" 5',
    holds: ({ reason, text }) => reason === 'control-character' && CONTROL.test(text),
  },
  {
    name: 'bytes that are no UTF-8',
    example: Buffer.from('m f="\xe9" 5', 'latin1'),
    holds: ({ reason, text }) => reason === 'invalid-utf8' && text.includes('\ufffd'),
  },
  {
    name: 'long lines',
    example: `m f="${'x'.repeat(65_536)}" 5`,
    holds: ({ reason, line }) => reason === 'too-long' && line.length > 65_536,
  },
  {
    name: 'names of a user event',
    example: 'm,event_type=a,product=b value="" 5',
    holds: ({ reason }) => reason === 'name-length',
  },
  {
    name: 'user events before 1970',
    example: 'm,event_type=a,product=b value="u" -5',
    holds: ({ reason, text }) => reason === 'past' && /-[0-9]+ *\r?$/.test(text),
  },
  {
    name: 'what stands twice in a user event',
    example: 'm,event_type=a,product=b value="u",value="v" 5',
    holds: ({ reason, text }) =>
      reason === 'syntax' && /(?:^|[, \t])(event_type|product|value|id)=.*[, ]\1=/s.test(text),
  },
  {
    name: 'text behind a closing quote',
    example: 'm f="a"b 5',
    holds: ({ detail, text }) => /^a closing quote is followed/.test(detail) && /="(?:[^"\\]|\\.)*"[^ ,]/s.test(text),
  },
  // The scanner may lose its way behind them, so that any reason is as good.
  {
    name: 'two backslashes in a field name',
    example: 'm a\\\\=1,b=2 5',
    holds: ({ text }) => /(?<!\\) .*\\\\[,= ].*=/s.test(text),
  },
];
