"""Every address of the site."""

from __future__ import annotations

from django.contrib import admin
from django.urls import path
from django.views.generic import RedirectView

from webapp.api.api import api
from webapp.views import health
from webapp.views.api_docs import api_docs
from webapp.views.one_time_login import one_time_login
from webapp.views.schedule import schedule
from webapp.views.upload import upload

urlpatterns = [
    path("", upload, name="upload"),
    path("api/v1/", api.urls),
    path("api/docs", api_docs, name="api-docs"),
    path("api/docs/", RedirectView.as_view(pattern_name="api-docs")),
    path("login/once/<str:token>/", one_time_login, name="one-time-login"),
    path("classifiers/<slug:slug>/schedule", schedule, name="classifier-schedule"),
    path("admin/", admin.site.urls),
    path("healthz/live", health.live),
    path("healthz/ready", health.ready),
    path("healthz/progress", health.progress),
    path("metrics", health.metrics),
]
