-- Nor may a header end with a space. A pattern would go through a run of spaces once for each of them.
local function without_spaces_at_end(text)
  local last = #text
  while string.byte(text, last) == 32 do last = last - 1 end
  return string.sub(text, 1, last)
end

-- Metadata is ASCII, and grpc-js drops a header that is not: with a cookie that another site of the domain has set the session would be gone.
local function keep_ascii_cookies(headers)
  local cookies = headers:get("cookie")
  if cookies == nil or string.find(cookies, "[^ -~]") == nil then return end
  local kept = {}
  for pair in string.gmatch(cookies, "[^; ][^;]*") do
    if string.find(pair, "[^ -~]") == nil then kept[#kept + 1] = without_spaces_at_end(pair) end
  end
  headers:replace("cookie", table.concat(kept, "; "))
end
