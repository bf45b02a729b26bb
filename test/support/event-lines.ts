import type { StreamEntry } from '@weir/common/batch';

/** User events as tests think of them, the lines clients send for them, and the stream entries relays make of lines. */
export interface TestEvent {
  eventType: string;
  product: string;
  username: string;
  sec: number;
  nanos?: number;
  id?: string;
}

/** `bare` is the form without a measurement; `quoted` has one, and the username in quotes. */
export type LineForm = 'bare' | 'quoted';

export function lineOf(event: TestEvent, form: LineForm = 'bare'): string {
  const tags = `event_type=${escaped(event.eventType)},product=${escaped(event.product)}`;
  // A bare value that begins with a quote would be read as a quoted one.
  const bare = form === 'bare' && !event.username.startsWith('"');
  const value = bare ? escaped(event.username) : quoted(event.username);
  const id = event.id === undefined ? '' : `,id=${quoted(event.id)}`;
  return `${bare ? '' : 'clicks,host=h1,'}${tags} value=${value}${id} ${timestamp(event)}`;
}

/** Nanoseconds since 1970, as digits. */
export function timestamp({ sec, nanos = 0 }: Pick<TestEvent, 'sec' | 'nanos'>): string {
  return `${sec}${String(nanos).padStart(9, '0')}`;
}

/** An entry as an aggregator reads it: of lines, or of events in their bare form. */
export function entryOf(
  id: string,
  lines: readonly (TestEvent | string)[],
  fields: Partial<StreamEntry> = {},
): StreamEntry {
  const texts = lines.map((line) => (typeof line === 'string' ? line : lineOf(line)));
  return {
    id,
    batch: `relay-1:0011223344556677:${id.split('-')[0]}`,
    receivedMs: 1_478_507_534_000,
    lineCount: texts.length,
    lines: Buffer.from(texts.map((text) => `${text}\n`).join('')),
    ...fields,
  };
}

/** The bare form of an event that differs from others of its window only in what is named. */
export function eventOf(fields: Partial<TestEvent> = {}): TestEvent {
  return { eventType: 'http-5xx', product: 'productA', username: 'testusername1', sec: 1_478_507_534, ...fields };
}

function escaped(text: string): string {
  return text.replace(/[,= ]/g, '\\$&');
}

function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}
