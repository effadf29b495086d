-- A gRPC call that takes the session cookie.
function envoy_on_request(handle) keep_ascii_cookies(handle:headers()) end
