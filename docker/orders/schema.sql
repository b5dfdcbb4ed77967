-- The order service's tables and its role. The extension comes first: setup creates it, or this script.
CREATE EXTENSION IF NOT EXISTS outbox;

CREATE TABLE orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    item text NOT NULL CHECK (char_length(item) BETWEEN 1 AND 200),
    placed_at timestamptz NOT NULL DEFAULT now()
);

-- A constraint that is checked at commit, after the event was emitted: it shows that the rollback of the order drops its event.
CREATE TABLE sold_out (item text PRIMARY KEY);
INSERT INTO sold_out VALUES ('Unicorn');

CREATE FUNCTION check_stock() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM sold_out WHERE item = NEW.item) THEN
        RAISE EXCEPTION 'sold out' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER check_stock AFTER INSERT ON orders
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_stock();

-- The rights of the service.
CREATE ROLE orders LOGIN;
GRANT SELECT, INSERT ON orders TO orders;
GRANT SELECT ON sold_out TO orders;
GRANT USAGE ON SCHEMA outbox TO orders;
GRANT EXECUTE ON FUNCTION outbox.emit(text, bigint, anycompatible, text, jsonb) TO orders;
