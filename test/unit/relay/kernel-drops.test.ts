import { kernelDrops } from '@weir/relay/udp/kernel-drops';

const HEAD =
  '   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops';
const socket = (address: string, drops: number | string) =>
  `  212: ${address} 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 30129 2 00000000d9ea0c32 ${drops}         `;

test('drops are those of the socket on our port', () => {
  const text = `${[HEAD, socket('0100007F:2581', 17), socket('0100007F:2582', 3)].join('\n')}\n`;
  expect(kernelDrops(text, 0x2581)).toBe(17);
  expect(kernelDrops(text, 0x2582)).toBe(3);
});

test('a small port is written with four digits', () => {
  expect(kernelDrops([HEAD, socket('0100007F:0050', 5)].join('\n'), 80)).toBe(5);
  expect(kernelDrops([HEAD, socket('0100007F:0150', 5)].join('\n'), 0x50)).toBeUndefined();
});

test('IPv6 sockets read the same', () => {
  expect(kernelDrops([HEAD, socket('00000000000000000000000001000000:2581', 9)].join('\n'), 9601)).toBe(9);
});

test('without our socket nobody knows', () => {
  expect(kernelDrops('', 9601)).toBeUndefined();
  expect(kernelDrops(HEAD, 9601)).toBeUndefined();
  expect(kernelDrops([HEAD, socket('0100007F:2581', 'x')].join('\n'), 9601)).toBeUndefined();
});
