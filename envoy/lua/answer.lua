function envoy_on_response(handle)
  set_status(handle:headers())
end
