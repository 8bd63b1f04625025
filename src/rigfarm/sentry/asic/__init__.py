"""The ASICs of a LAN: found, read, ordered about; one Sentry for thousands of them."""

from rigfarm.sentry.asic.part import AsicPart
from rigfarm.sentry.asic.service import AsicService, CsvRejected

__all__ = ["AsicPart", "AsicService", "CsvRejected"]
