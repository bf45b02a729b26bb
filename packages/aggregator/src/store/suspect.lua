--[[
Marks an entry as being processed alone, before it is parsed. A mark left by a process that is gone means that the entry
was in hand, alone, when that process ended; twice is taken for the entry's fault.

Without the flag allow-oom: a mark that Redis refuses when memory is short leaves the entry pending, and the fold that it
would prepare is refused then as well.

KEYS  suspects
ARGV  entry id, own incarnation, crashes to condemn at, then the incarnations alive
Reply 'process' | 'wait' (a live process has it in hand) | 'unreadable'
]]
local mark = redis.call('HGET', KEYS[1], ARGV[1])
local crashes = 0
if mark then
  local holder, count = string.match(mark, '^(%S+) (%d+)$')
  crashes = tonumber(count)
  if holder ~= ARGV[2] then
    for i = 4, #ARGV do
      if ARGV[i] == holder then
        return 'wait'
      end
    end
    crashes = crashes + 1
  end
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. ' ' .. crashes)
return crashes >= tonumber(ARGV[3]) and 'unreadable' or 'process'
