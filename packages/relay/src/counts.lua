#!lua flags=allow-oom
--[[
Keeps what this start of a relay counted, for the ledger to show. Small and bounded, so it is allowed when memory is
short: that is when somebody will look.

KEYS  relay counts
ARGV  field of this start, started (ms, or '' at the first report), counts (JSON), forget after (ms), starts at most
Keeps {"startedMs":…,"lastMs":…,"counts":…}. The first report of a start clears away those that were not heard of for
too long, and beyond the number of starts the ones heard of longest ago.
Reply when this start reported first, in ms
]]
local time = redis.call('TIME')
local nowMs = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local now = string.format('%.0f', nowMs)
local started = ARGV[2]
if started == '' then
  started = now
  local kept = {}
  local all = redis.call('HGETALL', KEYS[1])
  for i = 1, #all, 2 do
    local lastMs = tonumber(string.match(all[i + 1], '^{"startedMs":%d+,"lastMs":(%d+),')) or 0
    if nowMs - lastMs > tonumber(ARGV[4]) then
      redis.call('HDEL', KEYS[1], all[i])
    else
      kept[#kept + 1] = { lastMs, all[i] }
    end
  end
  table.sort(kept, function(a, b) return a[1] > b[1] end)
  for i = tonumber(ARGV[5]), #kept do
    redis.call('HDEL', KEYS[1], kept[i][2])
  end
end
redis.call('HSET', KEYS[1], ARGV[1], '{"startedMs":' .. started .. ',"lastMs":' .. now .. ',"counts":' .. ARGV[3] .. '}')
return tonumber(started)
