#!lua flags=allow-oom
--[[
Keeps what a daemon says of itself. Small and bounded, so it is allowed when memory is short: that is when somebody will
look. What nobody has said anything new under for long goes with the first word of a start.

KEYS  states
ARGV  id, incarnation, the state as JSON without its first brace, forget after (ms), 1 at the first word and else 0
Keeps {"v":1,"incarnation":"…","lastMs":…, and so on
]]
local time = redis.call('TIME')
local nowMs = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
if ARGV[5] == '1' then
  local all = redis.call('HGETALL', KEYS[1])
  for i = 1, #all, 2 do
    local lastMs = tonumber(string.match(all[i + 1], '"lastMs":(%d+),')) or 0
    if nowMs - lastMs > tonumber(ARGV[4]) then
      redis.call('HDEL', KEYS[1], all[i])
    end
  end
end
local said = string.format('{"v":1,"incarnation":"%s","lastMs":%.0f,', ARGV[2], nowMs)
redis.call('HSET', KEYS[1], ARGV[1], said .. ARGV[3])
