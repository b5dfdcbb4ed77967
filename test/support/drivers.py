# Calls outbox.emit through Python's drivers as an application does, and prints the result of each call. test/t/085_drivers.t runs it.
import asyncio
import decimal
import json
import sys
import uuid

import asyncpg
import psycopg
import psycopg2
import psycopg2.extras
from psycopg.types.json import Json, Jsonb

dsn = sys.argv[1]
order = {"item": "Macbook", "price": 1.50}
headers = {"traceparent": "00-4bf9", "b": "2"}
order_id = uuid.UUID("01930000-0000-7000-8000-000000000000")

# Calls for psycopg2 and psycopg, which both send the types of Python's values.
calls = {
    "text": ("k", json.dumps(order), "order.created", json.dumps(headers)),
    "int": (42, json.dumps(order)),
    "uuid": (order_id, json.dumps(order)),
    "bytes": ("k", b"\x00\xff"),
    "tombstone": ("k", None),
    "no headers": ("k", json.dumps(order), None, None),
    "list as JSON": ("k", json.dumps([])),
    "list of numbers": ("k", [1, 2]),
    "Decimal key": (decimal.Decimal("1.5"), "{}"),
    "float key": (1.5, "{}"),
    "bool key": (True, "{}"),
    "large key": (2**70, "{}"),
    "bytes key": (b"k", "{}"),
    "headers of numbers": ("k", "{}", None, json.dumps({"a": "b", "longer": 1})),
}


def report(driver, name, call):
    try:
        call()
        print(f"{driver}: {name}: accepted")
    except (psycopg.Error, psycopg2.Error) as error:
        print(f"{driver}: {name}: {error.diag.sqlstate} {error.diag.message_primary}")


def run(driver, execute, wrapped):
    for name, arguments in (calls | wrapped).items():
        topic = f"{driver}.{name}".replace(" ", "_")
        placeholders = ", ".join(["%s"] * (len(arguments) + 1))
        report(driver, name, lambda: execute(f"SELECT outbox.emit({placeholders})", (topic, *arguments)))


def with_psycopg2():
    psycopg2.extras.register_uuid()
    connection = psycopg2.connect(dsn)
    connection.autocommit = True
    wrap = psycopg2.extras.Json
    run("psycopg2", connection.cursor().execute, {"Json": (42, wrap([]), "type", wrap(headers))})
    connection.close()


def with_psycopg():
    with psycopg.connect(dsn, autocommit=True) as connection:
        # drivers that send every parameter in binary form, as pg8000 1.10 does
        sent = connection.pgconn.exec_params(
            b"SELECT outbox.emit('binary', 'k'::varchar, '{}', NULL, $1::outbox.header_text)", [json.dumps(headers).encode()], param_formats=[1], result_format=1
        )
        print("psycopg: binary headers:", "accepted" if sent.status == psycopg.pq.ExecStatus.TUPLES_OK else sent.error_message.decode())
        run("psycopg", connection.execute, {"Json": (42, Json([]), "type", Json(headers)), "Jsonb": ("k", Jsonb([]), "type", Jsonb(headers))})


async def with_asyncpg(host, port, user, database):
    connection = await asyncpg.connect(host=host, port=port, user=user, database=database)
    for name, placeholders, arguments in [
        ("text", "$2, $3, $4, $5", ("k", json.dumps(order), "order.created", json.dumps(headers))),
        ("bigint", "$2::bigint, $3", (42, json.dumps(order))),
        ("uuid", "$2::uuid, $3", (order_id, json.dumps(order))),
        ("bytea", "$2, $3::bytea", ("k", b"\x00\xff")),
        ("varchar headers", "$2, $3, $4, $5::varchar", ("k", "{}", "type", json.dumps(headers))),
        ("int without a cast", "$2, $3", (42, "{}")),
    ]:
        topic = f"asyncpg.{name}".replace(" ", "_")
        try:
            await connection.fetchval(f"SELECT outbox.emit($1, {placeholders})", topic, *arguments)
            print(f"asyncpg: {name}: accepted")
        except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            print(f"asyncpg: {name}: {type(error).__name__}")
    await connection.close()


with_psycopg2()
with_psycopg()
asyncio.run(with_asyncpg(*sys.argv[2:6]))
