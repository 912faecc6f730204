"""Several drivers on the same agents: one that is killed, several at once, and one whose vault's machine goes away."""

from __future__ import annotations

import itertools
import json
import time
from contextlib import suppress
from pathlib import Path

import pytest
import ray

import quantum_memory as qm
from quantum_memory.cluster.connect import MemoryCluster, connect
from quantum_memory.testing.nodes import Nodes
from tests.cluster.conftest import CONFIG, NAMESPACE, Driver, held, texts

WRITER = """
import os, sys, time
import quantum_memory as qm
told = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)  # what Ray says is not what it did
namespace, name, who, most = sys.argv[1:]
memory = qm.connect(namespace=namespace)
agent = memory.agent(name)
print("ready", file=told)
while not os.path.exists("go"):
    time.sleep(0.001)
for number in range(int(most)):
    agent.remember(f"{who} wrote {number}.")
    print(f"{who} wrote {number}.", file=told)
os._exit(0)
"""
MAKER = """
import json, logging, os, sys, time
import ray
import quantum_memory as qm
address, storage, namespace, config = sys.argv[1:]
ray.init(address=os.environ["RAY_ADDRESS"], _node_ip_address=address, log_to_driver=False, logging_level=logging.ERROR)
memory = qm.connect(storage=storage, config=json.loads(config), namespace=namespace)
memory.agent("dora").remember(["The folder is here.", "It stays here."])
print("ready", flush=True)
time.sleep(600)
"""


@ray.remote(num_cpus=0.1)
def write_elsewhere(agent: qm.AgentHandle, count: int, go: str) -> list[str]:
    """What a task of a job writes, with a handle that it was given, once it may."""
    while not Path(go).exists():
        time.sleep(0.001)
    written = [f"a task wrote {number}." for number in range(count)]
    for text in written:
        agent.remember(text)
    return written


def test_a_driver_is_killed_and_the_next_finds_the_same_actors(
    nodes: Nodes, memory: MemoryCluster, tmp_path: Path
) -> None:
    (tmp_path / "go").touch()
    driver = Driver(nodes, tmp_path, WRITER, NAMESPACE, "erin", "the first driver", "1000000")
    acknowledged = [driver.line() for _ in range(20)]
    pids = memory.processes()
    acknowledged += driver.kill()
    second = Driver(nodes, tmp_path, WRITER, NAMESPACE, "erin", "the second driver", "5")
    acknowledged += second.finish()
    assert memory.processes() == pids
    erin = memory.agent("erin", create=False)
    held(erin, acknowledged)
    assert len(texts(erin)) - len(acknowledged) in (0, 1), "no more than the call in which it died"


def test_two_drivers_and_a_task_write_to_one_agent_at_once(nodes: Nodes, memory: MemoryCluster, tmp_path: Path) -> None:
    frank, count, go = memory.agent("frank"), 200, tmp_path / "go"
    names = ("one driver", "another driver")
    task = write_elsewhere.remote(frank, count, str(go))
    drivers = [Driver(nodes, tmp_path, WRITER, NAMESPACE, "frank", name, str(count)) for name in names]
    go.touch()
    written = [driver.finish() for driver in drivers] + [ray.get(task)]
    assert [len(lines) for lines in written] == [count] * 3
    for lines in written:
        held(frank, lines)
    assert sorted(texts(frank)) == sorted(itertools.chain(*written))
    turns = [text.split(" wrote")[0] for text in texts(frank)]
    assert sum(one != next_one for one, next_one in itertools.pairwise(turns)) > 10, "they did not write at once"
    log = frank.log(limit=1_000)
    assert [entry.place.seq for entry in log] == list(range(len(log), 0, -1))


def test_the_vault_in_a_folder_comes_back_with_its_machine(nodes: Nodes, memory: MemoryCluster, tmp_path: Path) -> None:
    assert memory.agents() is not None, "this process is connected to the head"
    config = CONFIG | {"placement": "inline", "timeouts": {"call_s": 6.0, "connect_s": 60.0}}
    beside = nodes.add()
    storage, namespace = tmp_path / "vault", "beside"
    maker = Driver(nodes, tmp_path, MAKER, beside.address, str(storage), namespace, json.dumps(config))
    with connect(storage=storage, config=config, namespace=namespace) as found:
        dora = found.agent("dora", create=False)
        assert beside.holds(found.processes()["vault"][0])
        nodes.kill(beside)
        maker.kill()
        with pytest.raises(qm.Unavailable):
            dora.remember("There is no vault now.")
        with pytest.raises(qm.Unavailable):
            connect(storage=storage, config=CONFIG | {"timeouts": {"connect_s": 3.0}}, namespace=namespace)
        again = nodes.add(beside.address)
        until = time.monotonic() + 90
        while time.monotonic() < until:
            with suppress(qm.Unavailable):
                dora.remember("The machine is back.")
                break
        assert again.holds(found.processes()["vault"][0])
        assert texts(dora)[:2] == ["The folder is here.", "It stays here."]
        assert "The machine is back." in texts(dora)
        found.stop()
