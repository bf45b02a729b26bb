#!lua flags=allow-oom
--[[
Registers the intent to write a window to a sink. While another live writer's intent stands nothing is registered. The
intent of a dead writer is revoked: its request may still be on its way, so the window is marked as having an abandoned
write, and whoever confirms must have read the sink back.

The intent of a live writer is revoked too once it has stood for long: the command that should have ended it may have
been lost, and that writer may never come back to this window. Revoking costs a read and nothing else.

Books are removed with the final record; a writer that ends after that would leave some behind, so nobody's stay for
ever. Books that are gone too early cost a write that changes nothing.

KEYS  the sink's books of the window
ARGV  incarnation, intent, then the incarnations alive
Reply {'begun', now ms, abandoned (1 or 0), intent of the last write that ended, or ''} | {'busy', now ms, incarnation}
]]
local STALE_MS = 120 * 1000
local FORGET_MS = 30 * 24 * 3600 * 1000

local time = redis.call('TIME')
local nowMs = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local intent = redis.call('HGET', KEYS[1], 'intent')
if intent then
  local holder = string.match(intent, '^%S+')
  local begunMs = tonumber(redis.call('HGET', KEYS[1], 'begun') or '0')
  -- A clock that went back does not make an intent of the future last.
  if holder ~= ARGV[1] and math.abs(nowMs - begunMs) < STALE_MS then
    for i = 3, #ARGV do
      if ARGV[i] == holder then
        return { 'busy', nowMs, holder }
      end
    end
  end
  redis.call('HSET', KEYS[1], 'abandoned', string.format('%.0f', nowMs))
end
redis.call('HSET', KEYS[1], 'intent', ARGV[1] .. ' ' .. ARGV[2], 'begun', string.format('%.0f', nowMs))
redis.call('PEXPIRE', KEYS[1], FORGET_MS)
local writer = redis.call('HGET', KEYS[1], 'writer') or ''
return { 'begun', nowMs, redis.call('HEXISTS', KEYS[1], 'abandoned'), writer }
