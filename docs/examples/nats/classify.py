"""Send one picture to Whatsit over NATS and print its label.

    pip install nats-py
    python classify.py shoe.png [nats://127.0.0.1:4222] [req_predict]

The gateway must run: manage.py gateway nats.
"""

import asyncio
import json
import sys
from pathlib import Path

import nats


async def classify(picture: bytes, address: str, subject: str) -> str:
    connection = await nats.connect(address, connect_timeout=5, max_reconnect_attempts=2)
    try:
        reply = await connection.request(subject, picture, timeout=30)
    finally:
        await connection.close()
    answer = json.loads(reply.data)
    if answer["error"]:
        raise SystemExit(answer["error"]["message"])
    return answer["label"]


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    address = sys.argv[2] if len(sys.argv) > 2 else "nats://127.0.0.1:4222"
    subject = sys.argv[3] if len(sys.argv) > 3 else "req_predict"
    print(asyncio.run(classify(Path(sys.argv[1]).read_bytes(), address, subject)))
