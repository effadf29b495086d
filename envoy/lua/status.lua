-- The HTTP status that a service asked for (initial metadata `x-status`): REST answers only, never native gRPC.
local function set_status(headers)
  local status = headers:get("x-status")
  if status == nil then return nil end
  headers:remove("x-status")
  if not string.match(status, "^[2-5]%d%d$") then return nil end
  headers:replace(":status", status)
  return status
end
