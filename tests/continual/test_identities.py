"""Identities of the tangent ensemble, T1 to T11, T14, T15 and T18, in float64, for each front end and for spikes (T20).

What is expected is computed from the gradients of all labels, expert by expert and example by example.
"""

from itertools import pairwise

import numpy as np
import pytest

from saltation.continual import Posterior, TangentEnsemble, random_signs
from saltation.errors import ParameterError


def test_t1_slopes_of_the_probabilities_sum_to_zero(case):
    slopes = np.exp(case.log_p())[:, :, None] * case.slopes
    assert np.abs(slopes).max() > 1e-3
    np.testing.assert_allclose(slopes.sum(axis=1), 0.0, atol=1e-13)


def test_t2_the_mixture_of_experts_is_the_expansion(case):
    ensemble = case.ensemble(0.9)
    p = np.exp(case.log_p())
    expansion = p + np.einsum("kyi,i->ky", p[:, :, None] * case.slopes, ensemble.delta)
    pi = ensemble.prior().weights
    np.testing.assert_allclose(ensemble.experts(case.x) @ pi, expansion, rtol=0, atol=1e-13)
    # one pass in forward mode, which no expert takes part in
    np.testing.assert_allclose(ensemble.predict(case.x), expansion, rtol=0, atol=1e-13)
    assert np.abs(expansion - p).max() > 1e-3


def test_t3_experts_are_distributions_below_the_bound_and_not_far_above(case):
    below, above = case.ensemble(0.99), case.ensemble(1.5)
    for ensemble in (below, above):
        experts, said = ensemble.experts(case.x), ensemble.validity(case.x)
        np.testing.assert_allclose(experts.sum(axis=1), 1.0, rtol=0, atol=1e-13)
        assert said.least == pytest.approx(experts.min(), abs=1e-15)
        assert said.holds == (experts.min() >= 0)
        assert said.worst == pytest.approx((-ensemble.signs * case.slopes).max(), rel=1e-14)
    assert below.validity(case.x).bound == pytest.approx(0.99) and below.experts(case.x).min() >= 0
    # signs such that the steepest slope counts
    place = np.unravel_index(np.abs(case.slopes).argmax(), case.slopes.shape)
    delta = above.delta.copy()
    delta[place[2]] = -abs(delta[place[2]]) * np.sign(case.slopes[place])
    assert not TangentEnsemble(case.classifier, delta).validity(case.x).holds
    assert TangentEnsemble(case.classifier, delta).experts(case.x).min() < -1e-3


def test_t4_no_label_gains_more_than_the_bound_allows(case):
    ensemble = case.ensemble(0.9)
    bound = ensemble.validity(case.x).bound
    ratio = ensemble.predict(case.x) / np.exp(case.log_p())
    assert 1 - bound <= ratio.min() < ratio.max() <= 1 + bound


def test_t5_the_error_of_the_expansion_is_of_second_order(case):
    direction = case.ensemble(0.9).delta
    direction = direction / np.abs(direction).sum() / np.sqrt(np.abs(case.slopes).max())
    errors = []
    for scale in (1e-2, 1e-3, 1e-4):
        ensemble = TangentEnsemble(case.classifier, scale * direction)
        true = np.exp(case.classifier.log_probabilities(case.seed + ensemble.delta, case.x))
        errors.append(np.abs(true - ensemble.predict(case.x)).max())
    ratios = [a / b for a, b in pairwise(errors)]
    assert ratios[-1] == pytest.approx(100.0, abs=2.0) and ratios[0] == pytest.approx(100.0, abs=15.0)


def descent(delta, g, z):
    """One renormalised step of gradient descent with the rate z |delta_i|, by hand."""
    moved = delta - z * np.abs(delta) * g
    return moved * z / np.abs(moved).sum()


def test_t6_the_posterior_is_a_sequence_of_renormalised_descent_steps(case):
    ensemble = case.ensemble(0.9)
    posterior = ensemble.update(ensemble.prior(), case.x, case.y)
    delta = ensemble.delta
    for g in case.gradients():
        delta = descent(delta, g, ensemble.radius)
    np.testing.assert_allclose(ensemble.displaced(posterior) - ensemble.seed, delta, rtol=0, atol=1e-13)
    assert np.abs(delta - ensemble.delta).max() > 1e-3 * np.abs(delta).max()


def test_t7_order_and_batches_do_not_matter(case):
    ensemble = case.ensemble(0.9)
    at_once = ensemble.update(ensemble.prior(), case.x, case.y)
    order = np.random.default_rng(1).permutation(len(case.y))
    for parts in (np.array_split(order, 7), (np.arange(25), np.arange(25, 50)), (np.arange(25, 50), np.arange(25))):
        posterior = ensemble.prior()
        for part in parts:
            posterior = ensemble.update(posterior, case.x[part], case.y[part])
        np.testing.assert_allclose(posterior.weights, at_once.weights, rtol=0, atol=1e-13)
        assert posterior.log_evidence == pytest.approx(at_once.log_evidence, abs=1e-11)
        assert posterior.examples == 50


def test_t8_the_normaliser_is_the_ratio_of_the_probabilities(case):
    ensemble = case.ensemble(0.9)
    posterior, delta, z = ensemble.prior(), ensemble.delta, ensemble.radius
    for k in range(8):
        one, label = slice(k, k + 1), case.y[k]
        ratio = ensemble.predict(case.x[one], posterior)[0, label] / np.exp(case.log_p()[k, label])
        step = delta - z * np.abs(delta) * case.gradients()[k]
        assert np.abs(step).sum() / z == pytest.approx(ratio, abs=1e-13)
        posterior = ensemble.update(posterior, case.x[one], case.y[one])
        delta = ensemble.displaced(posterior) - ensemble.seed
        assert np.abs(delta).sum() == pytest.approx(z, abs=1e-13)
        assert (np.sign(delta) == ensemble.signs).all()


def test_t9_the_projected_form_and_the_natural_gradient(case):
    ensemble = case.ensemble(0.9)
    g, label = case.gradients()[0], case.y[0]
    z, s, delta, pi = ensemble.radius, ensemble.signs, ensemble.delta, ensemble.prior().weights
    mean = (pi * s * g).sum()
    projected = delta - z * np.abs(delta) / (1 - z * mean) * (g - s * mean)
    after = ensemble.update(ensemble.prior(), case.x[:1], case.y[:1])
    np.testing.assert_allclose(s * z * after.weights, projected, rtol=0, atol=1e-13)
    f = ensemble.experts(case.x[:1])[0, label]
    of_mixture = -f / (pi @ f)  # d/dpi of -log sum_i pi_i f_i
    np.testing.assert_allclose(after.weights, -pi * of_mixture, rtol=0, atol=1e-13)


def test_t10_the_evidence_is_the_product_of_the_predictions(case):
    ensemble = case.ensemble(0.9)
    posterior, total = ensemble.prior(), 0.0
    for k in range(len(case.y)):
        one = slice(k, k + 1)
        total += np.log(ensemble.predict(case.x[one], posterior)[0, case.y[k]])
        posterior = ensemble.update(posterior, case.x[one], case.y[one])
    of_labels = ensemble.experts(case.x)[np.arange(50), case.y]
    direct = np.log(ensemble.prior().weights @ of_labels.prod(axis=0))
    assert posterior.log_evidence == pytest.approx(total, abs=1e-11)
    assert posterior.log_evidence == pytest.approx(direct, abs=1e-11)


def test_t11_the_mixture_loses_little_to_the_best_expert(case):
    ensemble = case.ensemble(0.9)
    posterior = ensemble.update(ensemble.prior(), case.x, case.y)
    alone = -np.log(ensemble.experts(case.x)[np.arange(50), case.y]).sum(axis=0)
    slack = (alone - ensemble.prior().log_weights).min() + posterior.log_evidence
    assert 0 <= slack < 50 * np.log(case.labels)


def test_t14_a_product_over_the_batch_is_not_a_sum_of_gradients(case):
    g = case.gradients()
    for bound in (0.9, 0.09):
        ensemble = case.ensemble(bound)
        for batch in (1, 4):
            product = ensemble.factors(case.x[:batch], case.y[:batch]).prod(axis=0)
            total = 1 - ensemble.radius * ensemble.signs * g[:batch].sum(axis=0)
            gap = np.abs(product - total).max()
            if batch == 1:
                assert gap < 1e-15
            else:
                assert (bound * batch) ** 2 > gap > 1e-3 * (bound * batch) ** 2 / batch


def test_t15_tempering_adds_up(case):
    ensemble = case.ensemble(0.9)
    full = ensemble.update(ensemble.prior(), case.x, case.y)
    parts = ensemble.prior()
    for _ in range(5):
        parts = ensemble.update(parts, case.x, case.y, tempering=1 / 5)
    np.testing.assert_allclose(parts.weights, full.weights, rtol=0, atol=1e-13)
    none = ensemble.update(ensemble.prior(), case.x, case.y, tempering=0.0)
    np.testing.assert_allclose(none.weights, ensemble.prior().weights, rtol=0, atol=1e-15)
    assert np.abs(full.weights - none.weights).max() > 1e-3


def test_t18_equal_displacements_give_equal_weights(case):
    n = case.classifier.size
    ensemble = TangentEnsemble(case.classifier, random_signs(n, 1e-3, seed=2))
    np.testing.assert_allclose(ensemble.prior().weights, 1 / n, rtol=0, atol=1e-13)
    p = np.exp(case.log_p())[:, :, None]
    np.testing.assert_allclose(ensemble.experts(case.x), p + n * ensemble.delta * p * case.slopes, rtol=0, atol=1e-13)


def test_the_posterior_settles_on_few_experts_and_tempering_delays_it(case):
    ensemble = case.ensemble(0.9)
    effective = []
    log_likelihoods = np.log(np.tile(ensemble.factors(case.x, case.y), (20, 1)))
    for beta in (0.0, 0.1, 1.0):
        effective.append(ensemble.prior().times(log_likelihoods, beta).effective)
    assert effective[0] > 1.2 * effective[1] > 1.2 * effective[2] >= 1.2
    pi = ensemble.prior().weights
    assert effective[0] == pytest.approx(np.exp(-(pi * np.log(pi)).sum()), rel=1e-12)


def test_a_displacement_that_is_too_large_is_refused_or_clamped_and_counted(case):
    ensemble = case.ensemble(20.0)
    factors = ensemble.factors(case.x, case.y)
    bad = int((factors <= 0).sum())
    assert bad > 0
    with pytest.raises(ParameterError, match=f"{bad} of {factors.size} are not.*divide delta by"):
        ensemble.update(ensemble.prior(), case.x, case.y)
    posterior = ensemble.update(ensemble.prior(), case.x, case.y, floor=1e-6)
    assert posterior.clamped == bad
    clamped = np.log(np.where(factors > 0, factors, 1e-6)).sum(axis=0) + ensemble.prior().log_weights
    clamped -= np.logaddexp.reduce(clamped)
    np.testing.assert_allclose(posterior.log_weights, clamped, rtol=1e-12)


def test_what_is_refused(case):
    with pytest.raises(ParameterError, match="must be a Classifier; got str"):
        TangentEnsemble("network", [1.0])
    with pytest.raises(ParameterError, match=rf"delta must be \[{case.classifier.size}\]"):
        TangentEnsemble(case.classifier, [1.0])
    with pytest.raises(ParameterError, match="not be all zero"):
        TangentEnsemble(case.classifier, np.zeros(case.classifier.size))
    ensemble = case.ensemble(0.5)
    with pytest.raises(ParameterError, match="classes are counted from 0"):
        ensemble.update(ensemble.prior(), case.x, case.y + 1 + case.labels)
    with pytest.raises(ParameterError, match="must be integers"):
        ensemble.factors(case.x, case.y.astype(float))
    with pytest.raises(ParameterError, match="not all zero"):
        Posterior.from_weights([-1.0, 2.0])
    prior = Posterior.from_weights([1.0, 0.0])
    with pytest.raises(ParameterError, match="an expert must be left; got -inf"):
        prior.times(np.array([[-np.inf, 0.0]]))
    assert prior.times(np.array([[0.0, -np.inf]])).weights.tolist() == [1.0, 0.0]
