#!lua flags=no-writes
-- Counts one page of a stream without sending its entries. Ends early once it has read so many bytes: an entry may be a
-- thousand times as large as the one before it.
-- KEYS  stream      ARGV  start (XRANGE syntax), end, entries at most, bytes
-- Replies {entries, id after the page or ''}.
local STEP = 8
local due, size, maxBytes = ARGV[1], tonumber(ARGV[3]), tonumber(ARGV[4])
local entries, bytes = 0, 0
while due ~= '' do
  local some = redis.call('XRANGE', KEYS[1], due, ARGV[2], 'COUNT', STEP + 1)
  due = ''
  for i, entry in ipairs(some) do
    if i > STEP then
      due = entry[1]
    elseif entries >= size or bytes >= maxBytes then
      return {entries, entry[1]}
    else
      entries = entries + 1
      for f = 2, #entry[2], 2 do bytes = bytes + #entry[2][f] end
    end
  end
end
return {entries, ''}
