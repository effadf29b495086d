function envoy_on_response(handle)
  set_status(handle:headers())
  drop_length(handle:headers())
  late_is_unavailable(handle)
end
