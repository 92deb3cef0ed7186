"""Ids of spans that follow from the run, so that the next process goes on with the spans of the last.

    TracerProvider(id_generator=Ids())

The SDK of OpenTelemetry asks its provider's generator for ids, and nobody else can say which: so the host, whose
provider it is, has to give it this one.
"""

from opentelemetry.sdk.trace import id_generator

from detent.tools.telemetry.otel import WANTED

__all__ = ["Ids"]


class Ids(id_generator.RandomIdGenerator):
    """Gives the spans of runs the ids that they have everywhere, and all others random ones."""

    def generate_span_id(self) -> int:
        """See IdGenerator."""
        wanted = WANTED.get()
        return super().generate_span_id() if wanted is None else wanted[1]

    def generate_trace_id(self) -> int:
        """See IdGenerator."""
        wanted = WANTED.get()
        return super().generate_trace_id() if wanted is None else wanted[0]
