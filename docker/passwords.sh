#!/usr/bin/env bash
# The PostgreSQL image runs this script once, after schema.sql: it creates the roles of compose.yaml. The relay's role may replicate and nothing else.
set -euo pipefail

psql -qX -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d "$POSTGRES_DB" -v orders="$ORDERS_PASSWORD" -v relay="$RELAY_PASSWORD" <<'END'
ALTER ROLE orders PASSWORD :'orders';
CREATE ROLE relay LOGIN REPLICATION PASSWORD :'relay';
END
