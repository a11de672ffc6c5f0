"""Executors: what they do to the process they run in."""

import subprocess
import sys

import pytest

FAULTS = """
import resource
import torch
from bigtheta.numerics.executors import timed
from bigtheta.numerics.experiment import checked_experiment
from bigtheta.numerics.trial import Trial, measure

experiment = checked_experiment("neural-tangent", "sobolev", "tanh", dict(n=600, d=600, k=600), "sphere", None, 3)
torch.set_num_threads(1)
once = {how}
for index in range(3):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    once(Trial(experiment, experiment.cells[0], index, 0, "cpu"))
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator is Linux's")
def test_a_dask_worker_does_not_ask_for_its_matrices_again_in_every_trial():
    def faults(how: str) -> int:
        environment = {"MALLOC_TRIM_THRESHOLD_": "65536", "OMP_NUM_THREADS": "1", "PATH": ""}  # as Dask starts workers
        command = [sys.executable, "-c", FAULTS.format(how=how)]
        return int(subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout)

    asked_again, kept = faults("measure"), faults("timed")
    assert asked_again > 5_000  # 20 MB in pages of 4 KiB: what this is about
    assert kept < asked_again / 4
