\echo Use "CREATE EXTENSION outbox" to load this file. \quit

-- Three key types and a polymorphic payload, so that every call resolves without a cast: untyped literals and parameters, varchar from
-- JDBC, json, jsonb, bytea and rows. The result is the event's id: drivers decode a uuid where some cannot decode void.

CREATE FUNCTION outbox.emit(topic text, key text, payload anycompatible, type text DEFAULT NULL, headers jsonb DEFAULT NULL)
    RETURNS uuid AS 'MODULE_PATHNAME', 'outbox_emit' LANGUAGE C VOLATILE PARALLEL UNSAFE;

CREATE FUNCTION outbox.emit(topic text, key bigint, payload anycompatible, type text DEFAULT NULL, headers jsonb DEFAULT NULL)
    RETURNS uuid AS 'MODULE_PATHNAME', 'outbox_emit' LANGUAGE C VOLATILE PARALLEL UNSAFE;

CREATE FUNCTION outbox.emit(topic text, key uuid, payload anycompatible, type text DEFAULT NULL, headers jsonb DEFAULT NULL)
    RETURNS uuid AS 'MODULE_PATHNAME', 'outbox_emit' LANGUAGE C VOLATILE PARALLEL UNSAFE;

COMMENT ON FUNCTION outbox.emit(text, text, anycompatible, text, jsonb) IS 'publish an event if this transaction commits; returns its id';
COMMENT ON FUNCTION outbox.emit(text, bigint, anycompatible, text, jsonb) IS 'publish an event if this transaction commits; returns its id';
COMMENT ON FUNCTION outbox.emit(text, uuid, anycompatible, text, jsonb) IS 'publish an event if this transaction commits; returns its id';

-- A role that may emit may write to every topic, so nobody may until the owner grants it.
REVOKE ALL ON FUNCTION outbox.emit(text, text, anycompatible, text, jsonb) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.emit(text, bigint, anycompatible, text, jsonb) FROM PUBLIC;
REVOKE ALL ON FUNCTION outbox.emit(text, uuid, anycompatible, text, jsonb) FROM PUBLIC;
