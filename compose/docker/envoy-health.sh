# Is Envoy live? Its image has no HTTP client, and its admin listens on 127.0.0.1 alone.
set -eu
exec 3<>"/dev/tcp/127.0.0.1/$1"
printf 'GET /ready HTTP/1.1\r\nhost: admin\r\nconnection: close\r\n\r\n' >&3
grep -qx LIVE <&3
