"""Whether a vault is whole, and what can be done where it is not: every checksum, every reference, every snapshot."""

from quantum_memory.memory.vault.verify.finding import Finding, Report
from quantum_memory.memory.vault.verify.repair import Repair, repair
from quantum_memory.memory.vault.verify.verify import ViewCheck, verify

__all__ = ["Finding", "Repair", "Report", "ViewCheck", "repair", "verify"]
