"""Telemetry: taps that write lines, make spans, and count. Each is imported from its own file, with what it needs.

from detent.tools.telemetry.lines import Lines      # pip install 'detent[telemetry]'
from detent.tools.telemetry.otel import Spans       # pip install 'detent[otel]'
from detent.tools.telemetry.metrics import Metrics  # needs nothing
"""

from detent.tools.telemetry.timeline import Change, Closed, Lasting, Opened, Timeline

__all__ = ["Change", "Closed", "Lasting", "Opened", "Timeline"]
