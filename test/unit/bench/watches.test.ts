import { lastTotals } from '../../../bench/load/totals-file.ts';
import { foldDelays } from '../../../bench/measure/fold-delay.ts';
import { growthBetween, lastQuarters } from '../../../bench/measure/quarters.ts';
import { udpSocket } from '../../../bench/measure/udp-socket.ts';

describe('the way from accepted to folded', () => {
  test('is measured per partition, from the look before lines came to the one that shows them folded', () => {
    const looks = [
      { atMs: 0, received: [0, 5], folded: [0, 5] },
      { atMs: 2, received: [10, 5], folded: [0, 5] },
      { atMs: 4, received: [10, 6], folded: [9, 6] },
      { atMs: 7, received: [30, 6], folded: [30, 6] },
    ];
    expect(foldDelays(looks)).toEqual([
      { value: 7, weight: 10 },
      { value: 3, weight: 20 },
      { value: 2, weight: 1 },
    ]);
  });

  test('leaves out what is not folded at the end', () => {
    const looks = [
      { atMs: 0, received: [0], folded: [0] },
      { atMs: 1, received: [4], folded: [0] },
      { atMs: 2, received: [9], folded: [4] },
    ];
    expect(foldDelays(looks)).toEqual([{ value: 2, weight: 4 }]);
    expect(foldDelays([])).toEqual([]);
  });
});

test('growth is that of the last quarter over the third', () => {
  expect(lastQuarters([9, 9, 9, 9, 1, 2, 3, 4])).toEqual([
    [1, 2],
    [3, 4],
  ]);
  expect(growthBetween([0, 9, 9, 1, 2, 2, 2, 3, 3])).toBe(1.5);
  expect(growthBetween([7, 7])).toBe(1);
});

test('what the kernel says of a UDP socket', () => {
  const text = `   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  120: 0100007F:2581 00000000:0000 07 00000000:00001500 00:00000000 00000000     0        0 11 2 0000000000000000 42
  121: 0100007F:2582 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 12 2 0000000000000000 0
`;
  expect(udpSocket(text, 0x2581)).toEqual({ waitingBytes: 0x1500, dropped: 42 });
  expect(udpSocket(text, 0x2582)).toEqual({ waitingBytes: 0, dropped: 0 });
  expect(udpSocket(text, 9)).toBeUndefined();
});

test('of points that were written again the last one holds', () => {
  const text = [
    'unique_user_event,event_type=a,product=b value=1 60000000000',
    'cumulative_user_event,event_type=a,product=b value=2 60000000000',
    'cumulative_user_event,event_type=a,product=b value=3 60000000000',
    'cumulative_user_event,event_type=a,product=b value=9 120000000000',
    'something else value=1 60000000000',
  ].join('\n');
  expect(lastTotals(text)).toEqual(
    new Map([
      ['60 a b', { events: 3, users: 1 }],
      ['120 a b', { events: 9, users: 0 }],
    ]),
  );
});
