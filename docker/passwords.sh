#!/usr/bin/env bash
# Run once by the PostgreSQL image, after schema.sql: the roles of compose.yaml. The relay's may replicate and nothing else.
set -euo pipefail

psql -qX -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d "$POSTGRES_DB" -v orders="$ORDERS_PASSWORD" -v relay="$RELAY_PASSWORD" <<'END'
ALTER ROLE orders PASSWORD :'orders';
CREATE ROLE relay LOGIN REPLICATION PASSWORD :'relay';
END
