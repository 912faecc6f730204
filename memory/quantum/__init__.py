"""Amplitudes on the PAD grid as matrix product states: a small library on numpy and scipy, CuPy where there is a GPU.

A state is a train of cores, one per qubit of the grid. It never holds the dense amplitude, and never changes.
"""

from quantum_memory.memory.quantum.backend import choose
from quantum_memory.memory.quantum.grid import AXES, Grid
from quantum_memory.memory.quantum.overlaps import packet_fidelities, packet_overlaps
from quantum_memory.memory.quantum.packet import Packet, Packets
from quantum_memory.memory.quantum.state import QuantumState, superpose

__all__ = [
    "AXES",
    "Grid",
    "Packet",
    "Packets",
    "QuantumState",
    "choose",
    "packet_fidelities",
    "packet_overlaps",
    "superpose",
]
