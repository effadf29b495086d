# Starts Envoy with the arguments given, in Docker and in Kubernetes.
set -eu
# The click spool holds addresses: it is nobody else's.
umask 077
# An Envoy that was killed may have left a torn line; appending to it would cost the next click too. gateway-edge reads on.
if [ -s "$HOP_SPOOL_DIR/clicks.jsonl" ]; then
  mv "$HOP_SPOOL_DIR/clicks.jsonl" "$HOP_SPOOL_DIR/clicks-$(date +%s%3N).jsonl"
fi
# The request log is what the container says.
ln -sf /dev/stdout "$HOP_ENVOY_LOG_DIR/requests.jsonl"
exec envoy "$@"
