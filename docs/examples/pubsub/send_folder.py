"""Send every PNG of a folder to the topic `fashion-images` and print each label as it comes.

    pip install google-cloud-pubsub
    python send_folder.py fashion/test my-project [fashion-images] [res_predict]

The gateway must run on that topic: GATEWAY_REQUEST_TOPIC=fashion-images manage.py gateway pubsub. A picture's id is its
digest, so that a second run gets the same answers again instead of storing anything twice.
"""

import hashlib
import json
import queue
import sys
import uuid
from pathlib import Path

from google.cloud import pubsub_v1

SECONDS_WITHOUT_AN_ANSWER = 60


def send(folder: Path, publisher: pubsub_v1.PublisherClient, topic: str) -> dict[str, Path]:
    """Which picture stands behind which id, once Google has them all."""
    sent: dict[str, Path] = {}
    promises = []
    for path in sorted(folder.rglob("*.png")):
        picture = path.read_bytes()
        key = hashlib.sha256(picture).hexdigest()
        if key not in sent:
            promises.append(publisher.publish(topic, picture, id=key))
        sent[key] = path
    for promise in promises:
        promise.result(60)
    return sent


def main(folder: Path, project: str, topic: str, reply_topic: str) -> None:
    publisher, subscriber = pubsub_v1.PublisherClient(), pubsub_v1.SubscriberClient()
    subscription = subscriber.subscription_path(project, f"folder-{uuid.uuid4().hex}")
    subscriber.create_subscription(name=subscription, topic=publisher.topic_path(project, reply_topic))
    came: queue.Queue = queue.Queue()
    listening = subscriber.subscribe(subscription, callback=came.put)
    try:
        waiting = send(folder, publisher, publisher.topic_path(project, topic))
        while waiting:
            message = came.get(timeout=SECONDS_WITHOUT_AN_ANSWER)
            message.ack()
            path = waiting.pop(message.attributes.get("id", ""), None)
            if path is not None:
                answer = json.loads(message.data)
                print(path, answer["label"] or (answer["error"] or {}).get("message"), sep="\t")
    except queue.Empty:
        raise SystemExit(f"{len(waiting)} pictures have no answer yet. Does the gateway run on {topic}?") from None
    finally:
        listening.cancel()
        subscriber.delete_subscription(subscription=subscription)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        raise SystemExit(__doc__)
    defaults = ["fashion-images", "res_predict"]
    main(Path(sys.argv[1]), sys.argv[2], *sys.argv[3:], *defaults[len(sys.argv) - 3 :])
