# envoy-drain.sh <admin port> <seconds before> <seconds after>: lets Envoy serve as before while whoever sends to it learns that it goes, then asks it to
# let its clients go (connection: close, GOAWAY) over its drain time, and waits; then it may be ended.
set -eu
sleep "$2"
exec 3<>"/dev/tcp/127.0.0.1/$1"
printf 'POST /drain_listeners?graceful HTTP/1.1\r\nhost: admin\r\ncontent-length: 0\r\nconnection: close\r\n\r\n' >&3
grep -qx OK <&3
sleep "$3"
