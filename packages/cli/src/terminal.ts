import type { TakeOver } from './command-context.ts';
import { LEAVE } from './top/screen.ts';

/**
 * A terminal that a command has to itself, and that is given back on every way out: at the end, at a fault, at a signal that
 * ends the process, and while it is stopped (Ctrl-Z) until it goes on.
 */
export type Host = Pick<NodeJS.Process, 'stdin' | 'stdout' | 'on' | 'off' | 'kill' | 'pid'>;

/** What a terminal sends for Ctrl-Z while it makes no signals of keys. */
const SUSPEND = '\u001a';
/** They end a process that does not care, at once; SIGINT and SIGTERM are main.ts's, and let a command end by itself. */
const DEADLY = ['SIGHUP', 'SIGQUIT'] as const;

export function takeOverTerminal(host: Host): TakeOver {
  const { stdin, stdout } = host;
  return ({ keys, redraw, gone }) => {
    let taken = false;
    const take = () => {
      // Twice, as the shell may have changed what Node believes to be set.
      stdin.setRawMode(false);
      stdin.setRawMode(true);
      taken = true;
    };
    const leave = () => {
      if (!taken) return;
      taken = false;
      stdout.write(LEAVE);
      stdin.setRawMode(false);
    };
    const resume = () => {
      take();
      redraw();
    };
    const suspend = () => {
      leave();
      host.off('SIGTSTP', suspend);
      // Without a listener it stops us here and now; where nobody could wake us again the kernel does not.
      host.kill(host.pid, 'SIGTSTP');
      host.on('SIGTSTP', suspend);
      resume();
    };
    const die = (signal: NodeJS.Signals) => {
      leave();
      host.off(signal, die);
      host.kill(host.pid, signal);
    };
    const onData = (bytes: Buffer) => {
      const text = bytes.toString('utf8');
      // The whole job is stopped, and not only us: `npx` waits for us in the same one.
      if (text.includes(SUSPEND)) host.kill(0, 'SIGTSTP');
      keys(text.replaceAll(SUSPEND, ''));
    };
    const giveBack = () => {
      leave();
      stdin.off('data', onData).off('end', gone).off('error', gone).pause();
      stdout.off('resize', redraw);
      host.off('SIGTSTP', suspend).off('SIGCONT', resume).off('exit', leave).off('uncaughtExceptionMonitor', leave);
      for (const signal of DEADLY) host.off(signal, die);
    };

    take();
    stdin.on('data', onData).on('end', gone).on('error', gone).resume();
    stdout.on('resize', redraw);
    host.on('SIGTSTP', suspend).on('SIGCONT', resume).on('exit', leave).on('uncaughtExceptionMonitor', leave);
    for (const signal of DEADLY) host.on(signal, die);
    return { write: (text) => void stdout.write(text), giveBack };
  };
}
