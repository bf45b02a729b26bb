-- Agrees on settings that belong to the deployment: the first to come records them.
-- KEYS[1]  the deployment's hash
-- ARGV     field, value, field, value, …
-- Writes the fields that are not recorded yet, but only if none of the recorded ones differs: a process started with
-- one wrong setting must not record its other settings. Replies all fields as HGETALL does.
-- Where memory is short only the very first recording is refused, and that start waits; agreeing again writes nothing.
local missing = {}
for i = 1, #ARGV, 2 do
  local recorded = redis.call('HGET', KEYS[1], ARGV[i])
  if not recorded then
    missing[#missing + 1] = ARGV[i]
    missing[#missing + 1] = ARGV[i + 1]
  elseif recorded ~= ARGV[i + 1] then
    return redis.call('HGETALL', KEYS[1])
  end
end
if #missing > 0 then
  redis.call('HSET', KEYS[1], unpack(missing))
end
return redis.call('HGETALL', KEYS[1])
