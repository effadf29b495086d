-- A GET has no body that counts: the transcoder would read it as fields of the call, over what the path says. This is the
-- last thing that a script does with a request, whose headers go on with it.
local function drop_body(handle)
  for chunk in handle:bodyChunks() do chunk:setBytes("") end
end
