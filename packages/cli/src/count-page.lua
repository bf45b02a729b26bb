#!lua flags=no-writes
-- Counts one page of a stream without sending its entries. Ends early once it has read so many bytes: an entry may be a
-- thousand times as large as the one before it, so few are read at once.
-- KEYS  stream      ARGV  first id (included), last id (included), 1 if the first is counted already, entries at most, bytes
-- Replies {entries counted, id found first or '', id found last or '', 1 at the end of the stream and else 0}.
-- Small entries may be followed by large ones: this many large ones may be read before that is known.
local MOST, SMALL_BYTES = 4, 64 * 1024
local from, size, maxBytes = ARGV[1], tonumber(ARGV[4]), tonumber(ARGV[5])
local entries, bytes, before, first, last, step = 0, 0, 0, '', '', 1
repeat
  local some, sofar = redis.call('XRANGE', KEYS[1], from, ARGV[2], 'COUNT', step), bytes
  for _, entry in ipairs(some) do
    last = entry[1]
    entries = entries + 1
    for f = 2, #entry[2], 2 do bytes = bytes + #entry[2][f] end
    if entries == 1 then
      first = last
      -- However large the entry is that was counted before, the page goes on after it.
      if ARGV[3] == '1' then before = bytes end
    end
  end
  if #some < step then return {entries - ARGV[3], first, last, 1} end
  from = '(' .. last
  step = bytes - sofar <= SMALL_BYTES and MOST or 1
until entries > size or bytes - before >= maxBytes
return {entries - ARGV[3], first, last, 0}
