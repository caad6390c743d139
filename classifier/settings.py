"""Every value of the project, read through typed readers; `docker/env.example` lists the variables."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from classifier.database_settings import database_configuration
from classifier.environment import (
    read_flag,
    read_integer,
    read_list,
    read_networks,
    read_seconds,
    read_secret,
    read_text,
    secret_from_file_or_new,
)
from classifier.limit_settings import read_limits
from classifier.log_settings import logging_configuration
from classifier.redis_settings import redis_address, redis_database
from classifier.storage_settings import storage_configuration

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = Path(read_text("WHATSIT_VAR", str(BASE_DIR / "var"))).resolve()

# Strict or friendly, one switch: embedded (the default of `make run`) is for one machine and people who trust each
# other; production is for everything else.
PRODUCTION = read_flag("PRODUCTION", False)
DEBUG = False

SECRET_KEY = read_secret("SECRET_KEY")
if not SECRET_KEY and PRODUCTION:
    raise ImproperlyConfigured("SECRET_KEY (or SECRET_KEY_FILE) must be set when PRODUCTION is on.")
SECRET_KEY = SECRET_KEY or secret_from_file_or_new(VAR_DIR / "secret-key")
ALLOWED_HOSTS = read_list("ALLOWED_HOSTS", [] if PRODUCTION else ["*"])
CSRF_TRUSTED_ORIGINS = read_list("CSRF_TRUSTED_ORIGINS", [])
# Addresses whose X-Forwarded-For and X-Forwarded-Proto are believed; nobody's by default.
TRUSTED_PROXIES = read_networks("TRUSTED_PROXIES")

INSTALLED_APPS = [
    "classifier",
    "webapp",
    "ninja",
    "channels",
    "csp",
    "axes",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
]
MIDDLEWARE = [
    "webapp.middleware.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "webapp.middleware.VisitorMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "webapp.middleware.DatabaseAwayMiddleware",
    "webapp.api.methods.ApiMethodsMiddleware",
    "webapp.rate_limits.RateLimitMiddleware",
    "webapp.api.errors.ApiErrorMiddleware",
    "axes.middleware.AxesMiddleware",
]
ROOT_URLCONF = "webapp.urls"
WSGI_APPLICATION = "webapp.wsgi.application"
ASGI_APPLICATION = "webapp.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

HTTP_THREADS = read_integer("HTTP_THREADS", 32, low=1, high=512)
DATABASES = {
    "default": database_configuration(
        read_secret("DATABASE_URL") or f"sqlite:///{VAR_DIR / 'db.sqlite3'}", base_dir=BASE_DIR, threads=HTTP_THREADS
    )
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Redis: queue, live messages, cache and counted requests in databases of their own.
REDIS_URL = read_secret("REDIS_URL") or redis_address(VAR_DIR / "redis-url")
CELERY_BROKER_URL = redis_database(REDIS_URL, 0)
LIVE_REDIS_URL = redis_database(REDIS_URL, 1)
CACHE_REDIS_URL = redis_database(REDIS_URL, 2)
LIMIT_REDIS_URL = redis_database(REDIS_URL, 3)
# Two of one kind, because web processes listen on one event loop and send on another.
CHANNEL_LAYERS = {
    alias: {"BACKEND": "classifier.live_layer.LiveLayer", "CONFIG": {"address": LIVE_REDIS_URL}}
    for alias in ("default", "sending")
}

STORAGE_URL = read_secret("STORAGE_URL") or f"file://{VAR_DIR / 'media'}"
STORAGES = {
    "default": storage_configuration(STORAGE_URL, base_dir=BASE_DIR),
    "staticfiles": {"BACKEND": "webapp.static_storage.HashedStaticFilesStorage"},
}
STATIC_URL = "/static/"
STATIC_ROOT = VAR_DIR / "static"
WHITENOISE_KEEP_ONLY_HASHED_FILES = True

# What may come in (classifier/image_gate.py)
UPLOAD_MAX_BYTES = read_integer("UPLOAD_MAX_MB", 10, low=1, high=200) * 1_000_000
UPLOAD_MAX_FILES = 100
REQUEST_MAX_BYTES = read_integer("REQUEST_MAX_MB", 200, low=1, high=4000) * 1_000_000
UPLOAD_MAX_SIDE = 12_000
UPLOAD_MAX_PIXELS = 40_000_000
UPLOAD_STORED_SIDE = 2048
DECODE_IN_PROCESS_PIXELS = 1_000_000
DECODE_SECONDS = read_seconds("DECODE_SECONDS", 4.0)
DECODE_MEMORY_BYTES = 1 << 30
DECODE_CHILDREN = read_integer("DECODE_CHILDREN", 2, low=1, high=64)
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_500_000
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1000
DATA_UPLOAD_MAX_NUMBER_FILES = UPLOAD_MAX_FILES + 1
FILE_UPLOAD_MAX_MEMORY_SIZE = 1_000_000
SOCKET_RIGHTS_SECONDS = read_seconds("SOCKET_RIGHTS_SECONDS", 60.0)
SOCKET_LIFE_SECONDS = read_seconds("SOCKET_LIFE_SECONDS", 12 * 3600.0)
ANONYMOUS_UPLOADS = read_flag("ANONYMOUS_UPLOADS", not PRODUCTION)
# What one caller may ask for (webapp/rate_limits.py)
LIMITS = read_limits(production=PRODUCTION)

# What is deleted, by people and by age (classifier/deletions.py, classifier/retention.py)
RETENTION_DAYS = read_integer("RETENTION_DAYS", 0, high=36_500)
RETENTION_KEEP_REVIEWED = read_flag("RETENTION_KEEP_REVIEWED", True)
RETENTION_POLL_SECONDS = read_seconds("RETENTION_POLL_SECONDS", 600.0)
VISITOR_DELETIONS_REACH_DATASETS = read_flag("VISITOR_DELETIONS_REACH_DATASETS", not PRODUCTION)
DELETION_LEASE_SECONDS = read_seconds("DELETION_LEASE_SECONDS", 600.0)
DELETION_POLL_SECONDS = read_seconds("DELETION_POLL_SECONDS", 15.0)
DELETION_RETRY_SECONDS = read_seconds("DELETION_RETRY_SECONDS", 60.0)

# Many files classified by one command (classifier/batch_jobs.py)
BATCH_LEASE_SECONDS = read_seconds("BATCH_LEASE_SECONDS", 30.0)
BATCH_KEEP_DAYS = read_integer("BATCH_KEEP_DAYS", 30, low=1, high=36_500)

# The HTTP bridge (webapp/http_bridge.py)
HTTP_BODY_SECONDS = read_seconds("HTTP_BODY_SECONDS", 30.0)
HTTP_WAIT_SECONDS = read_seconds("HTTP_WAIT_SECONDS", 30.0)
HTTP_BODY_MEMORY_BYTES = 1_000_000
WAIT_MAX_SECONDS = 30.0
WAIT_POLL_SECONDS = 0.025
IDEMPOTENCY_KEY_SECONDS = 24 * 3600.0

# Prediction (classifier/predictions.py, tasks/drain.py)
PREDICTION_LEASE_SECONDS = read_seconds("PREDICTION_LEASE_SECONDS", 30.0)
PREDICTION_POLL_SECONDS = read_seconds("PREDICTION_POLL_SECONDS", 5.0)
PREDICTION_BATCH_SECONDS = read_seconds("PREDICTION_BATCH_SECONDS", 20.0)
PREDICTION_RETRY_SECONDS = read_seconds("PREDICTION_RETRY_SECONDS", 5.0)
PREDICTION_MAX_FAILURES = 3
PREDICTION_BATCH_MAX = 64
QUEUE_MAX_PICTURES = read_integer("QUEUE_MAX_PICTURES", 10_000, high=10_000_000)
DOORBELL_INTERVAL_SECONDS = 0.02
DOORBELL_TIMEOUT_SECONDS = 0.4
HEARTBEAT_SECONDS = read_seconds("HEARTBEAT_SECONDS", 5.0)
PROGRESS_LATE_SECONDS = read_seconds("PROGRESS_LATE_SECONDS", 60.0)
MODEL_CACHE_DIR = VAR_DIR / "models"
MODEL_MEMORY_BYTES = read_integer("MODEL_MEMORY_MB", 1024, low=16) * 1_000_000
BACKBONE_WEIGHTS_DIR = read_text("BACKBONE_WEIGHTS_DIR", "")
FEATURE_CACHE_BYTES = read_integer("FEATURE_CACHE_MB", 2048, high=10_000_000) * 1_000_000
PREDICTOR = read_text("PREDICTOR", "ml.inference.LoadedModel")
PROMOTION_LEASE_SECONDS = read_seconds("PROMOTION_LEASE_SECONDS", 30.0)
PROMOTION_TRIAL_SECONDS = read_seconds("PROMOTION_TRIAL_SECONDS", 300.0)
PROMOTION_WAIT_SECONDS = read_seconds("PROMOTION_WAIT_SECONDS", 600.0)
PROMOTION_MEMORY_BYTES = read_integer("PROMOTION_MEMORY_MB", 4096, low=256) * 1_000_000
EXPLANATION_LEASE_SECONDS = read_seconds("EXPLANATION_LEASE_SECONDS", 120.0)
EXPLANATION_IDLE_SECONDS = read_seconds("EXPLANATION_IDLE_SECONDS", 30.0)
HOUSEKEEPING_POLL_SECONDS = read_seconds("HOUSEKEEPING_POLL_SECONDS", 15.0)
ORPHAN_OBJECT_SECONDS = read_seconds("ORPHAN_OBJECT_SECONDS", 3 * 3600.0)

# Training (classifier/training_runs.py, tasks/train_loop.py)
TRAINING_LEASE_SECONDS = read_seconds("TRAINING_LEASE_SECONDS", 45.0)
TRAINING_POLL_SECONDS = read_seconds("TRAINING_POLL_SECONDS", 15.0)
TRAINING_SCHEDULE_SECONDS = read_seconds("TRAINING_SCHEDULE_SECONDS", 60.0)

# Imports of labelled pictures on the web (classifier/import_jobs.py, tasks/import_loop.py)
IMPORT_MAX_BYTES = read_integer("IMPORT_MAX_MB", 2000, low=1, high=200_000) * 1_000_000
# An upload comes in parts, so that neither a proxy nor this machine's memory or temporary files ever hold it whole.
IMPORT_PART_BYTES = min(8_000_000, REQUEST_MAX_BYTES)
IMPORT_FOLDERS = read_list("IMPORT_FOLDERS", [])
IMPORT_LEASE_SECONDS = read_seconds("IMPORT_LEASE_SECONDS", 30.0)
IMPORT_POLL_SECONDS = read_seconds("IMPORT_POLL_SECONDS", 15.0)

# Messages to other programs (classifier/webhook_deliveries.py, tasks/webhook_loop.py)
WEBHOOK_ALLOWED_NETWORKS = read_networks("WEBHOOK_ALLOWED_NETWORKS")
WEBHOOK_CONNECT_SECONDS = read_seconds("WEBHOOK_CONNECT_SECONDS", 5.0)
WEBHOOK_ANSWER_SECONDS = read_seconds("WEBHOOK_ANSWER_SECONDS", 10.0)
WEBHOOK_RETRY_SECONDS = read_seconds("WEBHOOK_RETRY_SECONDS", 10.0)
WEBHOOK_GIVE_UP_SECONDS = read_seconds("WEBHOOK_GIVE_UP_SECONDS", 86400.0)
WEBHOOK_LEASE_SECONDS = read_seconds("WEBHOOK_LEASE_SECONDS", 60.0)
WEBHOOK_POLL_SECONDS = read_seconds("WEBHOOK_POLL_SECONDS", 15.0)
WEBHOOK_THREADS = read_integer("WEBHOOK_THREADS", 32, low=4, high=256)

# The gateway to message brokers (webapp/gateway/)
GATEWAY_REQUEST_TOPIC = read_text("GATEWAY_REQUEST_TOPIC", "req_predict")
GATEWAY_REPLY_TOPIC = read_text("GATEWAY_REPLY_TOPIC", "res_predict")
GATEWAY_DEAD_LETTER_TOPIC = read_text("GATEWAY_DEAD_LETTER_TOPIC", f"{GATEWAY_REQUEST_TOPIC}_dead")
GATEWAY_GROUP = read_text("GATEWAY_GROUP", "whatsit")
GATEWAY_CLASSIFIER = read_text("GATEWAY_CLASSIFIER", "")
GATEWAY_COMMANDS = read_list("GATEWAY_COMMANDS", [] if PRODUCTION else ["train", "evaluate"])
GATEWAY_INBOX = read_text("GATEWAY_INBOX", "inbox/")
GATEWAY_THREADS = read_integer("GATEWAY_THREADS", 16, low=1, high=128)
GATEWAY_IN_HAND = read_integer("GATEWAY_IN_HAND", 128, low=1, high=10_000)
GATEWAY_UNANSWERED = read_integer("GATEWAY_UNANSWERED", 2000, low=1, high=1_000_000)
GATEWAY_POLL_SECONDS = read_seconds("GATEWAY_POLL_SECONDS", 0.05)
GATEWAY_LEASE_SECONDS = read_seconds("GATEWAY_LEASE_SECONDS", 30.0)
GATEWAY_STOP_SECONDS = read_seconds("GATEWAY_STOP_SECONDS", 20.0)
GATEWAY_REMEMBER_SECONDS = read_seconds("GATEWAY_REMEMBER_SECONDS", 7 * 86400.0)
GATEWAY_METRICS_HOST = read_text("GATEWAY_METRICS_HOST", "127.0.0.1")
GATEWAY_METRICS_PORT = read_integer("GATEWAY_METRICS_PORT", 0, high=65_535)
GATEWAY_NATS_URL = read_secret("GATEWAY_NATS_URL") or "nats://127.0.0.1:4222"
GATEWAY_NATS_CREDENTIALS = read_text("GATEWAY_NATS_CREDENTIALS", "")
GATEWAY_NATS_DURABLE = read_text("GATEWAY_NATS_DURABLE", f"{GATEWAY_REQUEST_TOPIC}.durable")
GATEWAY_KAFKA_SERVERS = read_text("GATEWAY_KAFKA_SERVERS", "127.0.0.1:9092")
GATEWAY_KAFKA_PROPERTIES = read_text("GATEWAY_KAFKA_PROPERTIES", "")
GATEWAY_KAFKA_PARTITIONS = read_integer("GATEWAY_KAFKA_PARTITIONS", 4, low=1, high=10_000)
GATEWAY_KAFKA_SESSION_SECONDS = read_seconds("GATEWAY_KAFKA_SESSION_SECONDS", 10.0, low=1.0, high=300.0)
GATEWAY_PUBSUB_PROJECT = read_text("GATEWAY_PUBSUB_PROJECT", read_text("GOOGLE_CLOUD_PROJECT", ""))
GATEWAY_PUBSUB_SUBSCRIPTION = read_text("GATEWAY_PUBSUB_SUBSCRIPTION", f"{GATEWAY_GROUP}-{GATEWAY_REQUEST_TOPIC}")
GATEWAY_PUBSUB_DEADLINE_SECONDS = read_integer("GATEWAY_PUBSUB_DEADLINE_SECONDS", 30, low=1, high=600)

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_I18N = False
USE_TZ = True
LOGIN_URL = "/login/"
LOGIN_REDIRECT_URL = "/"
LOGGING = logging_configuration(read_text("LOG_LEVEL", "INFO"))

# Guessing passwords: by name and address together, so that nobody can lock out somebody else.
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AXES_FAILURE_LIMIT = read_integer("LOGIN_ATTEMPTS", 10, low=1)
LOGINS_AN_ADDRESS = read_integer("LOGINS_AN_ADDRESS", 300)  # an hour, of whatever names (webapp/rate_limits.py)
AXES_COOLOFF_TIME = timedelta(seconds=read_seconds("LOGIN_PAUSE_SECONDS", 900.0))
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_CLIENT_IP_CALLABLE = "webapp.rate_limits.client_address"
AXES_LOCKOUT_CALLABLE = "webapp.views.login.locked_out"
AXES_RESET_ON_SUCCESS = True
AXES_DISABLE_ACCESS_LOG = True
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
SESSION_COOKIE_AGE = int(read_seconds("SESSION_SECONDS", 14 * 86_400.0, low=60.0))
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PRODUCTION
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_HSTS_SECONDS = 31_536_000 if PRODUCTION else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = PRODUCTION
SECURE_HSTS_PRELOAD = PRODUCTION
SECURE_SSL_REDIRECT = PRODUCTION and read_flag("SSL_REDIRECT", True)
SECURE_REDIRECT_EXEMPT = ["^healthz/"]  # asked from inside, in plain http
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "blob:", "data:"],
        "connect-src": ["'self'"],
        "font-src": ["'self'"],
        "manifest-src": ["'self'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
        "base-uri": ["'none'"],
        "report-uri": ["/csp-reports"],
    }
}

if PRODUCTION and not ALLOWED_HOSTS:
    raise ImproperlyConfigured("ALLOWED_HOSTS must name the site's host when PRODUCTION is on.")
if urlsplit(REDIS_URL).scheme not in {"redis", "rediss", "unix"}:
    raise ImproperlyConfigured("REDIS_URL must begin with redis://, rediss:// or unix://.")
