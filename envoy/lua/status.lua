-- A service that gave up at the deadline that the door set: to a client of REST, a part that does not answer.
local function late_is_unavailable(handle)
  local headers = handle:headers()
  if headers:get(":status") ~= "504" then return end
  headers:replace(":status", "503")
  headers:replace("retry-after", "1")
  local body = handle:body()
  if body == nil then return end
  body:setBytes((string.gsub(body:getBytes(0, body:length()), '"code":4,', '"code":14,', 1)))
end

-- The HTTP status that a service asked for (initial metadata `x-status`): REST answers only, never native gRPC.
local function set_status(headers)
  local status = headers:get("x-status")
  if status == nil then return nil end
  headers:remove("x-status")
  if not string.match(status, "^[2-5]%d%d$") then return nil end
  headers:replace(":status", status)
  return status
end
