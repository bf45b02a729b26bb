#!lua flags=allow-oom
--[[
Ends a write. It counts only if its intent still stands: then nobody else wrote the window meanwhile. A writer that finds
its intent revoked takes every confirmation back, because what it wrote may have come after another's write; and the
intent that stands instead is revoked in turn, because that writer may have read the sink back before.

Whose write ended last is kept: only that writer knows what the sink holds without reading it back.

KEYS  the sink's books of the window
ARGV  incarnation, intent, outcome: 'confirmed' | 'settled' | 'checked' | 'cancelled' | 'abandoned', then field, value …
      to set when it counts; 'cancelled' means that nothing was sent, 'abandoned' that it may or may not have arrived
Reply 'done' | 'revoked'
]]
local FORGET_MS = 30 * 24 * 3600 * 1000

local time = redis.call('TIME')
local now = string.format('%.0f', tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000))
if redis.call('HGET', KEYS[1], 'intent') ~= ARGV[1] .. ' ' .. ARGV[2] then
  if ARGV[3] ~= 'cancelled' then
    for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
      if string.sub(field, 1, 10) == 'confirmed:' or field == 'settled' or field == 'checks' or field == 'done' then
        redis.call('HDEL', KEYS[1], field)
      end
    end
    redis.call('HDEL', KEYS[1], 'intent', 'begun')
    redis.call('HSET', KEYS[1], 'abandoned', now)
    redis.call('PEXPIRE', KEYS[1], FORGET_MS)
  end
  return 'revoked'
end
redis.call('HDEL', KEYS[1], 'intent', 'begun')
if ARGV[3] == 'cancelled' then
  return 'done'
end
redis.call('HSET', KEYS[1], 'writer', ARGV[2])
if ARGV[3] == 'abandoned' then
  redis.call('HSET', KEYS[1], 'abandoned', now)
  return 'done'
end
redis.call('HDEL', KEYS[1], 'abandoned')
if ARGV[3] == 'settled' then
  redis.call('HSET', KEYS[1], 'settled', now, 'checks', 0)
elseif ARGV[3] == 'checked' then
  redis.call('HINCRBY', KEYS[1], 'checks', 1)
end
for i = 4, #ARGV, 2 do
  redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
end
return 'done'
