import { ipv6Words } from '@weir/relay/udp/libc-socket';

test.each([
  ['::', [0, 0, 0, 0, 0, 0, 0, 0]],
  ['::1', [0, 0, 0, 0, 0, 0, 0, 1]],
  ['fe80::', [0xfe80, 0, 0, 0, 0, 0, 0, 0]],
  ['2001:db8::a:b', [0x2001, 0xdb8, 0, 0, 0, 0, 0xa, 0xb]],
  ['1:2:3:4:5:6:7:8', [1, 2, 3, 4, 5, 6, 7, 8]],
  ['::ffff:127.0.0.1', [0, 0, 0, 0, 0, 0xffff, 0x7f00, 1]],
])('the words of %s', (host, words) => {
  expect(ipv6Words(host)).toEqual(words);
});
