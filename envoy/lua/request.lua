-- Holds a REST request against what its call takes, because the transcoder does not: it drops JSON fields that it does
-- not know, takes the last of a field given twice, reads a lone value as a list, accepts unquoted names and escapes that
-- there are not, lets a query parameter override the path, and does not say which field it could not read.
-- `calls` (generated) has for each binding the query parameters and the body's fields. A field is the name of a kind,
-- { list = field }, { fields = { name = field, ... } } or, in a query, { mask = { name = field's name, ... } }.
-- A call whose query has a mask has its name as `mask`; of a call without `query` the query is ignored.

local depth_limit = 32

local month_days = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 }

-- How many minutes a zone is ahead of UTC; nil for what is none.
local function zone_minutes(zone)
  if zone == "Z" then return 0 end
  local sign, hours, minutes = string.match(zone, "^([%+%-])(%d%d):(%d%d)$")
  hours, minutes = tonumber(hours), tonumber(minutes)
  if not sign or hours > 23 or minutes > 59 then return nil end
  return (sign == "+" and 1 or -1) * (hours * 60 + minutes)
end

local function is_day(year, month, day)
  local leap = month == 2 and (year % 4 == 0 and year % 100 ~= 0 or year % 400 == 0)
  return year > 0 and day >= 1 and day <= (month_days[month] or 0) + (leap and 1 or 0)
end

-- In nanoseconds at most, from the year 1 to 9999 in UTC.
local function is_time(s)
  local year, month, day, hour, minute, second, rest =
    string.match(s, "^(%d%d%d%d)%-(%d%d)%-(%d%d)T(%d%d):(%d%d):(%d%d)(.+)$")
  if not year then return false end
  local fraction, zone = string.match(rest, "^%.(%d+)(.+)$")
  local ahead = zone_minutes(zone or rest)
  if not ahead or fraction and #fraction > 9 then return false end
  if not is_day(tonumber(year), tonumber(month), tonumber(day)) then return false end
  hour, minute = tonumber(hour), tonumber(minute)
  if hour > 23 or minute > 59 or tonumber(second) > 59 then return false end
  local date, minutes = string.sub(s, 1, 10), hour * 60 + minute - ahead
  return not (date == "0001-01-01" and minutes < 0) and not (date == "9999-12-31" and minutes >= 24 * 60)
end

-- As JSON has numbers.
local function is_number(s)
  local rest = string.match(s, "^%-?0(.*)$") or string.match(s, "^%-?[1-9]%d*(.*)$")
  if rest == nil then return false end
  rest = string.match(rest, "^%.%d+(.*)$") or rest
  return rest == "" or string.find(rest, "^[eE][%+%-]?%d+$") ~= nil
end

local function is_int32(s)
  local n = tonumber(s)
  return n ~= nil and n == math.floor(n) and n >= -2147483648 and n <= 2147483647
end

-- A JSON string without the escapes of ASCII, which some writers put for a plus.
local function unescaped(s)
  return (string.gsub(s, "\\u00([0-7]%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

local kinds = {
  string = { expects = "a string", text = function() return true end },
  int32 = {
    expects = "a whole number from -2147483648 to 2147483647",
    number = is_int32,
    text = function(s)
      s = unescaped(s)
      return string.find(s, "^%-?%d+$") ~= nil and is_int32(s)
    end,
  },
  bool = { expects = "true or false", bool = true, text = function() return false end },
  time = { expects = "a time such as 2030-01-31T12:00:00Z (RFC 3339)", text = function(s) return is_time(unescaped(s)) end },
}

local function malformed() error({ reason = "MALFORMED_REQUEST", text = "The body is not JSON." }) end

local function unknown(path)
  error({ reason = "UNKNOWN_FIELD", field = path, text = "There is no field of this name." })
end

local function wrong(path, field)
  local expects = type(field) == "string" and kinds[field].expects
    or field.mask and "names of fields that can be changed, each once, with a comma between them"
    or field.list and "a list" or "an object"
  error({ reason = "INVALID_ARGUMENT", field = path, text = "Expected " .. expects .. "." })
end

-- Notes that a field was given, in either of its spellings, which must not have been before.
local function once(seen, name, path)
  local spelled = string.gsub(name, "_(%w)", string.upper)
  if seen[spelled] then error({ reason = "INVALID_ARGUMENT", field = path, text = "May be given once." }) end
  seen[spelled] = true
end

local function kind_of(field) return type(field) == "string" and kinds[field] or nil end

local function skip_space(json, at)
  local found = string.find(json, "[^ \t\r\n]", at)
  if found == nil then malformed() end
  return found
end

local escapes = {}
for escape in string.gmatch('"\\/bfnrt', ".") do escapes[string.byte(escape)] = true end

-- The place of the closing quote of the string that begins at `at`.
local function string_end(json, at)
  local i = at + 1
  while true do
    i = string.find(json, '["\\%z\1-\31]', i)
    if i == nil then malformed() end
    local c = string.byte(json, i)
    if c == 34 then return i end
    if c ~= 92 then malformed() end
    local escape = string.byte(json, i + 1)
    if not escapes[escape] and not (escape == 117 and string.find(json, "^%x%x%x%x", i + 2)) then malformed() end
    i = i + 2
  end
end

local check
-- The lists that the body has without anything in them, by their paths.
local emptied = {}

local function check_object(json, at, field, path, depth)
  if field ~= nil and (type(field) ~= "table" or field.fields == nil) then wrong(path, field) end
  at = skip_space(json, at + 1)
  if string.byte(json, at) == 125 then return at + 1 end
  local seen = field and field.given or {}
  while true do
    if string.byte(json, at) ~= 34 then malformed() end
    local stop = string_end(json, at)
    local name = unescaped(string.sub(json, at + 1, stop - 1))
    local inner = path == "" and name or path .. "." .. name
    local child = nil
    if field ~= nil then
      child = field.fields[name]
      if child == nil then unknown(inner) end
      once(seen, name, inner)
    end
    at = skip_space(json, stop + 1)
    if string.byte(json, at) ~= 58 then malformed() end
    at = skip_space(json, check(json, at + 1, child, inner, depth + 1))
    local c = string.byte(json, at)
    if c == 125 then return at + 1 end
    if c ~= 44 then malformed() end
    at = skip_space(json, at + 1)
  end
end

local function check_list(json, at, field, path, depth)
  if field ~= nil and (type(field) ~= "table" or field.list == nil) then wrong(path, field) end
  local child = field and field.list
  at = skip_space(json, at + 1)
  if string.byte(json, at) == 93 then
    emptied[#emptied + 1] = path
    return at + 1
  end
  while true do
    at = skip_space(json, at)
    -- The transcoder would leave it out without a word.
    if child ~= nil and string.find(json, "^null", at) then wrong(path, child) end
    at = skip_space(json, check(json, at, child, path, depth + 1))
    local c = string.byte(json, at)
    if c == 93 then return at + 1 end
    if c ~= 44 then malformed() end
    at = at + 1
  end
end

local function check_word(json, at, field, path)
  local stop = select(2, string.find(json, "^null", at))
  if stop ~= nil then
    -- Of the body itself the transcoder would make a request without fields.
    if path == "" then wrong(path, field) end
    return stop + 1
  end
  local kind = kind_of(field)
  stop = select(2, string.find(json, "^true", at)) or select(2, string.find(json, "^false", at))
  if stop ~= nil then
    if field ~= nil and not (kind and kind.bool) then wrong(path, field) end
    return stop + 1
  end
  stop = select(2, string.find(json, "^[%d%.eE%+%-]+", at))
  local number = stop and string.sub(json, at, stop)
  if not number or not is_number(number) then malformed() end
  if field ~= nil and not (kind and kind.number and kind.number(number)) then wrong(path, field) end
  return stop + 1
end

-- Checks the value that begins at or after `at`; answers the place after it. A nil field is not looked into.
check = function(json, at, field, path, depth)
  if depth > depth_limit then malformed() end
  at = skip_space(json, at)
  local c = string.byte(json, at)
  if c == 123 then return check_object(json, at, field, path, depth) end
  if c == 91 then return check_list(json, at, field, path, depth) end
  if c ~= 34 then return check_word(json, at, field, path) end
  local stop = string_end(json, at)
  local kind = kind_of(field)
  if field ~= nil and not (kind and kind.text(string.sub(json, at + 1, stop - 1))) then wrong(path, field) end
  return stop + 1
end

-- What the query has `given` the body may not give again.
local function check_body(json, fields, given)
  emptied = {}
  local stop = check(json, 1, { fields = fields, given = given }, "", 0)
  if string.find(json, "[^ \t\r\n]", stop) ~= nil then malformed() end
end

local function unescape(text)
  text = string.gsub(text, "+", " ")
  return (string.gsub(text, "%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

-- The path and the query; the query is empty where there is none.
local function split(headers) return string.match(headers:get(":path"), "^([^?]*)%??(.*)$") end

-- In a query a plus stands for a space. A time has no space: there it is the sign of an offset that was written as it is, and the
-- transcoder is given it as one. Answers the query.
local function keep_offsets(headers, parameters)
  local path, query = split(headers)
  if not string.find(query, "+", 1, true) then return query end
  query = string.gsub(query, "[^&]+", function(pair)
    if parameters[unescape(string.match(pair, "^[^=]*"))] ~= "time" then return pair end
    return (string.gsub(pair, "%+", "%%2B"))
  end)
  headers:replace(":path", path .. "?" .. query)
  return query
end

-- None is named by an empty mask.
local function is_mask(value, names)
  local seen = {}
  for name in string.gmatch(value ~= "" and value .. "," or "", "([^,]*),") do
    local field = names[name]
    if field == nil or seen[field] then return false end
    seen[field] = true
  end
  return true
end

local function drop_query(headers) headers:replace(":path", string.match(headers:get(":path"), "^[^?]*")) end

local function check_query(query, parameters)
  local seen = {}
  for pair in string.gmatch(query, "[^&]+") do
    local name, value = string.match(pair, "^([^=]*)=?(.*)$")
    name = unescape(name)
    local field = parameters[name]
    if field == nil then
      error({ reason = "UNKNOWN_FIELD", field = name, text = "There is no query parameter of this name." })
    end
    local list, mask = type(field) == "table" and field.list, type(field) == "table" and field.mask
    if not list then once(seen, name, name) end
    local kind = kind_of(list or field)
    value = unescape(value)
    local fits = mask and is_mask(value, mask)
      or kind and (kind.bool and (value == "true" or value == "false") or kind.text(value))
    if not fits then wrong(name, list or field) end
  end
  return seen
end

-- As a message, an empty list is an absent one: where the call has a mask, it goes into it, so that the list is emptied and not left
-- as it is.
local function mask_emptied(headers, call)
  local path, query = split(headers)
  local kept, names = {}, {}
  for pair in string.gmatch(query, "[^&]+") do
    local name, value = string.match(pair, "^([^=]*)=?(.*)$")
    local field = call.query[unescape(name)]
    if type(field) ~= "table" or field.mask == nil then
      kept[#kept + 1] = pair
    elseif value ~= "" then
      names[#names + 1] = value
    end
  end
  for _, name in ipairs(emptied) do names[#names + 1] = name end
  kept[#kept + 1] = call.mask .. "=" .. table.concat(names, ",")
  headers:replace(":path", path .. "?" .. table.concat(kept, "&"))
end

-- A service would not see such a key: metadata is printable ASCII, and what is not is dropped without a word.
local function check_key(key)
  if key ~= nil and string.find(key, "[^ -~]") ~= nil then
    error({ reason = "IDEMPOTENCY_KEY_INVALID", field = "idempotency-key", text = "must be 1 to 255 printable ASCII characters" })
  end
end

-- A name as a client may see it again, in JSON without an escape; any other is not repeated.
local function plain(name)
  if name == nil or name == "" or #name > 64 or string.find(name, '[^ -~]') or string.find(name, '["\\]') then return nil end
  return name
end

local function refuse(handle, problem)
  local field = plain(problem.field)
  local details = string.format(
    '{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"%s","domain":"hopline","metadata":{%s}}',
    problem.reason, field and string.format('"field":"%s"', field) or "")
  local message = problem.text
  if field ~= nil then
    message = field .. ": " .. problem.text
    details = details .. string.format(
      ',{"@type":"type.googleapis.com/google.rpc.BadRequest","field_violations":[{"field":"%s","description":"%s"}]}',
      field, problem.text)
  end
  -- Tells the local replies that this body is finished.
  handle:headers():replace("x-hop-refused", "request")
  handle:respond(
    { [":status"] = "400", ["content-type"] = "application/json" },
    string.format('{"code":3,"message":"%s","details":[%s]}', message, details))
end

function envoy_on_request(handle)
  local call = calls[handle:filterContext():get("call")]
  if call.query == nil then drop_query(handle:headers()) end
  local query = keep_offsets(handle:headers(), call.query)
  -- What a check answers when it fails is the problem.
  local good, problem, given = true, nil, nil
  if query ~= "" then
    good, given = pcall(check_query, query, call.query)
    problem = given
  end
  if good then good, problem = pcall(check_key, handle:headers():get("idempotency-key")) end
  if good then
    -- Also where the call takes none: the transcoder would read it all the same.
    local body = handle:body()
    if body ~= nil and body:length() > 0 then
      good, problem = pcall(check_body, body:getBytes(0, body:length()), call.body or {}, given)
      if good and call.mask ~= nil and #emptied > 0 then mask_emptied(handle:headers(), call) end
    end
  end
  if good then
    keep_ascii_cookies(handle:headers())
    -- The transcoder knows the call by GET alone; answer.lua leaves the body out.
    if handle:filterContext():get("head") ~= nil then handle:headers():replace(":method", "GET") end
    return
  end
  if type(problem) ~= "table" then error(problem) end
  refuse(handle, problem)
end
