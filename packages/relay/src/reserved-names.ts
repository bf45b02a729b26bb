import { MEASUREMENTS } from '@weir/common/line-encode';

/**
 * An other line goes to every sink as it is. One that bears the name of our totals would write over them, whoever sent it,
 * and no sink could tell; so these names are nobody else's. Pure.
 */
const NAMES = MEASUREMENTS.map((name) => Buffer.from(name));
const COMMA = 0x2c;
const SPACE = 0x20;

/** Whether the line that begins there has one of them for its measurement. They have no byte that an escape could hide. */
export function bearsReservedName(line: Buffer, start: number): boolean {
  return NAMES.some((name) => {
    const end = start + name.length;
    const next = line[end];
    return (next === COMMA || next === SPACE) && name.compare(line, start, end) === 0;
  });
}
