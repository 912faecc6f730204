"""The file for ``serve deploy``, and what the application makes of its arguments."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError
from ray.serve.schema import ServeDeploySchema

from quantum_memory.cluster import serve
from quantum_memory.cluster.serve import Arguments
from quantum_memory.errors import Forbidden, InvalidSettings
from quantum_memory.settings import load

FILE = Path(serve.__file__).with_name("serve.yaml")


def test_the_file_is_what_serve_takes_and_listens_on_loopback() -> None:
    tree = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    read = ServeDeploySchema.model_validate(tree)
    assert read.http_options.host == "127.0.0.1"
    (application,) = read.applications
    assert application.import_path == "quantum_memory.cluster.serve:app"
    assert Arguments.model_validate(application.args) == Arguments()
    assert tree["http_options"]["request_timeout_s"] > load(None).service.http.upload_s


def test_arguments_that_mean_nothing_are_refused() -> None:
    with pytest.raises(ValidationError):
        Arguments.model_validate({"storge": "x"})
    with pytest.raises(InvalidSettings):
        serve.app(Arguments(config="/nowhere.yaml"))


def test_the_door_is_as_the_settings_say() -> None:
    settings = load({"service": {"replicas": {"least": 2, "most": 3, "drain_s": 7.0}}})
    made = serve.application(settings, settings, "test")
    deployment = made._bound_deployment
    assert deployment._deployment_config.graceful_shutdown_timeout_s == 7.0
    scaling = deployment._deployment_config.autoscaling_config
    assert scaling is not None
    assert (scaling.min_replicas, scaling.max_replicas) == (2, 3)


def test_nobody_comes_in_unknown_from_another_machine() -> None:
    from quantum_memory.cluster.serving import Serving

    open_door = load({"service": {"access": {"anonymous": "reader"}}})
    with pytest.raises(Forbidden, match=r"0\.0\.0\.0"):
        Serving(open_door, "test", "0.0.0.0", 8000).__enter__()  # noqa: S104 - that is what is refused
