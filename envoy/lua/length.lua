-- The transcoder says `content-length: 0` of an empty answer to HEAD, where the length of the page would stand, and of a 304.
-- Left out, it comes back from Envoy where it is true.
local function drop_length(headers)
  if headers:get("content-length") == "0" then headers:remove("content-length") end
end
