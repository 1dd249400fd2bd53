"""Very many signatures after one PIN that a person entered: nothing counts down (OpenSC's pin_cache_counter is 10), nothing is entered twice."""

import os
import subprocess

import pytest

from conftest import BIN

LIMIT_S = 900


@pytest.mark.parametrize("slot", ["9A", "9C"])
def test_one_pin_for_many_signatures(make_cards, rounds, slot, request):
    """9A: one VERIFY for all. 9C asks before each use: one for the login and one for each signature. Each is verified before it leaves the token program."""
    count = rounds(200, 10000)
    cards = make_cards({"office": [f"sign@{slot}", "vault"]})
    card, token = cards["office"], cards.tokens[0]
    key = token["keys"][0]
    done = subprocess.run([os.path.join(os.path.dirname(BIN), "bench", "token_rate"), os.path.join(BIN, "podatelna-token"), cards.module, token["uri"],
                           key["uri"], key["cert"], f"{count}x", cards.dir],
                          env={**os.environ, **cards.environment("office"), "PODATELNA_BENCH_PIN": cards.pin}, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=LIMIT_S, check=False)
    assert done.returncode == 0, done.stderr
    signed, seconds = done.stdout.split()
    # One more came first, which is not timed.
    assert int(signed) == count
    assert card.operations() == [(slot, "07", "9000")] * (count + 1)
    assert card.verifies() == ["ok"] * (1 if slot == "9A" else count + 2)
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        print(f"\n  {request.node.name}: {count} signatures, {int(signed) / float(seconds):.0f} per second")
