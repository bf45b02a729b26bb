--[[
Marks an entry as being processed alone, before it is parsed. A mark left by a process that is gone means that the entry
was in hand, alone, when that process ended; twice is taken for the entry's fault.

Without the flag allow-oom: a mark that Redis refuses when memory is short leaves the entry pending, and the fold that it
would prepare is refused then as well.

KEYS  suspects
ARGV  entry id, own incarnation, crashes to condemn at, then the incarnations alive
Reply 'process' | 'wait' (a live process has it in hand) | 'unreadable'
]]
-- Parsing and folding one entry takes no longer. A mark that is older was left by a process that lives and has let go of
-- the entry, for a reply was lost or others took it over: it would be waited for without end.
local WAIT_MS = 60 * 1000

local time = redis.call('TIME')
local nowMs = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local mark = redis.call('HGET', KEYS[1], ARGV[1])
local crashes = 0
if mark then
  local holder, count, markedMs = string.match(mark, '^(%S+) (%d+) ?(%d*)$')
  crashes = tonumber(count)
  local fresh = math.abs(nowMs - (tonumber(markedMs) or 0)) < WAIT_MS
  local lives = false
  if holder ~= ARGV[2] then
    for i = 4, #ARGV do
      lives = lives or ARGV[i] == holder
    end
    if lives and fresh then
      return 'wait'
    end
    if not lives then
      crashes = crashes + 1
    end
  end
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. ' ' .. crashes .. ' ' .. string.format('%.0f', nowMs))
return crashes >= tonumber(ARGV[3]) and 'unreadable' or 'process'
