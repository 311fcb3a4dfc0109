#!/bin/sh
# Starts the evaluation Postgres: creates a data directory once, and roles and database at every start.
# Needs OPERATOR_, RECORDER_ and API_, each with ROLE and PASSWORD, data in /var/lib/backfleet, and a writable /tmp.
set -eu
umask 077
trap 'exit 143' TERM  # process 1 of a container ignores SIGTERM by default

data=/var/lib/backfleet/data
for each in /usr/lib/postgresql/*/bin; do bin=$each; done
[ -x "$bin/initdb" ] || { echo "expected Postgres in /usr/lib/postgresql, found none. Set evaluationPostgres.image to an image with Postgres 15 or newer." >&2; exit 1; }

if [ ! -s "$data/PG_VERSION" ]; then
    # Moved into place when complete, so that a kill leaves no partial directory.
    rm -rf "$data.new" "$data"
    "$bin/initdb" -D "$data.new" -U postgres --auth=scram-sha-256 --auth-local=trust --encoding=UTF8 --locale=C
    mv "$data.new" "$data"
fi

# A volume plugin may have opened the directory to the pod's group, which Postgres refuses.
chmod 700 "$data"

cat > "$data/pg_hba.conf" <<'HBA'
local all postgres trust
host  all postgres all reject
host  all all      all scram-sha-256
HBA

# No network before the roles exist: the open port means ready.
"$bin/pg_ctl" start -D "$data" -w -t 120 -o "-c listen_addresses='' -k /tmp"
"$bin/psql" -h /tmp -U postgres -d postgres -X -q -v ON_ERROR_STOP=1 <<'SQL'
\getenv operator_role OPERATOR_ROLE
\getenv operator_password OPERATOR_PASSWORD
\getenv recorder_role RECORDER_ROLE
\getenv recorder_password RECORDER_PASSWORD
\getenv api_role API_ROLE
\getenv api_password API_PASSWORD
SELECT format('CREATE ROLE %I LOGIN', wanted) FROM unnest(ARRAY[:'operator_role', :'recorder_role', :'api_role']) wanted
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) \gexec
ALTER ROLE :"operator_role" PASSWORD :'operator_password';
ALTER ROLE :"recorder_role" PASSWORD :'recorder_password';
ALTER ROLE :"api_role" PASSWORD :'api_password';
SELECT format('CREATE DATABASE backfleet OWNER %I', :'operator_role')
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'backfleet') \gexec
REVOKE ALL ON DATABASE backfleet FROM PUBLIC;
GRANT CONNECT ON DATABASE backfleet TO :"recorder_role", :"api_role";
SQL
"$bin/pg_ctl" stop -D "$data" -w -t 120 -m fast

unset OPERATOR_PASSWORD RECORDER_PASSWORD API_PASSWORD
# On SIGTERM Postgres would wait for its connected clients until the pod is killed.
trap 'kill -INT "$server"' TERM
"$bin/postgres" -D "$data" -c "listen_addresses=*" -k /tmp -c max_connections=200 &
server=$!
ended=0
# A signal ends `wait` before the server has ended.
while kill -0 "$server" 2>/dev/null; do
    wait "$server" && ended=0 || ended=$?
done
exit "$ended"
