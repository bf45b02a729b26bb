#!lua flags=allow-oom
--[[
Makes pending entries of one consumer another's, if they are still the first one's and idle for long enough. Their delivery
count stays: changing hands is no delivery. XCLAIM drops a pending entry that is gone from the stream without a word, so
those are found out before and left alone: the owner of the partition raises the alarm when it meets one. Reading an entry is
the only way to see that it is there, so this ends early once it has read so many bytes.

It moves what is there, so it is allowed when memory is short, as XCLAIM is.

KEYS  stream
ARGV  group, consumer that has them, consumer that is to have them, idle for at least (ms), bytes, ids …
Reply {claimed, no longer its or not idle any more, gone from the stream, ids dealt with}
]]
local group, from, to, idleMs, maxBytes = ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local claimed, elsewhere, missing, dealtWith, bytes = 0, 0, 0, 0, 0
for i = 6, #ARGV do
  if bytes >= maxBytes then
    break
  end
  dealtWith = dealtWith + 1
  local id = ARGV[i]
  local pending = redis.call('XPENDING', KEYS[1], group, id, id, 1, from)[1]
  if not pending then
    elsewhere = elsewhere + 1
  else
    local entry = redis.call('XRANGE', KEYS[1], id, id)[1]
    if not entry then
      missing = missing + 1
    else
      for field = 2, #entry[2], 2 do
        bytes = bytes + #entry[2][field]
      end
      if #redis.call('XCLAIM', KEYS[1], group, to, idleMs, id, 'JUSTID') == 1 then
        claimed = claimed + 1
      else
        elsewhere = elsewhere + 1
      end
    end
  end
end
return { claimed, elsewhere, missing, dealtWith }
