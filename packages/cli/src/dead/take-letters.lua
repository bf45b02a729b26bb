#!lua flags=allow-oom
--[[
Takes dead letters away, or some of their lines, and moves the counters that know of them in the same step. What a letter
keeps stands in a new one, whose fields are in the order in which the fold writes them, with the id it had at first behind
them; it is smaller than the one that goes, so this is allowed when memory is short.

KEYS  dead, counters
ARGV  counter of the lines that go, bytes, then per letter: id, lines that go, lines that stay, the lines that stay
Ends early once it has read so many bytes.
Reply {letters that were there, their lines that went, letters dealt with}
]]
local counter, maxBytes = ARGV[1], tonumber(ARGV[2])
local taken, lines, dealtWith, bytes = 0, 0, 0, 0
for i = 3, #ARGV, 4 do
  if bytes >= maxBytes then
    break
  end
  dealtWith = dealtWith + 1
  local letter = redis.call('XRANGE', KEYS[1], ARGV[i], ARGV[i])[1]
  if letter then
    local fields = {}
    for field = 1, #letter[2], 2 do
      fields[letter[2][field]] = letter[2][field + 1]
    end
    local size = #(fields['d'] or '')
    bytes = bytes + size
    redis.call('XDEL', KEYS[1], ARGV[i])
    if ARGV[i + 3] == '' then
      redis.call('HINCRBY', KEYS[2], 'dead-letters', -1)
    else
      redis.call('XADD', KEYS[1], '*', 'reason', fields['reason'] or '', 'e', fields['e'] or '', 'b', fields['b'] or '',
        't', fields['t'] or '', 'n', ARGV[i + 2], 'd', ARGV[i + 3], 's', fields['s'] or ARGV[i])
      size = size - #ARGV[i + 3]
    end
    redis.call('HINCRBY', KEYS[2], 'dead-bytes', 0 - size)
    redis.call('HINCRBY', KEYS[2], counter, ARGV[i + 1])
    taken = taken + 1
    lines = lines + ARGV[i + 1]
  end
end
return { taken, lines, dealtWith }
