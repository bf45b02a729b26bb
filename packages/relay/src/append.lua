#!lua
--[[
Appends one batch to a partition's stream, exactly once however often it is sent, and answers what Redis holds.
Without the flag allow-oom, so that Redis refuses it before its first line when memory is short: never half of it.

KEYS  stream, relays, counters
ARGV  incarnation, sequence, 'next' or 'gap', lines, field, value, field, value …
Appends only the sequence after the last one it has of this incarnation; with 'gap' any later one too, because the relay
has learned that those between are lost on both sides. Anything else changes nothing, and the answer tells the relay
where to go on.
Reply {1 if this call appended or 0, last sequence of the incarnation (0: none), entry id or '', now ms}
]]
local FORGET_MS = 7 * 24 * 3600 * 1000

local time = redis.call('TIME')
local nowMs = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local now = string.format('%.0f', nowMs)
local known = redis.call('HGET', KEYS[2], ARGV[1])
local last = known and tonumber(string.match(known, '^%d+')) or 0
local sequence = tonumber(ARGV[2])
if sequence ~= last + 1 and not (ARGV[3] == 'gap' and last < sequence) then
  return { 0, last, '', nowMs }
end

local id = redis.call('XADD', KEYS[1], '*', unpack(ARGV, 5))
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2] .. ' ' .. now)
redis.call('HINCRBY', KEYS[3], 'received', ARGV[4])
redis.call('HINCRBY', KEYS[3], 'appended-entries', 1)
if not known then
  -- A new start of a relay pays for a few old ones that are gone.
  local some = redis.call('HRANDFIELD', KEYS[2], 64, 'WITHVALUES')
  for i = 1, #some, 2 do
    local ms = tonumber(string.match(some[i + 1], ' (%d+)$'))
    if not ms or nowMs - ms > FORGET_MS then
      redis.call('HDEL', KEYS[2], some[i])
    end
  end
end
return { 1, sequence, id, nowMs }
