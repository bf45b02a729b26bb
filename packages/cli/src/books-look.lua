#!lua flags=no-writes
-- The books of a partition, and what of its stream is not folded, all as of one moment and without any payload.
-- KEYS  stream, counters      ARGV  consumer group, after which id to list pending ids (XPENDING syntax), how many at most
-- Replies {Redis ms, {counter, lines, …}, first undelivered id or '', last id or '', pending ids asked for …}.
local stream, group, after, most = KEYS[1], ARGV[1], ARGV[2], ARGV[3]
local time = redis.call('TIME')
local reply = {time[1] * 1000 + math.floor(time[2] / 1000), redis.call('HGETALL', KEYS[2]), '', ''}
if redis.call('EXISTS', stream) == 0 then return reply end

local function field(flat, name)
  for i = 1, #flat, 2 do
    if flat[i] == name then return flat[i + 1] end
  end
end

reply[4] = field(redis.call('XINFO', 'STREAM', stream), 'last-generated-id')
local from = '-'
for _, info in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
  if field(info, 'name') == group then
    from = '(' .. field(info, 'last-delivered-id')
    for _, pending in ipairs(redis.call('XPENDING', stream, group, after, '+', most)) do
      reply[#reply + 1] = pending[1]
    end
  end
end
-- Nothing lies after the greatest id there is, and Redis refuses the question.
local rest = redis.pcall('XRANGE', stream, from, '+', 'COUNT', 1)
if rest[1] then reply[3] = rest[1][1] end
return reply
