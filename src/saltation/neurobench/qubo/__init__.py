"""NeuroBench's system track, QUBO: maximum independent sets, solved by spiking networks and by other solvers.

`mis_problem` makes a problem, `solve` solves it. The problems need networkx, tabu search and annealing dwave-samplers:
``pip install "saltation[qubo]"``.
"""

from saltation.neurobench.qubo.chip import LARGEST, ChipSettings, chip_network, solve_chip
from saltation.neurobench.qubo.network import SpikingSettings, spiking_network
from saltation.neurobench.qubo.problem import MISProblem, mis_problem, published
from saltation.neurobench.qubo.readout import Readout
from saltation.neurobench.qubo.rivals import solve_annealing, solve_greedy, solve_random, solve_tabu
from saltation.neurobench.qubo.solution import MODELLED, WALL, Solution
from saltation.neurobench.qubo.solve import SOLVERS, solve
from saltation.neurobench.qubo.spiking import solve_spiking

__all__ = [
    "LARGEST",
    "MODELLED",
    "SOLVERS",
    "WALL",
    "ChipSettings",
    "MISProblem",
    "Readout",
    "Solution",
    "SpikingSettings",
    "chip_network",
    "mis_problem",
    "published",
    "solve",
    "solve_annealing",
    "solve_chip",
    "solve_greedy",
    "solve_random",
    "solve_spiking",
    "solve_tabu",
    "spiking_network",
]
