# Reads records, one JSON object a line, {"key": BASE64 or null, "value": BASE64 or null, "headers": [[NAME, BASE64], …]}, and parses them with the
# SDK of the CloudEvents project. Prints a line for each: the event's attributes and data, or the SDK's error.
import base64
import json
import sys

from cloudevents.core.bindings import kafka


def decoded(text):
    return None if text is None else base64.b64decode(text)


def data_of(event):
    data = event.get_data()
    return data.hex() if isinstance(data, bytes) else data


for line in sys.stdin:
    record = json.loads(line)
    headers = {name: base64.b64decode(value) for name, value in record["headers"]}
    message = kafka.KafkaMessage(headers, decoded(record["key"]), decoded(record["value"]))
    try:
        event = kafka.from_kafka_event(message)
        attributes = {name: str(value) for name, value in event.get_attributes().items()}
        print(json.dumps({"attributes": attributes, "data": data_of(event)}, sort_keys=True))
    except Exception as error:  # the SDK's error is the answer
        print(json.dumps({"refused": f"{type(error).__name__}: {error}"}))
