# A consumer of records with a schema id in a header: Confluent's client reads the records, and Confluent's deserializer the id. Prints a line of JSON
# for each of the first COUNT records of the topic: schema_id_reader.py BROKERS TOPIC COUNT
import json
import sys

from confluent_kafka import Consumer
from confluent_kafka.schema_registry import dual_schema_id_deserializer
from confluent_kafka.schema_registry.serde import SchemaId
from confluent_kafka.serialization import MessageField, SerializationContext

brokers, topic, count = sys.argv[1:]
consumer = Consumer({"bootstrap.servers": brokers, "group.id": "reader", "auto.offset.reset": "earliest", "isolation.level": "read_committed"})
consumer.subscribe([topic])
for _ in range(int(count)):
    record = consumer.poll(60)
    if record is None or record.error():
        sys.exit(f"no record: {record and record.error()}")
    schema = SchemaId("JSON")
    context = SerializationContext(topic, MessageField.VALUE, record.headers())
    value = dual_schema_id_deserializer(record.value(), context, schema).read()
    print(json.dumps({"key": record.key().decode(), "id": schema.id, "guid": schema.guid and str(schema.guid), "value": value.decode()}, sort_keys=True))
consumer.close()
