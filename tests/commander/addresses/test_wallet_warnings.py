"""A slip of the pen in a wallet is noticed; what is right, or unknown, is left alone. The addresses are those the
coins' own documents and test vectors use."""

from __future__ import annotations

import pytest

from rigfarm.commander.addresses.wallets import wallet_warning

RIGHT = [
    ("BTC", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"),
    ("BTC", "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy"),
    ("BTC", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"),
    ("BTC", "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0"),
    ("BCH", "bitcoincash:qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a"),
    ("BCH", "qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a"),
    ("LTC", "ltc1qw508d6qejxtdg4y5r3zarvary0c5xw7kgmn4n9"),
    ("LTC", "LVg2kJoFNg45Nbpy53h7Fe1wKyeXVRhMH9"),
    ("DOGE", "DH5yaieqoZN36fDVciNyRueRGvGLR3mr7L"),
    ("ZEC", "t1Hsc1LR8yKnbbe3twRp88p6vFfC5t7DLbs"),
    ("RVN", "RXissueAssetXXXXXXXXXXXXXXXXXhhZGt"),
    ("KAS", "kaspa:qpauqsvk7yf9unexwmxsnmg547mhyga37csh0kj53q6xxgl24ydxjsgzthw5j"),
    ("ERG", "9fRAWhdxEsTcdb8PhGNrZfwqa65zfkuYHAMmkQLcic1gdLSV5vA"),
    ("ETC", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"),
    (
        "XMR",
        "888tNkZrPN6JsEgekjMnABU4TBzc2Dt29EPAvkRxbANsAnjyPbb3iQ1YBRk1UXcdRsiKc9dhwMVgN5S9cQUiyoogDavup3H",
    ),
    (
        "XMR",
        "44AFFq5kSiGBoZ4NMDwYtN18obc8AemS33DBLWs3H7otXft3XjrpDtQGv7SqSsaBYBb98uNbr2VBBEt7f2wfn3RVGQBEP3A",
    ),
]


@pytest.mark.parametrize(("coin", "wallet"), RIGHT)
def test_it_works(coin: str, wallet: str) -> None:
    assert wallet_warning(coin, wallet) is None
    assert wallet_warning(coin, wallet + ".rig-01") is None
    assert wallet_warning(coin, wallet + "/rig-01") is None


@pytest.mark.parametrize(("coin", "wallet"), RIGHT)
def test_a_wrong_character_or_a_missing_one_is_noticed(coin: str, wallet: str) -> None:
    middle = len(wallet) // 2
    other = "7" if wallet[middle] != "7" else "8"
    for slip in (wallet[:middle] + other + wallet[middle + 1 :], wallet[:-1], wallet + "1"):
        assert wallet_warning(coin, slip) is not None, slip


def test_another_coins_address_is_noticed() -> None:
    for coin, wallet in RIGHT:
        for other in ("ERG", "KAS", "RVN"):
            if coin != other:
                assert wallet_warning(other, wallet) is not None, (other, wallet)


def test_a_coin_nobody_described_is_not_judged() -> None:
    assert wallet_warning("WHATEVER", "anything") is None


@pytest.mark.parametrize(
    "wallet", ["", ".", "/", "1", "11111111111111111111", "bc1", "kaspa:", "0x", "€" * 95, "a" * 256]
)
def test_nonsense_is_noticed_and_hurts_nobody(wallet: str) -> None:
    for coin in ("BTC", "BCH", "KAS", "ERG", "XMR", "ETC", "ZEC"):
        assert wallet_warning(coin, wallet) is not None


WALLETS = dict(RIGHT)
XMR, ETC, DOGE = WALLETS["XMR"], WALLETS["ETC"], WALLETS["DOGE"]


@pytest.mark.parametrize(
    ("coin", "login"),
    [
        ("XMR", f"solo:{XMR}"),
        ("XMR", f"solo:{XMR}.rig1"),
        ("XMR", f"SOLO:{XMR}+50000"),
        ("XMR", f"XMR:{XMR}.rig1#abcd-1234"),
        ("XMR", f"{XMR}.rig~rx/0"),
        ("ETC", f"ETC:{ETC}.rig1#abcd-1234"),
        ("ETC", f"etc:{ETC}/rig1"),
        ("ETC", f"DOGE:{DOGE}.rig1#abcd-1234"),  # mined as ETC, paid in DOGE
        ("ETC", "SHIB:0xwhatever.rig1"),  # paid in a coin that is not judged
        ("KAS", f"solo:{WALLETS['KAS']}.rig"),
        ("KAS", f"{WALLETS['KAS']}#ref"),
        ("XMR", f"SOLO.{XMR}"),
        ("DOGE", f"{DOGE}_rig1"),
        ("DOGE", f"{DOGE}:x"),
        ("BCH", f"solo:{WALLETS['BCH']}"),
    ],
)
def test_what_pools_want_before_an_address_is_no_fault(coin: str, login: str) -> None:
    assert wallet_warning(coin, login) is None


@pytest.mark.parametrize(
    ("coin", "login"),
    [
        ("XMR", f"solo:{XMR[:-1]}z.rig1"),
        ("ETC", f"ETC:{ETC[:-1]}.rig1#abcd-1234"),
        ("ETC", f"DOGE:{DOGE[:-2]}.rig1"),
        ("ETC", f"solo:{XMR}"),
        ("XMR", "solo:"),
        ("XMR", "solo:solo:solo:solo:x"),
        ("KAS", f"{WALLETS['KAS'][:-1]}"),
    ],
)
def test_a_broken_address_behind_a_prefix_is_noticed(coin: str, login: str) -> None:
    assert wallet_warning(coin, login) is not None
