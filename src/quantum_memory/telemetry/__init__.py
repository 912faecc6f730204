"""What may be seen of the work: metrics, spans, logs, and the ids that calls carry. Knows no Ray."""

from quantum_memory.telemetry.metrics import SILENT, Metrics, Recorder, Silent

__all__ = ["SILENT", "Metrics", "Recorder", "Silent"]
