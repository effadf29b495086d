-- Metadata is ASCII, and grpc-js drops a header that is not: with a cookie that another site of the domain has set the session would be gone.
local function keep_ascii_cookies(headers)
  local cookies = headers:get("cookie")
  if cookies == nil or string.find(cookies, "[^ -~]") == nil then return end
  local kept = {}
  for pair in string.gmatch(cookies, "[^; ][^;]*") do
    -- Nor may a header end with a space.
    if string.find(pair, "[^ -~]") == nil then kept[#kept + 1] = string.match(pair, "^(.-) *$") end
  end
  headers:replace("cookie", table.concat(kept, "; "))
end
