# Calls outbox.emit through pg8000 and SQLAlchemy, as test/support/drivers/Drivers.java does through Java's drivers.
import json
import sys
import uuid

import pg8000
from sqlalchemy import create_engine, func, select

host, port, user, database = sys.argv[1:]
order = json.dumps({"item": "Macbook"})
headers = json.dumps({"h": "v"})
order_id = uuid.UUID("01930000-0000-7000-8000-000000000000")


def pg8000_calls():
    connection = pg8000.connect(user=user, host=host, port=int(port), database=database)
    connection.autocommit = True
    cursor = connection.cursor()
    for name, arguments in {
        "text": ("k", order, "type", headers),
        "int": (42, order),
        "uuid": (order_id, order),
        "bytes": ("k", b"\x00\xff"),
        "tombstone": ("k", None),
    }.items():
        places = ["%s::bytea" if isinstance(each, bytes) else "%s" for each in (name, *arguments)]
        cursor.execute(f"SELECT outbox.emit({', '.join(places)})", (f"pg8000.{name}", *arguments))
    connection.close()


def sqlalchemy_calls():
    engine = create_engine(f"postgresql+psycopg2://{user}@{host}:{port}/{database}")
    for name, arguments in {"text": ("k", order, "type", headers), "int": (42, order), "uuid": (str(order_id), order)}.items():
        with engine.begin() as connection:
            connection.execute(select(func.outbox.emit(f"sqlalchemy.{name}", *arguments)))


pg8000_calls()
sqlalchemy_calls()
