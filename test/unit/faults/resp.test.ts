import {
  argumentCount,
  formatRequest,
  isErrorReply,
  isNullReply,
  RespFrames,
  requestArguments,
} from '../../faults/runner/proxies/resp.ts';

const REPLIES = [
  '+OK\r\n',
  '-ERR no\r\n',
  ':12\r\n',
  '$-1\r\n',
  '*-1\r\n',
  '*0\r\n',
  '$4\r\na\r\nb\r\n',
  '*2\r\n*2\r\n:1\r\n$3\r\nabc\r\n$0\r\n\r\n',
];

test('values come out whole and in order, wherever the bytes are cut', () => {
  const bytes = Buffer.from(REPLIES.join(''));
  for (let size = 1; size <= bytes.length; size++) {
    const frames = new RespFrames();
    const found: string[] = [];
    for (let at = 0; at < bytes.length; at += size) {
      for (const frame of frames.push(bytes.subarray(at, at + size))) found.push(frame.toString());
    }
    expect(found).toEqual(REPLIES);
  }
});

test('an incomplete value stays back until its last byte is here', () => {
  const frames = new RespFrames();
  expect(frames.push(Buffer.from('*2\r\n$3\r\nGET\r\n$3\r\nke'))).toEqual([]);
  expect(frames.push(Buffer.from('y\r'))).toEqual([]);
  expect(frames.push(Buffer.from('\n')).map(String)).toEqual(['*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n']);
});

test('a request is the arguments it was made of, whatever bytes they hold', () => {
  const args = ['EVALSHA', '', 'a\r\n$3\r\nb', 'é'].map((text) => Buffer.from(text));
  const frame = formatRequest(args);
  expect(requestArguments(frame)).toEqual(args);
  expect(requestArguments(frame, 2)).toEqual(args.slice(0, 2));
  expect(argumentCount(frame)).toBe(4);
});

test('an error reply is told from others', () => {
  expect(REPLIES.filter((reply) => isErrorReply(Buffer.from(reply)))).toEqual(['-ERR no\r\n']);
});

test('a reply that brings nothing is told from one that brings none', () => {
  expect(REPLIES.filter((reply) => isNullReply(Buffer.from(reply)))).toEqual(['*-1\r\n']);
});
