"""Exit code 0 when the web process of this container is ready. Asks as the site's own proxy would."""

import http.client
import os
import sys

host = os.environ.get("ALLOWED_HOSTS", "localhost").split(",")[0].strip().lstrip(".") or "localhost"
connection = http.client.HTTPConnection("127.0.0.1", 8000, timeout=4)
try:
    connection.request(
        "GET", "/healthz/ready", headers={"Host": host.replace("*", "localhost"), "X-Forwarded-Proto": "https"}
    )
    sys.exit(connection.getresponse().status != 200)
except OSError:
    sys.exit(1)
