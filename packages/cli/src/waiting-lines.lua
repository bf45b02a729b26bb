#!lua flags=no-writes
-- Adds up the lines of entries that wait to be folded, as a fold would: what no relay can have written has none.
-- KEYS  stream      ARGV  bytes, 'ids', id …                                the entries named
--                         bytes, 'page', first id, last id, entries at most  a page of the entries between, both included
-- Ends early once it has read so many bytes: an entry may be a thousand times as large as the one before it.
-- Replies {entries found, lines, id found first or '', id after the page or '', ids named that are gone …}. Of the ids
-- named it has dealt with as many as it has found and missed.
local stream, maxBytes = KEYS[1], tonumber(ARGV[1])
local reply, bytes = {0, 0, '', ''}, 0

-- As batch.ts reads an entry.
local function add(entry)
  local fields = {}
  for i = 1, #entry[2], 2 do
    fields[entry[2][i]] = entry[2][i + 1]
    bytes = bytes + #entry[2][i + 1]
  end
  reply[1] = reply[1] + 1
  local n = tonumber(fields['n'])
  if n and n >= 1 and n % 1 == 0 and tonumber(fields['t']) and fields['b'] and fields['d'] then
    reply[2] = reply[2] + n
  end
end

if ARGV[2] == 'ids' then
  for i = 3, #ARGV do
    if bytes >= maxBytes then break end
    local entry = redis.call('XRANGE', stream, ARGV[i], ARGV[i])[1]
    if entry then add(entry) else reply[#reply + 1] = ARGV[i] end
  end
  return reply
end

local STEP = 8
local due, size = ARGV[3], tonumber(ARGV[5])
while due ~= '' do
  local some = redis.call('XRANGE', stream, due, ARGV[4], 'COUNT', STEP + 1)
  due = ''
  for i, entry in ipairs(some) do
    if reply[3] == '' then reply[3] = entry[1] end
    if i > STEP then
      due = entry[1]
    elseif reply[1] >= size or bytes >= maxBytes then
      reply[4] = entry[1]
      return reply
    else
      add(entry)
    end
  end
end
return reply
