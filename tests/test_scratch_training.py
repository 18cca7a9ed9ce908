"""The training of the finder of scratches: what it is shown as damage, and what is none."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from ganapps.networks.repair.scratches import CAUTION, ScratchDetector, build
from ganapps.training import scratches
from tests.test_repair_networks import scratch_trainer


def test_scratches_are_where_the_mask_says():
    plain = torch.full((3, 64, 64), 0.5)
    seen = []
    for seed in range(30):
        random = np.random.RandomState(seed)
        calm = scratches.aged(plain, np.random.RandomState(seed))
        hurt, truth = scratches.damage(plain, random)
        assert truth.shape == (1, 64, 64) and set(truth.unique().tolist()) <= {0.0, 1.0}
        off = (hurt - calm.clamp(0, 1)).abs().amax(0, keepdim=True)
        seen.append(
            (
                float(off[truth > 0].mean()) if truth.any() else 1.0,
                float(off[truth == 0].mean()),
                float(truth.mean()),
            )
        )
    inside, outside, share = map(np.array, zip(*seen))
    assert (
        np.mean(inside > 4 * outside) > 0.9 and 0.003 < share.mean() < 0.15 and (share == 0).any()
    )


def test_a_detector_learns_to_find_a_scratch():
    trainer = scratch_trainer(rate=1e-2)
    first = np.mean([trainer.step()["entropy"] for _ in range(5)])
    for _ in range(60):
        trainer.step()
    assert np.mean([trainer.step()["entropy"] for _ in range(5)]) < 0.8 * first


def widest(truth: torch.Tensor) -> int:
    """How often damage [1, H, W] can be made a pixel thinner on every side."""
    whole = 1 - truth[None]
    for times in range(20):
        if whole.min() > 0:
            return times
        whole = F.max_pool2d(whole, 3, 1, 1)
    return 20


def test_a_crop_of_a_larger_picture_bears_wider_damage():
    plain = torch.full((3, 64, 64), 0.5)
    thin, wide = (
        [
            widest(scratches.damage(plain, np.random.RandomState(seed), wear)[1])
            for seed in range(20)
        ]
        for wear in (scratches.PLAIN, scratches.Wear(larger=5.0, tears=2))
    )
    assert max(thin) <= 2 < 4 <= max(wide)


def test_letters_are_no_damage():
    wear = scratches.Wear(unhurt=1.0, lettering=1.0)
    plain = torch.full((3, 64, 64), 0.5)
    written = 0
    for seed in range(20):
        random, beside = np.random.RandomState(seed), np.random.RandomState(seed)
        hurt, truth = scratches.damage(plain, random, wear)
        assert not truth.any()
        written += bool((hurt - scratches.aged(plain, beside)).abs().max() > 0.1)
    assert written > 15


def test_a_look_from_farther_away_counts_where_it_is_surer():
    torch.manual_seed(0)
    near, far = (ScratchDetector((4, 6), looks) for looks in (1, 2))
    far.load_state_dict(near.state_dict())
    for network in (near, far):
        network.last.weight.data *= 20_000  # sure enough for the caution
    x = torch.rand(1, 3, 130, 140)
    padded = F.pad(x, (0, 0, 0, 2), mode="replicate")
    half = F.interpolate(near(F.avg_pool2d(padded, 2)), scale_factor=2.0, mode="bilinear")
    wanted = torch.maximum(near(padded), half - CAUTION)[..., :130, :]
    torch.testing.assert_close(far(x), wanted)
    assert not torch.equal(far(x), near(padded)[..., :130, :])
    small = x[..., :122, :]  # half of it would be too small
    assert torch.equal(far(small), near(F.pad(small, (0, 0, 0, 2), mode="replicate"))[..., :122, :])


@pytest.mark.parametrize("looks", [0, 5, "2", 10**9])
def test_a_file_asks_for_no_more_looks_than_there_are(looks):
    with pytest.raises(ValueError, match="no number from 1 to 4"):
        build(ScratchDetector((4, 6)).state_dict(), {"looks": looks})
