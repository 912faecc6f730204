"""What the TypeScript types are made from: the application's OpenAPI document and its stream's JSON Schema.

``document.py rest`` and ``document.py stream`` print one of them as JSON.
"""

from __future__ import annotations

import json
import sys
import tempfile
from typing import Any

from tests.unit.front import Front
from tests.unit.test_service_replica import Direct

from quantum_memory.cluster.service.replica import Replica
from quantum_memory.cluster.service.stream.messages import schema


def rest() -> dict[str, Any]:
    """The document of a replica with all its parts."""
    with tempfile.TemporaryDirectory() as folder:
        front = Front(folder)
        try:
            return Replica(front.memory, front.settings, Direct(front)).app.openapi()
        finally:
            front.close()


if __name__ == "__main__":
    json.dump({"rest": rest, "stream": schema}[sys.argv[1]](), sys.stdout)
