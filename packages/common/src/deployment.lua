-- Agrees on settings that belong to the deployment: the first to come records them.
-- KEYS[1]  the deployment's hash
-- ARGV     a field that stands where an aggregator has been at work; then per setting: field, value, whether aggregators
--          had one before there was such a field (1 or 0), and which
-- Writes the fields that are not recorded yet, but only if none of the recorded ones differs: a process started with
-- one wrong setting must not record its other settings. Where aggregators worked before there was a field, what they did
-- counts as recorded. Replies all fields as HGETALL does, those included.
-- Where memory is short only the very first recording is refused, and that start waits; agreeing again writes nothing.
local worked = redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1
local missing, implied = {}, {}
local differs = false
for i = 2, #ARGV, 4 do
  local field, wanted = ARGV[i], ARGV[i + 1]
  local recorded = redis.call('HGET', KEYS[1], field)
  if not recorded then
    missing[#missing + 1] = field
    missing[#missing + 1] = wanted
    if worked and ARGV[i + 2] == '1' then
      recorded = ARGV[i + 3]
      implied[#implied + 1] = field
      implied[#implied + 1] = recorded
    end
  end
  differs = differs or (recorded and recorded ~= wanted)
end
if not differs and #missing > 0 then
  redis.call('HSET', KEYS[1], unpack(missing))
end
local record = redis.call('HGETALL', KEYS[1])
if differs then
  for _, text in ipairs(implied) do
    record[#record + 1] = text
  end
end
return record
