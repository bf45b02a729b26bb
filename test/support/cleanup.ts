/**
 * Whatever the test kit starts is put on one stack and taken down in reverse, also when a test failed half way.
 * jest-setup.ts calls the marks around every test, so a test never has to: what a `beforeAll` started lives until the
 * end of the file, what a test or `beforeEach` started ends with that test. The demo calls `disposeAll` itself.
 */
interface Started {
  what: string;
  dispose: () => unknown;
}

const stack: Started[] = [];

/** Have `dispose` called (and awaited) at the end of the current test, or of the file when called in `beforeAll`. */
export function cleanup(what: string, dispose: () => unknown): void {
  stack.push({ what, dispose });
}

/** The height of the stack now; `disposeTo` takes everything above it down. */
export function cleanupMark(): number {
  return stack.length;
}

/** Takes down in reverse; goes on past failures and rejects with all of them at the end. */
export async function disposeTo(mark: number): Promise<void> {
  const failures: Error[] = [];
  while (stack.length > mark) {
    const { what, dispose } = stack.pop()!;
    try {
      await dispose();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      failures.push(new Error(`while taking down ${what}: ${reason}`, { cause: error }));
    }
  }
  if (failures.length === 1) throw failures[0];
  if (failures.length > 1) throw new AggregateError(failures, failures.map((failure) => failure.message).join('\n'));
}

export async function disposeAll(): Promise<void> {
  await disposeTo(0);
}
