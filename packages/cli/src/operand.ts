import type { ValueType } from '@weir/common/setting-values';
import { type CommandContext, UsageError } from './command-context.ts';

/** The operand at a place, read like a flag's value: what cannot be used is wrong usage. Pure. */
export function operand<T>(
  { operands }: Pick<CommandContext, 'operands'>,
  name: string,
  type: ValueType<T>,
  at = 0,
): T {
  const text = operands[at] ?? '';
  const value = type.schema.safeParse(text).data;
  if (value === undefined)
    throw new UsageError(`${name}: got ${JSON.stringify(type.show(text))}, expected ${type.expected}`);
  return value;
}
