"""A site on which everything that people may name is named with words that want to run, hide or break something."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from tests.browser import review_site, training_site
from tests.browser.site import Site
from tests.browser.site_shell import SiteShell
from tests.dataset_makers import write_folders

WORDS: Final = [
    "<script>window.__ran=1</script>",
    "</script><script>window.__ran=2</script>",
    "</title></textarea></style></noscript><img src=x onerror=window.__ran=3>",
    '"><img src=x onerror=window.__ran=4>',
    "'><svg onload=window.__ran=5>",
    "<svg><script>window.__ran=6</script></svg>",
    "<svg><animate onbegin=window.__ran=7 attributeName=x dur=1s>",
    "<math><mtext><style><img src onerror=window.__ran=8></style></mtext></math>",
    '<math href="javascript:window.__ran=9">x</math>',
    "<details open ontoggle=window.__ran=10>",
    "<input autofocus onfocus=window.__ran=11>",
    "<video><source onerror=window.__ran=12></video>",
    '<iframe srcdoc="<script>parent.__ran=13</script>"></iframe>',
    "<iframe src=javascript:parent.__ran=14></iframe>",
    "<object data=https://evil.example/15></object>",
    "<img src=https://evil.example/16.png>",
    "<link rel=stylesheet href=https://evil.example/17.css>",
    "<style>@import 'https://evil.example/18.css';</style>",
    "<base href=https://evil.example/19/>",
    "<meta http-equiv=refresh content='0;url=https://evil.example/20'>",
    "<form action=https://evil.example/21><button>Log in</button></form>",
    '<a href="javascript:window.__ran=22">a link</a>',
    "javascript:window.__ran=23",
    "data:text/html,<script>window.__ran=24</script>",
    '" onmouseover="window.__ran=25" x="',
    "' onfocus='window.__ran=26' autofocus='",
    "` onerror=window.__ran=27 `",
    "x onerror=window.__ran=28",
    "{{ 7|add:29 }}{% load static %}{% debug %}",
    "${window.__ran=30}",
    "{{constructor.constructor('window.__ran=31')()}}",
    "<!--><img src=x onerror=window.__ran=32>-->",
    "]]><script>window.__ran=33</script><![CDATA[",
    "}</style> body{background:url(https://evil.example/34)}",
    "expression(window.__ran=35);background:url(javascript:window.__ran=35)",
    "\\u003cscript\\u003ewindow.__ran=36\\u003c/script\\u003e",
    "&lt;script&gt;window.__ran=37&lt;/script&gt;&#x3c;b&#x3e;",
    '=HYPERLINK("https://evil.example/38";"open")',
    "\u202egpj.\u2066neddih\u2069 39",
    "nul\x00\u200b\ufeff\x1b[31m\x7f <b onclick=window.__ran=40>",
    "very-long-" * 12,
    "%00%0d%0aSet-Cookie:%20a=42",
    "<noscript><p title='</noscript><img src=x onerror=window.__ran=43>'>",
]
_EVENTS: Final = (
    *("onload", "onerror", "onclick", "onfocus", "onblur", "onmouseenter", "onpointerover", "onanimationstart"),
    *("ontoggle", "onwheel", "onscroll", "onplay", "oncanplay", "onbegin", "onresize", "onhashchange", "onpageshow"),
)
_FRAMES: Final = (
    "<img src=x {event}={code}>",
    "\"'><svg {event}={code}>",
    "</title><body {event}={code}>",
    "' {event}='{code}' autofocus tabindex=1 x='",
    '" {event}="{code}" style="animation:a" x="',
    "<a href=JaVaScRiPt:{code} {event}={code}>x</a>",
    "<!-- --!><video autoplay {event}={code}>",
    "--></script><audio src=x {event}={code}>",
    "&quot;&gt;<b {event}={code}>\u2028",
    "<x/{event}={code}",
)
MORE_WORDS: Final = [
    frame.format(event=event, code=f"window.__ran={44 + number}")
    for number, (event, frame) in enumerate((event, frame) for event in _EVENTS for frame in _FRAMES)
][: 200 - len(WORDS)]
"""With the others 200: each is the name and the description of a picture."""
_FILL = """
import io
from django.core.management import call_command
from PIL import Image as Pillow
from classifier.api_tokens import create_token
from classifier.classifier_editing import clean_labels, rename_classifier, make_classifier as make_named
from classifier.errors import WhatsitError
from classifier.image_names import clean_name
from classifier.webhook_deliveries import Attempt, claim_deliveries, store_attempts
from classifier.webhooks import change_webhook, create_webhook, send_test
from tests.webapp.model_versions import make_measured_classifier
from tests.webapp.people import client_of, person

words, more_words = {words!r}, {more_words!r}
labels = clean_labels(words)
refused = []

def tried(verb, **options):
    try:
        return verb(**options)
    except WhatsitError as problem:
        refused.append([verb.__name__, problem.code])

def described(word, seed):
    exif, out = Pillow.Exif(), io.BytesIO()
    exif[0x010E] = exif[0x013B] = word
    Pillow.open(io.BytesIO(png_bytes(seed, side=64))).save(out, format="JPEG", exif=exif)
    return out.getvalue()

made = make_measured_classifier(labels=labels)
call_command("import_images", words[0], {folder!r}, classifier="pets", verbosity=0)
create_classifier(slug="bare", name=labels[0])
make_queue("garden", 6, labels=labels, scores=(0.6, 0.3, 0.1), audit=0.5)
files = [SentFile(word, described(word, 1000 + seed)) for seed, word in enumerate([*words, *more_words])]
for first in range(0, len(files), 100):
    some = files[first : first + 100]
    accept_upload(files=some, owner=Owner("visitor", "x"), source="api", priority=5, classifier_slug="garden")
answer_all([0.6, 0.3] + [0.1 / len(labels)] * (len(labels) - 2))
pictures = Image.objects.filter(classifier__slug="garden").order_by("-id")
named = Image.objects.filter(classifier__slug="garden", name__contains="ran=193").get()
said_by("rita", pictures[0].id, labels[1])
suggest_label(image=pictures[1], owner_key="visitor:x", label_name=labels[2])
for slug, name in (("pets", words[3]), ("garden", words[1]), ("bare", words[25])):
    rename_classifier(Classifier.objects.get(slug=slug), name=name)
for number, word in enumerate(words):
    tried(make_named, name=word[:100] + " %d" % number)
make_classifier("seen", "Seen")
queue("seen", words[0]); claim(TrainingRun.objects.latest("created_at").id); epochs(1, 3)
add_log(mine, words[1]); finish(passed=False)
done = mine.id
for number, word in list(enumerate(words))[::3]:
    make_classifier("run-%d" % number, labels[number][:100])
    queue("run-%d" % number, word); claim(TrainingRun.objects.latest("created_at").id)
    fail_run(mine, reason=word.replace(chr(0), ""))
make_classifier("watched", "Watched")
queue("watched", words[2]); claim(TrainingRun.objects.latest("created_at").id); epochs(1, 2)
owner = person("admin", name="owner")
User.objects.filter(pk=owner.pk).update(is_staff=True)
tokens = [tried(create_token, user=owner, name=word, scopes=["predict"]) for word in words]
hooks = [tried(create_webhook, user=owner, url=url, events=["prediction.done"])
         for word in words for url in (word, "https://example.org/hook?" + word, "https://example.org/" + word)]
hooks = [hook for hook in hooks if hook]
send_test(webhook=hooks[0])
(claimed,) = claim_deliveries(worker="test", free=1, busy={{}}, share=1)
store_attempts([(claimed, Attempt(False, "It answered 500 " + words[0], 500))])
versions = {{version.number: str(version.id) for version in made.versions.all()}}
answer = {{
    "dataset": str(made.datasets.get(name=words[0]).id),
    "named": str(named.id), "image": str(pictures[1].id), "reviewed": str(pictures[0].id),
    "live": versions[1], "candidate": versions[2],
    "run": str(done), "running": str(mine.id), "token": str(tokens[0][0].pk),
    "webhook": str(hooks[0].id), "new_webhook": str(hooks[1].id),
    "session": client_of(owner).cookies["sessionid"].value,
    "labels": labels,
    "file_names": [clean_name(word) for word in words],
    "classifier_names": list(Classifier.objects.values_list("name", flat=True)),
    "token_names": [pair[0].name for pair in tokens if pair],
    "run_names": list(TrainingRun.objects.exclude(name="").values_list("name", flat=True)),
    "addresses": [hook.url for hook in hooks],
    "refused": refused,
}}
"""


def fill_with_hostile_words(site: Site, shell: SiteShell, folder: Path) -> dict[str, Any]:
    """Through the product's own verbs. The rows that pages are opened by, and each kind of word as it was stored."""
    shell.run(training_site.SET_UP)
    shell.run(review_site.SET_UP)
    rows: dict[str, Any] = shell.run(
        _FILL.format(words=WORDS, more_words=MORE_WORDS, folder=str(_write_pictures(folder)))
    )
    return rows


def _write_pictures(folder: Path) -> Path:
    """A folder of pictures for labels as hostile as a file system lets them be, among files that are no pictures."""
    names = [word for word in WORDS if "/" not in word and "\0" not in word]
    write_folders(folder, dict.fromkeys(names, 1))
    for name in names:
        (folder / names[0] / f"{name[:100]}.png").write_bytes(b"no picture")
    return folder
