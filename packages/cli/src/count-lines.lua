#!lua flags=no-writes
-- Adds up the lines (`n`) in the entries named.
-- KEYS  stream      ARGV  entry ids
-- Replies {lines, entries that are no longer in the stream, entries without a number of lines}.
local lines, missing, unreadable = 0, 0, 0
for _, id in ipairs(ARGV) do
  local entry = redis.call('XRANGE', KEYS[1], id, id)[1]
  if not entry then
    missing = missing + 1
  else
    local n
    for i = 1, #entry[2], 2 do
      if entry[2][i] == 'n' then n = tonumber(entry[2][i + 1]) end
    end
    if n then lines = lines + n else unreadable = unreadable + 1 end
  end
end
return {lines, missing, unreadable}
