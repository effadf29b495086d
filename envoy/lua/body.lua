-- A GET has no body that counts: the transcoder would read it as fields of the call, over what the path says. It is held
-- until it is whole, and only then the headers go on: what is left of it is empty, and the transcoder says how long.
local function drop_body(handle)
  local body = handle:body()
  if body ~= nil then body:setBytes("") end
end
