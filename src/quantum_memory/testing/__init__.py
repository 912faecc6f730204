"""For those who test what is built on this, or a storage of their own: what must hold, and a machine that tries it out.

``machine`` needs Hypothesis, ``nodes`` (several Ray nodes that can be killed) psutil; nothing else here does.
"""

from quantum_memory.testing.invariants import faults
from quantum_memory.testing.model import Mind

__all__ = ["Mind", "faults"]
