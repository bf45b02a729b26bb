/**
 * What Linux says of a UDP socket in /proc/net/udp: the bytes that wait to be read, and the datagrams dropped because they
 * were not read in time. Pure: takes the text of that file. Undefined where no socket has the port.
 */
export function udpSocket(text: string, port: number): { waitingBytes: number; dropped: number } | undefined {
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  for (const line of text.split('\n').slice(1)) {
    const columns = line.trim().split(/\s+/);
    if (!columns[1]?.endsWith(wanted)) continue;
    const received = columns[4]!.split(':')[1]!;
    return { waitingBytes: Number.parseInt(received, 16), dropped: Number(columns.at(-1)) };
  }
  return undefined;
}
