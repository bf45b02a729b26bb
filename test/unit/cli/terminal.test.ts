import { EventEmitter } from 'node:events';
import { type Host, takeOverTerminal } from '@weir/cli/terminal';
import { LEAVE } from '@weir/cli/top/screen';

/** What a terminal's two ends and the process around them were asked. */
function taken() {
  const asked: string[] = [];
  const stdin = Object.assign(new EventEmitter(), {
    setRawMode: (raw: boolean) => asked.push(raw ? 'raw' : 'cooked'),
    resume: () => stdin,
    pause: () => stdin,
  });
  const stdout = Object.assign(new EventEmitter(), { write: (text: string) => asked.push(text) });
  const process = Object.assign(new EventEmitter(), {
    stdin,
    stdout,
    pid: 42,
    kill: (pid: number, signal: string) => asked.push(`${signal} to ${pid}`),
  });
  const terminal = takeOverTerminal(process as unknown as Host)({
    keys: (bytes) => asked.push(`keys ${bytes}`),
    redraw: () => asked.push('redraw'),
    gone: () => asked.push('gone'),
  });
  const since = () => asked.splice(0).filter((what, i, all) => !(what === 'cooked' && all[i + 1] === 'raw'));
  expect(since()).toEqual(['raw']);
  return { terminal, process, stdin, stdout, since };
}

test('given back twice is given back once, and nothing of it is left', () => {
  const { terminal, process, stdin, stdout, since } = taken();
  terminal.write('text');
  terminal.giveBack();
  terminal.giveBack();
  expect(since()).toEqual(['text', LEAVE, 'cooked']);
  expect([...process.eventNames(), ...stdin.eventNames(), ...stdout.eventNames()]).toEqual([]);
});

test.each(['exit', 'uncaughtExceptionMonitor'])('given back at %s, which nobody foresees', (event) => {
  const { process, since } = taken();
  process.emit(event);
  expect(since()).toEqual([LEAVE, 'cooked']);
});

test('stopped by a signal it is given back first, and taken again when it goes on', () => {
  const { process, since, terminal } = taken();
  process.emit('SIGTSTP', 'SIGTSTP');
  expect(since()).toEqual([LEAVE, 'cooked', 'SIGTSTP to 42', 'raw', 'redraw']);
  process.emit('SIGCONT', 'SIGCONT');
  expect(since()).toEqual(['raw', 'redraw']);
  terminal.giveBack();
});

test('Ctrl-Z stops the whole job; other keys are handed on', () => {
  const { stdin, since, terminal } = taken();
  stdin.emit('data', Buffer.from('a\u001ab'));
  expect(since()).toEqual(['SIGTSTP to 0', 'keys ab']);
  terminal.giveBack();
});

test.each(['SIGHUP', 'SIGQUIT'])('%s ends it, as it does others', (signal) => {
  const { process, since, terminal } = taken();
  process.emit(signal, signal);
  expect(since()).toEqual([LEAVE, 'cooked', `${signal} to 42`]);
  expect(process.listenerCount(signal)).toBe(0);
  terminal.giveBack();
});

test('nobody there any more, and another size, are told', () => {
  const { stdin, stdout, since, terminal } = taken();
  stdin.emit('end');
  stdout.emit('resize');
  expect(since()).toEqual(['gone', 'redraw']);
  terminal.giveBack();
});
