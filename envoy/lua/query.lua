-- Takes out of the query what decodes to the name of a field that the path fills (`taken`, generated), and leaves the
-- rest as it is. The transcoder ignores such a parameter only in its plain spelling.
local function decoded(name)
  return (string.gsub(name, "%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

local function clean(headers)
  local path, query = string.match(headers:get(":path"), "^([^?]*)%?(.*)$")
  if path == nil or string.find(query, "%", 1, true) == nil then return end
  local kept = {}
  for pair in string.gmatch(query, "[^&]+") do
    if not taken[decoded(string.match(pair, "^[^=]*"))] then kept[#kept + 1] = pair end
  end
  headers:replace(":path", path .. "?" .. table.concat(kept, "&"))
end

function envoy_on_request(handle)
  clean(handle:headers())
  drop_body(handle)
end
