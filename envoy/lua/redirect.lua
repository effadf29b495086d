-- A redirect: its status, an answer without a body that does not claim to be JSON, and whose click it is, for the spool.
function envoy_on_response(handle)
  local headers = handle:headers()
  local status = set_status(headers)
  local click = headers:get("x-hop-click")
  if click ~= nil then headers:remove("x-hop-click") end
  if status == nil or string.sub(status, 1, 1) ~= "3" then
    drop_length(headers)
    late_is_unavailable(handle)
    return
  end
  headers:remove("content-type")
  -- Envoy's own answer to a GET, the hot one, has a length in HTTP/1 alone, where it says that nothing follows.
  local protocol = handle:streamInfo():protocol()
  if handle:filterContext():get("length") == nil and (protocol == "HTTP/2" or protocol == "HTTP/3") then
    headers:remove("content-length")
  end
  if click ~= nil then handle:streamInfo():dynamicMetadata():set("hop.click", "click", click) end
end
