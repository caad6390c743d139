"""Send one picture to Whatsit over Google Pub/Sub and print its label.

    pip install google-cloud-pubsub
    python classify.py shoe.png my-project [req_predict] [res_predict]

The gateway must run: manage.py gateway pubsub. Credentials as everywhere at Google: GOOGLE_APPLICATION_CREDENTIALS, the
machine's own, or PUBSUB_EMULATOR_HOST.
"""

import json
import sys
import time
import uuid
from pathlib import Path

from google.api_core.exceptions import DeadlineExceeded
from google.cloud import pubsub_v1

SECONDS = 30


def classify(picture: bytes, project: str, request_topic: str, reply_topic: str) -> str:
    key = uuid.uuid4().hex  # sending the same id again brings the same answer, never a second picture
    publisher, subscriber = pubsub_v1.PublisherClient(), pubsub_v1.SubscriberClient()
    # A subscription of our own, made before we ask: it brings everything from now on.
    subscription = subscriber.subscription_path(project, f"asker-{key}")
    subscriber.create_subscription(name=subscription, topic=publisher.topic_path(project, reply_topic))
    try:
        publisher.publish(publisher.topic_path(project, request_topic), picture, id=key).result(SECONDS)
        answer = wait_for_answer(subscriber, subscription, key)
    finally:
        subscriber.delete_subscription(subscription=subscription)
    if answer["error"]:
        raise SystemExit(answer["error"]["message"])
    return answer["label"]


def wait_for_answer(subscriber: pubsub_v1.SubscriberClient, subscription: str, key: str) -> dict:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        try:
            received = subscriber.pull(subscription=subscription, max_messages=100, timeout=10).received_messages
        except DeadlineExceeded:
            continue
        for one in received:
            if one.message.attributes["id"] == key:
                return json.loads(one.message.data)
        if received:
            subscriber.acknowledge(subscription=subscription, ack_ids=[one.ack_id for one in received])
    raise SystemExit(f"No answer within {SECONDS} s. Does the gateway run?")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        raise SystemExit(__doc__)
    defaults = ["req_predict", "res_predict"]
    print(classify(Path(sys.argv[1]).read_bytes(), sys.argv[2], *sys.argv[3:], *defaults[len(sys.argv) - 3 :]))
