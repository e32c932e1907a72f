-- What is kept of one subject, and how it is read. Shared by all scripts; see mod.rs for the keys.
--
-- Rates are counted in units, as doubles: a level of 10^12 is still exact to a thousandth. Money is whole nano-dollars in
-- text, compared as dollars and nano-dollars apart: both are exact in a double. Redis itself adds it as 64-bit integers.

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])

local function number(text) return tonumber(text or 0) or 0 end

local function text(value) return string.format('%.17g', value) end

-- Dollars and nano-dollars of a whole number of nano-dollars.
local function money(nano)
  if #nano <= 9 then return 0, tonumber(nano) end
  return tonumber(string.sub(nano, 1, -10)), tonumber(string.sub(nano, -9))
end

local function add(nano, other)
  local dollars, rest = money(nano)
  local more_dollars, more = money(other)
  rest = rest + more
  if rest >= 1000000000 then rest = rest - 1000000000 dollars = dollars + 1 end
  return string.format('%.0f%09.0f', dollars + more_dollars, rest)
end

-- Negative, zero or positive, as one is less than, equal to or more than the other.
local function compare(nano, other)
  local dollars, rest = money(nano)
  local other_dollars, other_rest = money(other)
  if dollars ~= other_dollars then return dollars - other_dollars end
  return rest - other_rest
end

-- The first day of a month, both counted since January 1970.
local function first_day(month)
  local before = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334}
  local year, m = 1970 + math.floor(month / 12), month % 12
  local function leaps(y) return math.floor((y - 1) / 4) - math.floor((y - 1) / 100) + math.floor((y - 1) / 400) end
  local leap = leaps(year + 1) > leaps(year)
  local days = (year - 1970) * 365 + leaps(year) - leaps(1970) + before[m + 1]
  if leap and m >= 2 then days = days + 1 end
  return days
end

-- The name of the present budget window, and the microseconds to its end; -1 for none.
local function period(kind)
  local day = math.floor(tonumber(time[1]) / 86400)
  if kind == 'd' then return 'd' .. day, (day + 1) * 86400000000 - now end
  if kind == 'm' then
    local month = math.max(math.floor(day * 4800 / 146097) - 1, 0)
    while first_day(month + 1) <= day do month = month + 1 end
    return 'm' .. month, first_day(month + 1) * 86400000000 - now
  end
  return 't', -1
end

-- A rate drains its whole amount in one window, evenly.
local function drain(rate, level, drained, at)
  local gone = math.min(level, math.max(now - at, 0) * rate.amount / rate.window)
  return level - gone, drained + gone
end

-- What a subject is at this moment: `limits` are its seven arguments.
local function read(key, leases, limits)
  local amount = function(at) return limits[at] ~= '' and tonumber(limits[at]) or nil end
  local subject = {key = key, leases = leases}
  if amount(1) then subject.requests = {amount = amount(1), window = amount(2)} end
  if amount(3) then subject.tokens = {amount = amount(3), window = amount(4)} end
  subject.parallel = amount(5)
  if limits[6] ~= '' then
    subject.budget, subject.kind = limits[6], limits[7]
    subject.period, subject.ends = period(limits[7])
  end

  -- Leases whose process has gone give back what they held.
  for _, lease in ipairs(redis.call('ZRANGEBYSCORE', leases, '-inf', now)) do
    redis.call('ZREM', leases, lease)
    local held = redis.call('HGET', key, 'held:' .. lease)
    if held then
      redis.call('HDEL', key, 'held:' .. lease)
      redis.call('HINCRBY', key, 'reserved', '-' .. held)
    end
  end

  local fields = redis.call('HMGET', key, 'rl', 'ra', 'tl', 'ta', 'td', 'spent', 'reserved', 'period')
  subject.rl, subject.tl, subject.td = number(fields[1]), number(fields[3]), number(fields[5])
  if subject.requests then subject.rl = drain(subject.requests, subject.rl, 0, number(fields[2])) end
  if subject.tokens then subject.tl, subject.td = drain(subject.tokens, subject.tl, subject.td, number(fields[4])) end
  subject.spent, subject.reserved = fields[6] or '0', fields[7] or '0'
  if string.sub(subject.reserved, 1, 1) == '-' then subject.reserved = '0' end
  if subject.budget and fields[8] and fields[8] ~= subject.period and string.sub(fields[8], 1, 1) == subject.kind then
    subject.spent = '0'
    redis.call('HSET', key, 'spent', '0')
  end
  return subject
end

-- Keeps what has changed, for as long as it matters.
local function write(subject)
  local fields, lives = {}, 0
  local function keep(level, at, rate, name)
    if not rate then return end
    table.insert(fields, level) table.insert(fields, text(subject[name]))
    table.insert(fields, at) table.insert(fields, text(now))
    if rate.amount > 0 then lives = math.max(lives, subject[name] * rate.window / rate.amount) end
  end
  keep('rl', 'ra', subject.requests, 'rl')
  keep('tl', 'ta', subject.tokens, 'tl')
  if subject.tokens then table.insert(fields, 'td') table.insert(fields, text(subject.td)) end
  if subject.budget then table.insert(fields, 'period') table.insert(fields, subject.period) end
  if #fields > 0 then redis.call('HSET', subject.key, unpack(fields)) end
  if subject.budget and subject.ends < 0 then
    redis.call('PERSIST', subject.key)
  else
    lives = math.max(lives, subject.budget and subject.ends or 0) / 1000
    local lease = math.max(redis.call('PTTL', subject.leases), 0)
    redis.call('PEXPIRE', subject.key, string.format('%.0f', math.ceil(math.max(lives, lease) + 1000)))
  end
end

-- How a subject stands, for the answer.
local function standing(subject)
  return {text(subject.rl), text(subject.tl), redis.call('ZCARD', subject.leases), add(subject.spent, subject.reserved)}
end

-- The arguments of the subject at a place: seven limits, after `from` arguments of the whole script.
local function limits_of(place, from, width)
  local limits = {}
  for at = 1, width do limits[at] = ARGV[from + (place - 1) * width + at] end
  return limits
end
