#!lua flags=no-writes
-- One consistent look at a partition's stream and consumer group, without any payload.
-- KEYS  stream, counters      ARGV  consumer group
-- Replies {Redis ms, length, first id, first undelivered id, group known (0/1), XINFO's lag (-1: null), pending entries,
--          oldest pending id, its idle ms, {consumer, pending entries, …}, {counter, lines, …}}; an absent id is ''.
local stream = KEYS[1]
local time = redis.call('TIME')
local reply = {time[1] * 1000 + math.floor(time[2] / 1000), 0, '', '', 0, -1, 0, '', 0, {}, redis.call('HGETALL', KEYS[2])}
if redis.call('EXISTS', stream) == 0 then return reply end

local function fields(flat)
  local map = {}
  for i = 1, #flat, 2 do map[flat[i]] = flat[i + 1] end
  return map
end

local info = fields(redis.call('XINFO', 'STREAM', stream))
reply[2] = info['length']
if info['first-entry'] then reply[3] = info['first-entry'][1] end
reply[4] = reply[3]
for _, flat in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
  local group = fields(flat)
  if group['name'] == ARGV[1] then
    reply[5] = 1
    reply[6] = group['lag'] or -1
    -- Nothing lies after the greatest id there is, and Redis refuses the question.
    local rest = redis.pcall('XRANGE', stream, '(' .. group['last-delivered-id'], '+', 'COUNT', 1)
    reply[4] = rest[1] and rest[1][1] or ''
    reply[7] = group['pending']
  end
end
if reply[7] > 0 then
  local oldest = redis.call('XPENDING', stream, ARGV[1], '-', '+', 1)[1]
  reply[8] = oldest[1]
  reply[9] = oldest[3]
  for _, consumer in ipairs(redis.call('XPENDING', stream, ARGV[1])[4]) do
    table.insert(reply[10], consumer[1])
    table.insert(reply[10], tonumber(consumer[2]))
  end
end
return reply
