-- Replaces an estimate by the truth.
-- ARGV: lease, reserved requests and tokens, true requests, tokens and nano-dollars; then for each subject the seven of
-- admit.lua and the mark of its tokens. KEYS as in admit.lua.
--
-- A subject that does not know the lease holds nothing for it: the script never ran there, its memory was flushed, or the
-- limits were counted elsewhere while it was away. Then the truth is charged as a whole.
local lease = ARGV[1]
local reserved_requests, reserved_tokens = tonumber(ARGV[2]), tonumber(ARGV[3])
local requests, tokens, nano = tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6]

for place = 1, #KEYS / 2 do
  local limits = limits_of(place, 6, 8)
  local subject = read(KEYS[place * 2 - 1], KEYS[place * 2], limits)
  local held = redis.call('ZREM', subject.leases, lease) == 1
  local had_requests, had_tokens = 0, 0
  if held then had_requests, had_tokens = reserved_requests, reserved_tokens end

  subject.rl = math.max(subject.rl + requests - had_requests, 0)
  if tokens >= had_tokens then
    subject.tl = subject.tl + tokens - had_tokens
  else
    local left = math.max(tonumber(limits[8]) + had_tokens - subject.td, 0)
    subject.tl = math.max(subject.tl - math.min(left, had_tokens - tokens), 0)
  end
  local money_held = redis.call('HGET', subject.key, 'held:' .. lease)
  if money_held then
    redis.call('HDEL', subject.key, 'held:' .. lease)
    redis.call('HINCRBY', subject.key, 'reserved', '-' .. money_held)
  end
  if subject.budget and nano ~= '0' then redis.call('HINCRBY', subject.key, 'spent', nano) end
  write(subject)
end
return 1
