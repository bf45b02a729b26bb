#!lua flags=allow-oom
--[[
Keeps what sinks refuse for good, each point or line once, and lets the oldest letters go over the bound. It adds little,
and what it adds has a bound, so it may when memory is short, too.

A letter says how many bytes it takes and how many all letters up to it took together, so what the stream holds is the
difference of its two ends: letters deleted by hand, wherever, leave no counter behind that would have to be put right.

KEYS  letters, known (zset: id of a letter → its sum)
ARGV  bytes at most, by, then per letter: id, bytes, sink, kind, line, reason
Reply {letters kept, dropped}
]]
local maxBytes, by = tonumber(ARGV[1]), ARGV[2]
local time = redis.call('TIME')
local nowMs = string.format('%.0f', tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000))

-- Nothing may fail half way, so not for an entry of somebody else's either: it has no such fields.
local function number(letter, name)
  for i = 1, #letter[2], 2 do
    if letter[2][i] == name then
      return tonumber(letter[2][i + 1]) or 0
    end
  end
  return 0
end

local sum = 0
local newest = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
if newest then
  sum = number(newest, 'sum')
  if sum == 0 then
    sum = tonumber(redis.call('ZREVRANGE', KEYS[2], 0, 0, 'WITHSCORES')[2]) or 0
  end
else
  redis.call('UNLINK', KEYS[2])
end

local kept, dropped = 0, 0
for i = 3, #ARGV, 6 do
  if not redis.call('ZSCORE', KEYS[2], ARGV[i]) then
    sum = sum + tonumber(ARGV[i + 1])
    local text = string.format('%.0f', sum)
    redis.call('XADD', KEYS[1], '*', 'sink', ARGV[i + 2], 'kind', ARGV[i + 3], 'line', ARGV[i + 4],
      'reason', ARGV[i + 5], 'time', nowMs, 'by', by, 'bytes', ARGV[i + 1], 'sum', text)
    redis.call('ZADD', KEYS[2], text, ARGV[i])
    kept = kept + 1
  end
end

while true do
  local oldest = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
  if not oldest then
    break
  end
  local upTo = number(oldest, 'sum')
  if sum - upTo + number(oldest, 'bytes') <= maxBytes or redis.call('XLEN', KEYS[1]) == 1 then
    -- What is no longer there is not known any more: refused again, it is kept again.
    redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', string.format('(%.0f', upTo))
    break
  end
  redis.call('XDEL', KEYS[1], oldest[1])
  dropped = dropped + 1
end
return { kept, dropped }
