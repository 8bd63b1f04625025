"""The ASICs on the Sentry's own page: their list, the scan, one device, many by CSV."""

from rigfarm.sentry.asic.pages.pages import AsicPages

__all__ = ["AsicPages"]
