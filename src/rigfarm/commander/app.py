"""The composition root: settings in, application out. The one place that knows every part."""

from __future__ import annotations
