function envoy_on_response(handle)
  set_status(handle:headers())
  if handle:filterContext():get("head") ~= nil then drop_body(handle) end
  drop_length(handle:headers())
  late_is_unavailable(handle)
end
