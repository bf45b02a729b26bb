#!lua flags=no-writes
-- One consistent look at a partition's stream and consumer group, without any payload.
-- KEYS  stream, counters, dead      ARGV  consumer group
-- Replies {Redis ms, length, first id, last id, first undelivered id, group known (0/1), XINFO's lag (-1: null),
--          pending entries, oldest pending id, its consumer, its idle ms, its deliveries, {consumer, pending entries, …},
--          {counter, lines, …}, dead letters, id of the newest}; an absent id is ''.
local stream, dead = KEYS[1], KEYS[3]
local time = redis.call('TIME')
local newest = redis.call('XREVRANGE', dead, '+', '-', 'COUNT', 1)[1]
local reply = {
  time[1] * 1000 + math.floor(time[2] / 1000), 0, '', '', '', 0, -1, 0, '', '', 0, 0, {},
  redis.call('HGETALL', KEYS[2]), redis.call('XLEN', dead), newest and newest[1] or '',
}
if redis.call('EXISTS', stream) == 0 then return reply end

local function fields(flat)
  local map = {}
  for i = 1, #flat, 2 do map[flat[i]] = flat[i + 1] end
  return map
end

local info = fields(redis.call('XINFO', 'STREAM', stream))
reply[2] = info['length']
if info['first-entry'] then reply[3] = info['first-entry'][1] end
reply[4] = info['last-generated-id']
reply[5] = reply[3]
for _, flat in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
  local group = fields(flat)
  if group['name'] == ARGV[1] then
    reply[6] = 1
    reply[7] = group['lag'] or -1
    -- Nothing lies after the greatest id there is, and Redis refuses the question.
    local rest = redis.pcall('XRANGE', stream, '(' .. group['last-delivered-id'], '+', 'COUNT', 1)
    reply[5] = rest[1] and rest[1][1] or ''
    reply[8] = group['pending']
  end
end
if reply[8] > 0 then
  local oldest = redis.call('XPENDING', stream, ARGV[1], '-', '+', 1)[1]
  for i = 1, 4 do reply[8 + i] = oldest[i] end
  for _, consumer in ipairs(redis.call('XPENDING', stream, ARGV[1])[4]) do
    table.insert(reply[13], consumer[1])
    table.insert(reply[13], tonumber(consumer[2]))
  end
end
return reply
