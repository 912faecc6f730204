"""Amplitudes on the PAD grid as matrix product states: a small library on numpy and scipy, CuPy where there is a GPU.

A state is a train of cores, one per qubit of the grid. It never holds the dense amplitude, and never changes.
"""

from quantum_memory.memory.quantum.against import Against
from quantum_memory.memory.quantum.backend import choose
from quantum_memory.memory.quantum.batch import StateBatch
from quantum_memory.memory.quantum.budget import ByteBudget, Fitted, fit
from quantum_memory.memory.quantum.channels import (
    Branch,
    Channel,
    apply_to,
    average_gate_fidelity,
    process_fidelity,
)
from quantum_memory.memory.quantum.circuit import Circuit, Gate, unitary
from quantum_memory.memory.quantum.density import purity, state_fidelity, trace_distance
from quantum_memory.memory.quantum.device import Backend, open_backend
from quantum_memory.memory.quantum.dynamics import Evolved, Pull, energy, evolve
from quantum_memory.memory.quantum.environments import Environments
from quantum_memory.memory.quantum.gates import Applied, apply_circuit, apply_gate
from quantum_memory.memory.quantum.grid import AXES, Grid
from quantum_memory.memory.quantum.mpo import MPO
from quantum_memory.memory.quantum.overlaps import Projector, packet_fidelities, packet_overlaps
from quantum_memory.memory.quantum.packet import Packet, Packets
from quantum_memory.memory.quantum.padding import cropped, padded
from quantum_memory.memory.quantum.prepare import Prepared, to_circuit
from quantum_memory.memory.quantum.qasm import to_qasm
from quantum_memory.memory.quantum.state import Measured, QuantumState, superpose
from quantum_memory.memory.quantum.tomography import Reconstructed, measure_counts, reconstruct
from quantum_memory.memory.quantum.widening import widen

__all__ = [
    "AXES",
    "MPO",
    "Against",
    "Applied",
    "Backend",
    "Branch",
    "ByteBudget",
    "Channel",
    "Circuit",
    "Environments",
    "Evolved",
    "Fitted",
    "Gate",
    "Grid",
    "Measured",
    "Packet",
    "Packets",
    "Prepared",
    "Projector",
    "Pull",
    "QuantumState",
    "Reconstructed",
    "StateBatch",
    "apply_circuit",
    "apply_gate",
    "apply_to",
    "average_gate_fidelity",
    "choose",
    "cropped",
    "energy",
    "evolve",
    "fit",
    "measure_counts",
    "open_backend",
    "packet_fidelities",
    "packet_overlaps",
    "padded",
    "process_fidelity",
    "purity",
    "reconstruct",
    "state_fidelity",
    "superpose",
    "to_circuit",
    "to_qasm",
    "trace_distance",
    "unitary",
    "widen",
]
