"""How the pages' files are named when they are served: by content, so that browsers may keep them for ever."""

from __future__ import annotations

from whitenoise.storage import CompressedManifestStaticFilesStorage  # type: ignore[import-untyped] # carries no types


class HashedStaticFilesStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc] # a class without types
    """Also renames what our ES modules import from each other: only the hashed names are kept."""

    support_js_module_import_aggregation = True
