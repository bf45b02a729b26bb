import { EXIT } from '@weir/common/errors';
import { oneOf } from '@weir/common/setting-values';
import { type CommandContext, UsageError } from '../command-context.ts';
import { completion, SHELLS } from '../completion.ts';

export async function run({ operands, commands, out }: CommandContext): Promise<number> {
  const shells = oneOf(...SHELLS);
  const shell = shells.schema.safeParse(operands[0] ?? '').data;
  if (shell === undefined) throw new UsageError(`${JSON.stringify(operands[0])}: expected ${shells.expected}`);
  out(completion(shell, commands));
  return EXIT.done;
}
