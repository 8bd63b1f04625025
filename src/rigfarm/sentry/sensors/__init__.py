"""What this machine's sensors say. One file is one source; see `source` for how to add one."""

from rigfarm.sentry.sensors.sensors import Sensors
from rigfarm.sentry.sensors.source import Outcome, Problem, Source, SourceFailed, SourceReading

__all__ = ["Outcome", "Problem", "Sensors", "Source", "SourceFailed", "SourceReading"]
