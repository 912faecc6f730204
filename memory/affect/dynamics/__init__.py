"""How feelings change over time: series, smoothing, named transitions, a linear model, a neural one, and equations.

Loads neither torch nor Ray: ``ode``, which needs torch and torchdiffeq, is imported by who wants it.
"""

from quantum_memory.memory.affect.dynamics.comparing import Change, Difference, difference
from quantum_memory.memory.affect.dynamics.equation import Equation, Estimate
from quantum_memory.memory.affect.dynamics.fitting import Fit, fit
from quantum_memory.memory.affect.dynamics.relating import equation
from quantum_memory.memory.affect.dynamics.reverting import Forecast, Reverting
from quantum_memory.memory.affect.dynamics.series import Series, Steps, steps
from quantum_memory.memory.affect.dynamics.smoothing import recent, smoothed
from quantum_memory.memory.affect.dynamics.transitions import Transitions, transitions

__all__ = [
    "Change",
    "Difference",
    "Equation",
    "Estimate",
    "Fit",
    "Forecast",
    "Reverting",
    "Series",
    "Steps",
    "Transitions",
    "difference",
    "equation",
    "fit",
    "recent",
    "smoothed",
    "steps",
    "transitions",
]
