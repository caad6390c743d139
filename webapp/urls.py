"""Every address of the site."""

from __future__ import annotations

from django.contrib import admin
from django.urls import path
from django.views.decorators.http import require_http_methods, require_safe
from django.views.generic import RedirectView

from webapp.api.api import api
from webapp.views import health, models, webhooks
from webapp.views.api_docs import api_docs
from webapp.views.classifiers import classifier, classifiers, edit_classifier
from webapp.views.datasets import dataset, dataset_picture
from webapp.views.gallery import export_images, gallery, label_images
from webapp.views.image import ask_image, image, review_image
from webapp.views.image_deletion import confirm_deletion
from webapp.views.imports import cancel_import, import_part, import_state, start_import
from webapp.views.login import ChangePassword, LogOut, guard_login, log_in
from webapp.views.one_time_login import one_time_login
from webapp.views.own_word import say_label
from webapp.views.policy_reports import policy_reports
from webapp.views.review import review
from webapp.views.schedule import schedule
from webapp.views.tokens import revoke, tokens
from webapp.views.training_run import cancel_training, training
from webapp.views.trainings import trainings
from webapp.views.upload import upload

urlpatterns = [
    path("", upload, name="upload"),
    path("api/v1/", api.urls),
    path("api/docs", api_docs, name="api-docs"),
    path("api/docs/", require_safe(RedirectView.as_view(pattern_name="api-docs"))),
    path("login/", require_http_methods(["GET", "HEAD", "POST"])(log_in), name="login"),
    path("logout/", LogOut.as_view(), name="logout"),
    path("password/", require_http_methods(["GET", "HEAD", "POST"])(ChangePassword.as_view()), name="password"),
    path("login/once/<str:token>/", one_time_login, name="one-time-login"),
    path("classifiers/<slug:slug>/schedule", schedule, name="classifier-schedule"),
    path("classifiers/", classifiers, name="classifiers"),
    path("classifiers/<slug:slug>/", classifier, name="classifier"),
    path("classifiers/<slug:slug>/edit/", edit_classifier, name="classifier-edit"),
    path("images/<str:image_id>/label", say_label, name="say-label"),
    path("images/<str:image_id>/delete", confirm_deletion, name="image-delete"),
    path("images/", gallery, name="gallery"),
    path("images/export", export_images, name="export-images"),
    path("images/label", label_images, name="label-images"),
    path("images/<str:image_id>/", image, name="image"),
    path("images/<str:image_id>/review", review_image, name="image-review"),
    path("images/<str:image_id>/ask", ask_image, name="image-ask"),
    path("imports/", start_import, name="imports"),
    path("imports/parts/<uuid:upload>/<int:number>/", import_part, name="import-part"),
    path("imports/<str:job_id>/", import_state, name="import"),
    path("imports/<str:job_id>/cancel/", cancel_import, name="import-cancel"),
    path("datasets/<str:dataset_id>/", dataset, name="dataset"),
    path("datasets/<str:dataset_id>/pictures/<path:member>", dataset_picture, name="dataset-picture"),
    path("models/<str:version_id>/", models.model, name="model"),
    path("models/<str:version_id>/cells/<int:truth>/<int:answer>/", models.model_cell, name="model-cell"),
    path(
        "models/<str:version_id>/pictures/<slug:pack>/<path:folder>/<int:number>.png",
        models.model_picture,
        name="model-picture",
    ),
    path("models/<str:version_id>/promote", models.promote_model, name="promote-model"),
    path("models/<str:version_id>/roll-back", models.roll_back_model, name="roll-back-model"),
    path("models/<str:version_id>/evaluate", models.evaluate_model, name="evaluate-model"),
    path("webhooks/", webhooks.webhooks, name="webhooks"),
    path("webhooks/<str:webhook_id>/", webhooks.webhook, name="webhook"),
    path("webhooks/<str:webhook_id>/act", webhooks.act, name="webhook-act"),
    path("webhooks/<str:webhook_id>/delete", webhooks.delete, name="webhook-delete"),
    path("webhooks/<str:webhook_id>/<str:delivery_id>/redeliver", webhooks.send_again, name="webhook-redeliver"),
    path("tokens/", tokens, name="tokens"),
    path("tokens/<str:token_id>/revoke", revoke, name="token-revoke"),
    path("training/", trainings, name="trainings"),
    path("training/<str:run_id>/", training, name="training"),
    path("training/<str:run_id>/cancel/", cancel_training, name="cancel-training"),
    path("review/", review, name="review"),
    path("admin/login/", require_http_methods(["GET", "HEAD", "POST"])(guard_login(admin.site.login))),
    path("admin/logout/", LogOut.as_view()),
    path("admin/", admin.site.urls),
    path("healthz/live", health.live),
    path("healthz/ready", health.ready),
    path("healthz/progress", health.progress),
    path("metrics", health.metrics),
    path("csp-reports", policy_reports, name="policy-reports"),
]
