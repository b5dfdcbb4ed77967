# ORMs insert into outbox.events, and into a view of one topic, as into any other table (docs/doors.md). test/t/134_orms.t calls this program with host,
# port, user and database of a connection. The program prints a line for each operation of an ORM, and fails where an ORM objects to a row count or an id.
import sys
import uuid

host, port, user, database = sys.argv[1:]


def with_django():
    import django
    from django.conf import settings
    from django.db import connection, models, transaction

    settings.configure(
        DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", "NAME": database, "USER": user, "HOST": host, "PORT": port}},
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
        USE_TZ=True,
    )
    django.setup()

    class Event(models.Model):
        id = models.UUIDField(primary_key=True, default=uuid.uuid4)
        topic = models.TextField()
        key = models.TextField(null=True)
        payload = models.JSONField(null=True)
        payload_bytes = models.BinaryField(null=True)
        type = models.TextField(null=True)
        headers = models.JSONField(null=True)

        class Meta:
            app_label = "shop"
            managed = False
            db_table = 'outbox"."events'

    class Order(models.Model):
        item = models.TextField()

        class Meta:
            app_label = "shop"
            managed = False
            db_table = "orders"

    with transaction.atomic():
        order = Order.objects.create(item="Macbook")
        event = Event.objects.create(topic="django", key=order.id, payload={"item": "Macbook"}, type="order.created", headers={"h": "v"})
    print("django: create", event.id)
    Event.objects.bulk_create([Event(topic="django", key="a", payload=[1]), Event(topic="django", key="b", payload_bytes=b"\x00\xff"), Event(topic="django", key="c")])
    print("django: bulk_create")
    try:
        with transaction.atomic():
            Event.objects.create(topic="django", key="rolled back", payload={})
            raise RuntimeError
    except RuntimeError:
        print("django: rollback")
    connection.close()


def with_sqlalchemy():
    from sqlalchemy import JSON, Column, FetchedValue, LargeBinary, Text, create_engine
    from sqlalchemy.dialects.postgresql import UUID
    from sqlalchemy.orm import Session, declarative_base

    Base = declarative_base()

    class Event(Base):
        __tablename__ = "events"
        __table_args__ = {"schema": "outbox"}
        id = Column(UUID(as_uuid=True), primary_key=True, server_default=FetchedValue())
        topic = Column(Text)
        key = Column(Text)
        payload = Column(JSON(none_as_null=True))
        payload_bytes = Column(LargeBinary)
        type = Column(Text)
        headers = Column(JSON(none_as_null=True))

    class OrderEvent(Base):
        __tablename__ = "orders_events"
        id = Column(UUID(as_uuid=True), primary_key=True, server_default=FetchedValue())
        key = Column(Text)
        payload = Column(JSON(none_as_null=True))

    engine = create_engine(f"postgresql+psycopg2://{user}@/{database}?host={host}&port={port}")
    with Session(engine) as session, session.begin():
        event = Event(topic="sqlalchemy", key="1", payload={"item": "Macbook"}, type="order.created", headers={"h": "v"})
        session.add(event)
        session.flush()
        print("sqlalchemy: the id that RETURNING gave", event.id)
        session.add_all([Event(topic="sqlalchemy", key=str(n), payload=n) for n in range(2, 5)] + [Event(topic="sqlalchemy", key="bytes", payload_bytes=b"\x00\xff")])
        session.flush()
        session.add(OrderEvent(key="9", payload={"n": 9}))
    print("sqlalchemy: add_all")
    with Session(engine) as session:
        session.add(Event(topic="sqlalchemy", key="rolled back", payload={}))
        session.flush()
        session.rollback()
    print("sqlalchemy: rollback")


with_django()
with_sqlalchemy()
