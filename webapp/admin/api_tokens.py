"""Everybody's tokens: who made them, what they may do, when they were last used; and the way to end one."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from classifier.api_tokens import revoke_token, state_of
from classifier.models import ApiToken
from webapp.access import may_revoke_all_tokens
from webapp.admin.read_only import ReadOnlyAdmin

FACTS = ("prefix", "name", "user", "scopes_in_words", "state", "created_at", "last_used_at", "expires_at", "revoked_at")


@admin.register(ApiToken)
class ApiTokenAdmin(ReadOnlyAdmin):
    """Newest first. People make and revoke their own on the page /tokens/."""

    list_display = FACTS
    list_filter = (("revoked_at", admin.EmptyFieldListFilter),)
    list_select_related = ("user",)
    search_fields = ("prefix__startswith", "name", "user__username")
    fields = readonly_fields = FACTS
    actions = ("revoke",)

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return may_revoke_all_tokens(request.user)

    @admin.action(description="Revoke: refused from the next call on", permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        count = sum(revoke_token(token=token) for token in queryset)
        messages.success(request, "Revoked 1 token." if count == 1 else f"Revoked {count} tokens.")

    @admin.display(description="scopes")
    def scopes_in_words(self, row: ApiToken) -> str:
        return ", ".join(row.scopes)

    @admin.display(description="state")
    def state(self, row: ApiToken) -> str:
        return state_of(row)
