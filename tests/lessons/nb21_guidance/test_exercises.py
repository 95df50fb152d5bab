"""The references of notebook 21 are the library's, and wrong answers beside the known ones are refused."""

import pytest
import torch
import torch.nn.functional as F

from clip_tutor.applications import guidance
from clip_tutor.lab import check
from clip_tutor.lab.exercises.attempt import ExerciseError
from clip_tutor.lessons.nb21_guidance.cutout_exercise import cutout
from clip_tutor.lessons.nb21_guidance.distance_exercise import spherical_distance
from clip_tutor.lessons.nb21_guidance.fourier_exercise import waves_to_pixels
from clip_tutor.lessons.nb21_guidance.invisible_exercise import nearby_step
from clip_tutor.lessons.nb21_guidance.variation_exercise import total_variation


def refusal(exercise_id: str, answer) -> ExerciseError:
    with pytest.raises(ExerciseError) as caught:
        check(exercise_id, answer)
    return caught.value


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_the_distance_is_the_librarys():
    x, y = torch.randn(6, 9, generator=seeded(0)), torch.randn(9, generator=seeded(1))
    torch.testing.assert_close(spherical_distance(x, y), guidance.spherical_distance(x, y))


def test_the_cutout_is_the_librarys():
    pixels = torch.rand(2, 3, 40, 50, generator=seeded(0))
    for seed in range(5):
        theirs = guidance.random_cutout(pixels, 16, generator=seeded(seed))
        torch.testing.assert_close(cutout(pixels, 16, torch.rand(3, generator=seeded(seed))), theirs)


def test_the_total_variation_is_the_librarys():
    pixels = torch.rand(3, 3, 9, 7, generator=seeded(0))
    torch.testing.assert_close(total_variation(pixels), guidance.total_variation(pixels))


def test_the_waves_are_the_librarys():
    image = guidance.FourierImage(16, batch=2)
    mine = waves_to_pixels(torch.view_as_complex(image.spectrum))
    torch.testing.assert_close(mine, image(), atol=1e-5, rtol=1e-5)


def test_many_steps_stay_within_reach_and_lower_the_loss():
    origin, wanted = torch.rand(1, 3, 6, 6, generator=seeded(0)), torch.rand(1, 3, 6, 6, generator=seeded(1))
    pixels = origin
    for _ in range(30):
        pixels = nearby_step(pixels, pixels - wanted, origin, 0.01, 0.05)
    assert (pixels - origin).abs().max() <= 0.05 + 1e-6
    expected = origin + (wanted - origin).clamp(-0.05, 0.05)
    torch.testing.assert_close(pixels, expected, atol=0.011, rtol=0)


# ------------------------------------------------------------- answers that are right in another way, or wrong in one


def test_a_distance_by_the_arc_cosine_is_taken():
    def answer(x, y):
        cosine = F.cosine_similarity(x, y[None], dim=-1).clamp(-1 + 1e-7, 1 - 1e-7)
        return cosine.arccos() ** 2 / 2

    assert check("21.1", answer) is answer


def test_a_distance_that_cuts_the_way_back_is_refused():
    error = refusal("21.1", lambda x, y: spherical_distance(x, y).detach())
    assert "does not remember where it came from" in error.seen


def test_a_distance_that_changes_its_vectors_is_told_so():
    def answer(x, y):
        x /= x.norm(dim=-1, keepdim=True)
        return spherical_distance(x, y)

    assert "changed the values that it was given" in refusal("21.1", answer).seen


def test_a_total_variation_of_two_sums_is_taken():
    def answer(pixels):
        across, down = pixels.diff(dim=3).pow(2), pixels.diff(dim=2).pow(2)
        return (across.sum(dim=(1, 2, 3)) + down.sum(dim=(1, 2, 3))) / pixels[0].numel()

    assert check("21.3", answer) is answer


def test_waves_in_a_loop_over_colors_are_taken():
    def answer(spectrum):
        side = spectrum.shape[-2]
        f = torch.hypot(torch.fft.fftfreq(side)[:, None], torch.fft.rfftfreq(side)[None])
        f[0, 0] = 1 / side
        colors = [torch.fft.irfft2(spectrum[:, c] / f, norm="ortho") / 4 for c in range(3)]
        return torch.stack(colors, dim=1).sigmoid()

    assert check("21.4", answer) is answer


def test_waves_that_cut_the_way_back_are_refused():
    error = refusal("21.4", lambda spectrum: waves_to_pixels(spectrum.detach()))
    assert "no gradient at the spectrum" in error.seen


def test_waves_in_the_forward_norm_are_not_told_to_divide_by_4():
    def answer(spectrum):
        side = spectrum.shape[-2]
        f = torch.hypot(torch.fft.fftfreq(side)[:, None], torch.fft.rfftfreq(side)[None]).clamp(min=1 / side)
        return (torch.fft.irfft2(spectrum / f, norm="forward") / 4).sigmoid()

    assert "divided by 4" not in refusal("21.4", answer).think


def test_a_step_within_two_bounds_is_taken():
    def answer(pixels, gradient, origin, rate, reach):
        low, high = (origin - reach).clamp(min=0), (origin + reach).clamp(max=1)
        return torch.minimum(torch.maximum(pixels - rate * gradient.sign(), low), high)

    assert check("21.6", answer) is answer


def test_a_step_of_no_numbers_is_not_told_to_go_uphill():
    def answer(pixels, gradient, origin, rate, reach):
        moved = pixels - rate * gradient / gradient.abs()
        return (origin + (moved - origin).clamp(-reach, reach)).clamp(0, 1)

    error = refusal("21.6", answer)
    assert "are no numbers" in error.seen and "0 / 0" in error.think


def test_a_reach_in_levels_is_not_told_to_go_uphill():
    error = refusal("21.6", lambda p, g, o, rate, reach: nearby_step(p, g, o, rate, reach / 255))
    assert "other pixels" in error.seen
