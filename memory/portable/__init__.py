"""What an agent is at one place, as a value, and the same value as JSON, MessagePack, npz or base64 text."""

from quantum_memory.memory.portable.forms import FORMS, SUFFIXES, Form, form_of, read_state, write_state
from quantum_memory.memory.portable.state import AgentState, MoodTensors, state_of
from quantum_memory.memory.portable.web import Edge, Node, Web, web_of

__all__ = [
    "FORMS",
    "SUFFIXES",
    "AgentState",
    "Edge",
    "Form",
    "MoodTensors",
    "Node",
    "Web",
    "form_of",
    "read_state",
    "state_of",
    "web_of",
    "write_state",
]
