"""Send one picture to Whatsit over Kafka and print its label.

    pip install confluent-kafka
    python classify.py shoe.png [127.0.0.1:9092] [req_predict] [res_predict]

The gateway must run: manage.py gateway kafka.
"""

import json
import sys
import time
import uuid
from pathlib import Path

from confluent_kafka import Consumer, Producer, TopicPartition

SECONDS = 30


def open_at_the_end(servers: str, topic: str) -> Consumer:
    """A reader of all partitions from now on: the answer cannot come before it listens."""
    consumer = Consumer({"bootstrap.servers": servers, "group.id": uuid.uuid4().hex, "enable.auto.commit": False})
    partitions = [TopicPartition(topic, number) for number in consumer.list_topics(topic, 10).topics[topic].partitions]
    for partition in partitions:
        _, partition.offset = consumer.get_watermark_offsets(partition, timeout=10)
    consumer.assign(partitions)
    return consumer


def classify(picture: bytes, servers: str, request_topic: str, reply_topic: str) -> str:
    key = uuid.uuid4().hex  # sending the same key again brings the same answer, never a second picture
    consumer = open_at_the_end(servers, reply_topic)
    producer = Producer({"bootstrap.servers": servers, "message.max.bytes": 15_000_000})
    producer.produce(request_topic, picture, key)
    producer.flush(SECONDS)
    deadline = time.monotonic() + SECONDS
    try:
        while time.monotonic() < deadline:
            message = consumer.poll(1)
            if message is None or message.error() or message.key() != key.encode():
                continue
            answer = json.loads(message.value())
            if answer["error"]:
                raise SystemExit(answer["error"]["message"])
            return answer["label"]
    finally:
        consumer.close()
    raise SystemExit(f"No answer within {SECONDS} s. Does the gateway run?")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    defaults = ["127.0.0.1:9092", "req_predict", "res_predict"]
    places = sys.argv[2:] + defaults[len(sys.argv) - 2 :]
    print(classify(Path(sys.argv[1]).read_bytes(), *places))
