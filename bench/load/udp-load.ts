import { fileURLToPath } from 'node:url';
import { runCommand } from '../../test/support/command.ts';
import type { SenderOptions, SenderReport } from './udp-sender.ts';

/** Runs the sender of datagrams to its end. */
export async function sendUdp(options: SenderOptions): Promise<SenderReport> {
  const sender = fileURLToPath(new URL('./udp-sender.js', import.meta.url));
  const [line] = await runCommand({ command: process.execPath, args: [sender, JSON.stringify(options)] });
  return JSON.parse(line!) as SenderReport;
}
