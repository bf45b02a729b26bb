#!lua flags=no-writes
-- Adds up the lines (`n`) in the entries named. Ends early once it has read so many bytes: an entry may be a thousand times
-- as large as the one before it, so few are read at once.
-- KEYS  stream      ARGV  bytes, entry ids in their order
-- Replies {lines, entries that are no longer in the stream, entries without a number of lines, ids dealt with}.
-- Small entries may be followed by large ones: this many large ones may be read before that is known.
local MOST, SMALL_BYTES = 4, 64 * 1024
local maxBytes, bytes, step = tonumber(ARGV[1]), 0, 1
local lines, missing, unreadable, at = 0, 0, 0, 2

local function add(entry)
  local n
  for i = 1, #entry[2], 2 do
    bytes = bytes + #entry[2][i + 1]
    if entry[2][i] == 'n' then n = tonumber(entry[2][i + 1]) end
  end
  if n then lines = lines + n else unreadable = unreadable + 1 end
end

while at <= #ARGV and bytes < maxBytes do
  local last, before = math.min(#ARGV, at + step - 1), bytes
  -- Ids that are asked for together mostly stand together in the stream: one look finds them all.
  local found = {}
  for _, entry in ipairs(redis.call('XRANGE', KEYS[1], ARGV[at], ARGV[last], 'COUNT', last - at + 1)) do
    found[entry[1]] = entry
  end
  for i = at, last do
    local entry = found[ARGV[i]] or redis.call('XRANGE', KEYS[1], ARGV[i], ARGV[i])[1]
    if entry then add(entry) else missing = missing + 1 end
  end
  at = last + 1
  step = bytes - before <= SMALL_BYTES and MOST or 1
end
return {lines, missing, unreadable, at - 2}
