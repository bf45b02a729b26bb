#!lua flags=allow-oom
--[[
Registers the intent to write a window to a sink. While another live writer's intent stands nothing is registered. The
intent of a dead writer is revoked: its request may still be on its way, so the window is marked as having an abandoned
write, and whoever confirms must have read the sink back.

KEYS  the sink's books of the window
ARGV  incarnation, intent, then the incarnations alive
Reply {'begun', now ms, abandoned (1 or 0)} | {'busy', now ms, incarnation}
]]
local time = redis.call('TIME')
local nowMs = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local intent = redis.call('HGET', KEYS[1], 'intent')
if intent then
  local holder = string.match(intent, '^%S+')
  if holder ~= ARGV[1] then
    for i = 3, #ARGV do
      if ARGV[i] == holder then
        return { 'busy', nowMs, holder }
      end
    end
  end
  redis.call('HSET', KEYS[1], 'abandoned', string.format('%.0f', nowMs))
end
redis.call('HSET', KEYS[1], 'intent', ARGV[1] .. ' ' .. ARGV[2])
return { 'begun', nowMs, redis.call('HEXISTS', KEYS[1], 'abandoned') }
