/**
 * How many datagrams the kernel dropped for our socket, because we did not read in time. Linux tells in /proc/net/udp
 * and /proc/net/udp6, one socket a line: `sl local_address rem_address st … drops`, addresses as hexadecimal words in
 * the machine's byte order, ports as hexadecimal numbers. Pure: takes the text of such a file. Undefined when no socket
 * is bound to the port; the sum when several are, which only sockets that share a port can be.
 */
export function kernelDrops(text: string, port: number): number | undefined {
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  let drops: number | undefined;
  for (const line of text.split('\n').slice(1)) {
    const columns = line.trim().split(/\s+/);
    if (!columns[1]?.endsWith(wanted)) continue;
    const count = Number(columns.at(-1));
    if (Number.isSafeInteger(count)) drops = (drops ?? 0) + count;
  }
  return drops;
}
