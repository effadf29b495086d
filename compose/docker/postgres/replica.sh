# Starts the streaming replica; the first time it copies the primary. To make it anew, delete its volume.
set -euo pipefail

export PGHOST=$PRIMARY_HOST PGPORT=$PRIMARY_PORT PGUSER=hop_replication PGCONNECT_TIMEOUT=5
PGPASSWORD=$(cat /run/hopline/replication.password)
export PGPASSWORD

if [ ! -s "$PGDATA/PG_VERSION" ]; then
  # Copied beside its place and then renamed: a copy that was broken off leaves nothing that looks ready.
  rm -rf "$PGDATA" "$PGDATA.new"
  mkdir -p "$PGDATA.new"
  # What an earlier copy still needed is of no use to this one.
  replication='dbname=postgres replication=true'
  psql -qAt "$replication" -c 'DROP_REPLICATION_SLOT hop_replica' 2>/dev/null || true
  psql -qAt "$replication" -c 'CREATE_REPLICATION_SLOT hop_replica PHYSICAL RESERVE_WAL'
  pg_basebackup -D "$PGDATA.new" --slot=hop_replica --wal-method=stream --checkpoint=fast --write-recovery-conf
  chmod 0700 "$PGDATA.new"
  mv "$PGDATA.new" "$PGDATA"
fi

unset PGHOST PGPORT PGUSER PGPASSWORD
exec postgres -c config_file=/etc/hopline/postgresql.conf -c port="$REPLICA_PORT"
