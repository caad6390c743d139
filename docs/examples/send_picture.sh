#!/bin/sh
# Sends one picture with curl and prints its label.
#   WHATSIT_URL=http://127.0.0.1:8000 WHATSIT_TOKEN=... sh send_picture.sh shoe.jpg
# Without WHATSIT_TOKEN it asks as a visitor, where the site lets visitors in.
set -eu

picture=$1
set --
[ -z "${WHATSIT_TOKEN:-}" ] || set -- -H "Authorization: Bearer $WHATSIT_TOKEN"
[ -z "${WHATSIT_CLASSIFIER:-}" ] || set -- "$@" -F "classifier=$WHATSIT_CLASSIFIER"

# The Idempotency-Key makes --retry harmless: a repeat gets the first answer. wait holds the answer back until it is there.
answer=$(curl --silent --show-error --fail-with-body --retry 5 --retry-connrefused "$@" \
  -H "Idempotency-Key: $(cat /proc/sys/kernel/random/uuid 2>/dev/null || uuidgen)" \
  -F "file=@$picture" \
  "${WHATSIT_URL:-http://127.0.0.1:8000}/api/v1/images?wait=30") || {
  echo "$answer" >&2
  exit 1
}

# The first label is the answer's; those behind it belong to the scores.
label=$(printf '%s' "$answer" | grep -o '"label": "[^"]*"' | head -n 1 | cut -d '"' -f 4)
if [ -z "$label" ]; then
  echo "No answer yet: $answer" >&2
  exit 1
fi
echo "$label"
