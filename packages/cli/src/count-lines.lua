#!lua flags=no-writes
-- Adds up the lines (`n`) in the entries named. Ends early once it has read so many bytes.
-- KEYS  stream      ARGV  bytes, entry ids
-- Replies {lines, entries that are no longer in the stream, entries without a number of lines, ids dealt with}.
local maxBytes, bytes = tonumber(ARGV[1]), 0
local lines, missing, unreadable, dealtWith = 0, 0, 0, 0
for at = 2, #ARGV do
  if bytes >= maxBytes then break end
  dealtWith = dealtWith + 1
  local entry = redis.call('XRANGE', KEYS[1], ARGV[at], ARGV[at])[1]
  if not entry then
    missing = missing + 1
  else
    local n
    for i = 1, #entry[2], 2 do
      bytes = bytes + #entry[2][i + 1]
      if entry[2][i] == 'n' then n = tonumber(entry[2][i + 1]) end
    end
    if n then lines = lines + n else unreadable = unreadable + 1 end
  end
end
return {lines, missing, unreadable, dealtWith}
