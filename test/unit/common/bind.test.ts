import { bindPatiently } from '@weir/common/bind';
import { SettingsError } from '@weir/common/errors';
import { silentLogger } from '@weir/common/logger';
import { FakeClock } from '../../support/fake-clock.ts';

const fault = (code: string) => Object.assign(new Error(code), { code });

function begin(faultOf: (tries: number) => Error | undefined) {
  const clock = new FakeClock();
  const abort = new AbortController();
  let tries = 0;
  const bind = async () => {
    const error = faultOf(++tries);
    if (error) throw error;
  };
  const address = { host: '::1', port: 9600 };
  const binding = bindPatiently({ flag: '--http', address, bind, clock, logger: silentLogger, stopping: abort.signal });
  const outcome = binding.then(
    () => 'bound' as const,
    (error: unknown) => error,
  );
  return { clock, abort, outcome, tries: () => tries };
}

test('an address that a predecessor holds for a moment is taken when it is free', async () => {
  const { clock, outcome, tries } = begin((n) => (n < 4 ? fault('EADDRINUSE') : undefined));
  for (let i = 0; i < 5; i++) await clock.advance(200);
  expect(await outcome).toBe('bound');
  expect(tries()).toBe(4);
});

test('one that stays in use is a setting that cannot be used: named with its value and what was expected', async () => {
  const { clock, outcome } = begin(() => fault('EADDRINUSE'));
  for (let i = 0; i < 30; i++) await clock.advance(200);
  const error = await outcome;
  expect(error).toBeInstanceOf(SettingsError);
  expect(error).toMatchObject({
    message: '--http: got [::1]:9600, expected an address that no other process listens on',
  });
});

test('any other fault is not waited for', async () => {
  const { outcome, tries } = begin(() => fault('EADDRNOTAVAIL'));
  expect(await outcome).toMatchObject({ code: 'EADDRNOTAVAIL' });
  expect(tries()).toBe(1);
});

test('a stop ends the waiting, and nothing is bound after it', async () => {
  const { clock, abort, outcome, tries } = begin((n) => (n === 1 ? fault('EADDRINUSE') : undefined));
  await clock.advance(0);
  abort.abort();
  expect(await outcome).toMatchObject({ code: 'stopped' });
  expect(tries()).toBe(1);
});
