"""Send every PNG of a folder to the topic `fashion-images` and print each label as it comes.

    pip install confluent-kafka
    python send_folder.py fashion/test [127.0.0.1:9092] [fashion-images] [res_predict]

The gateway must run on that topic: GATEWAY_REQUEST_TOPIC=fashion-images manage.py gateway kafka. A picture's key is its
digest, so that a second run gets the same answers again instead of storing anything twice.
"""

import hashlib
import json
import sys
import time
from pathlib import Path

from classify import open_at_the_end
from confluent_kafka import Producer

SECONDS_WITHOUT_AN_ANSWER = 60


def send(folder: Path, servers: str, topic: str) -> dict[str, Path]:
    """Which picture stands behind which key, once the broker has them all."""
    producer = Producer({"bootstrap.servers": servers, "enable.idempotence": True, "message.max.bytes": 15_000_000})
    sent: dict[str, Path] = {}
    for path in sorted(folder.rglob("*.png")):
        picture = path.read_bytes()
        key = hashlib.sha256(picture).hexdigest()
        if key not in sent:
            producer.produce(topic, picture, key)
            producer.poll(0)
        sent[key] = path
    if producer.flush(60):
        raise SystemExit("The broker did not take all pictures. Run it again: nothing is counted twice.")
    return sent


def main(folder: Path, servers: str, topic: str, reply_topic: str) -> None:
    consumer = open_at_the_end(servers, reply_topic)
    waiting = send(folder, servers, topic)
    heard = time.monotonic()
    while waiting:
        message = consumer.poll(1)
        path = waiting.pop((message.key() or b"").decode(errors="replace"), None) if message else None
        if path is not None:
            heard = time.monotonic()
            answer = json.loads(message.value())
            print(path, answer["label"] or (answer["error"] or {}).get("message"), sep="\t")
        elif time.monotonic() - heard > SECONDS_WITHOUT_AN_ANSWER:
            raise SystemExit(f"{len(waiting)} pictures have no answer yet. Does the gateway run on {topic}?")
    consumer.close()


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    defaults = ["127.0.0.1:9092", "fashion-images", "res_predict"]
    main(Path(sys.argv[1]), *sys.argv[2:], *defaults[len(sys.argv) - 2 :])
