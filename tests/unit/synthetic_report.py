"""What a report is made from, with numbers made up: claims, an audit, tables, figures and a configuration."""

from study import CONFIG as STUDY

from advspectra.claims.reasons import Lack, Reason
from advspectra.claims.records import ClaimRecord, PartRecord
from advspectra.claims.terms import Group
from advspectra.page.pictures import Picture
from advspectra.page.report import Material

LONG = "share of δ̂'s power in the middle third of frequencies of bounded width (32 channels), 3 hidden layers, linear"


def part(**about) -> PartRecord:
    """Return a part that holds on three seeds; what is given, as claims.json has it, replaces what it says."""
    values = [-0.25, -0.2, -0.15]
    found = {
        "statement": f"{LONG} < {LONG}",
        "is": "less",
        "threshold": None,
        "within": None,
        "verdict": "holds",
        "direction": "holds",
        "why": "",
        "reason": None,
        "ratio": True,
        "bounds": [None, 0.0],
        "value": -0.2,
        "low": -0.3,
        "high": -0.1,
        "seeds": [{"seed": seed, "value": value, "low": None, "high": None} for seed, value in enumerate(values)],
        "left": {"label": LONG, "value": 800.0, "seeds": [0, 1, 2]},
        "right": {"label": LONG, "value": 1000.0, "seeds": [0, 1, 2]},
        "p_true": 0.001,
        "p_false": 0.999,
        "sign_flip": 0.01,
        "seeds_needed": None,
        "images": 100,
        "images_needed": None,
        "paper": {"left": 600.0, "right": 1000.0, "value": -0.4},
        "noise": None,
    }
    return PartRecord.from_data(found | about)


GONE = Reason(Lack.VALUE, cause="gone")


def untested(reason: Reason, **about) -> PartRecord:
    """Return a part that was not tested."""
    nothing = dict.fromkeys(("direction", "value", "low", "high", "p_true", "p_false", "sign_flip", "paper"))
    why = {"why": reason.sentence, "reason": reason.as_data()}
    return part(verdict="not tested", seeds=[], **(why | nothing | about))


def cell(value: float, **about) -> PartRecord:
    """Return a cell of a table whose paper's mean is 20 and standard deviation 0.5."""
    within = "holds" if 19 < value < 21 else "fails"
    numbers = {"value": value, "low": value - 0.1, "high": value + 0.1, "paper": {"value": 20.0, "sd": 0.5}}
    sides = {"left": {"label": "‖δ̂‖₂ of full width", "value": value, "seeds": [0, 1, 2]}, "right": None}
    seeds = [{"seed": seed, "value": value, "low": None, "high": None} for seed in range(3)]
    numbers |= {"noise": 20.5}
    bounds = {"bounds": [19.0, 21.0], "ratio": False, "verdict": within, "direction": within, "seeds": seeds}
    return part(**(numbers | sides | bounds | about))


def claim(name: str, *parts: PartRecord, **about) -> ClaimRecord:
    """Return a claim that is supported; what is given replaces what it says."""
    found = {
        "name": name,
        "title": f"What {name} says",
        "section": "3.3.1, Figure 5",
        "sentence": "a deep full width convolutional model yields a smaller ‖β̂‖₁ than the shallow one",
        "figures": ("fig05",),
        "group": Group.LINEAR,
        "table": None,
        "verdict": "supported",
        "p_value": 0.002,
        "p_holm": 0.012,
        "tests": 6,
        "seeds_needed": None,
        "parts": parts or (part(),),
        "why": "",
    }
    return ClaimRecord(**(found | about))


def convention(name: str, claims: list[ClaimRecord], **verdicts: str) -> dict:
    """Return an entry of audit.json with the verdicts of the claims, but for those given (name with _ for -)."""
    return {
        "name": name,
        "title": f"the convention {name}",
        "claims": {
            one.name: {
                "verdict": verdicts.get(one.name.replace("-", "_"), one.verdict),
                "parts": [part.verdict for part in one.parts],
                "values": [part.value for part in one.parts],
            }
            for one in claims
        },
        "cells": {
            one.name: {"within": 1, "tested": len(one.parts), "of": len(one.parts), "noise": 2, "known": len(one.parts)}
            for one in claims
            if one.table is not None
        },
    }


CLAIMS = [
    claim(
        "FNB-1",
        part(),
        untested(Reason(Lack.FILE, file="lines", attack="pgd", checkpoint="best")),
        verdict="not tested",
        p_value=None,
        figures=("fig01",),
        group=Group.TRAINING,
    ),
    claim("IFR-1", part(), part(), figures=("fig05", "fig08")),
    claim(
        "IFR-2",
        part(),
        part(value=0.7, low=0.2, high=9.0, verdict="fails", direction="fails"),
        part(ratio=False, verdict="open", bounds=[-0.05, 0.05], value=0.02, low=-0.1, high=0.14, paper=None),
        verdict="partly",
    ),
    claim("IFR-3", part(verdict="open"), verdict="undecided", p_value=0.4, seeds_needed=7),
    claim("NL-1", part(verdict="fails", direction="fails", value=0.2, low=0.1, high=0.3), verdict="contradicted"),
    claim(
        "TABLE-1",
        cell(20.2),
        cell(22.0),
        untested(Reason(Lack.NETWORK, network="vgg19-relu"), right=None),
        verdict="not tested",
        figures=(),
        group=Group.TABLES,
        table=1,
    ),
]

PGD = STUDY["attacks"][0]
CONFIG = STUDY | {
    "seeds": [0, 1, 2],
    "networks": [
        {
            "name": "full_width",
            "architecture": "full_width_convolution",
            "options": {"channels": 3},
            "activations": ["linear", "relu"],
            "depths": [1, 3],
            "alphas": [1, 10],
            "learning_rate": 0.00005,
        }
    ],
    "training": STUDY["training"]
    | {"epochs": 20, "batch_size": 128, "selection": {"by": "test", "held_out_fraction": 0}},
    "attacks": [
        PGD
        | {
            "options": PGD["options"] | {"parameters": {"steps": 1000, "random_start": True}},
            **{"images": 1000, "images_of": "test", "against": "label", "batch_norm": "as_is"},
            "networks": "all",
        }
    ],
    "transfers": [{"name": "moved", "attack": "pgd", "found_on": "best"}],
    "lines": [{"attack": "moved", "images": 10, "exact_images": 1, "samples": 101, "stretch_limit": 8}],
    "spectra": {"conventions": ["paper"], "images": "successful", "angular_bins": 12},
    "claims": {"snapshots": None, "transfer": None, "minimal": None, "audit": [], "beside": [], "remarks": []},
    "precision": "float32",
}

TABLE = """**Table 1. Norms**

| Model | seeds | ‖δ̂‖₂ | ‖δ̂‖₂ paper | ‖δ̂‖₂ difference / paper's sd | ‖δ̂‖₁ | ‖δ̂‖₁ paper | raw | rescaled |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
| Deep Bounded Width | 3 | 20.57 ± 0.94 | 20.57 ± 0.94 | 0.0 | 550.30 ± 29.71 | 550.30 ± 29.71 | 499 | 2392 |

- Seeds for each network: 3.
"""

DOUBTS = {
    "layers": {
        "doubt": "One hidden layer is `L = 2`.",
        "source": "Gunasekar et al.",
        "evidence": [{"claim": "IFR-2", "parts": [2]}, {"convention": "rgb"}, {"table": "table1"}, {"claim": "X-1"}],
    },
    "alone": {"doubt": "Nothing bears on this.", "source": "nobody", "evidence": [{"convention": "unknown"}]},
}

# a WebP of one pixel; the page does not look into it
PIXEL = bytes.fromhex("524946461a000000574542505650384c0d0000002f00000010071011118888fe0700")


def picture(path: str) -> Picture:
    return Picture(path, f"What {path} shows.\n", 1440, 900, PIXEL + path.encode())


def material(claims: list[ClaimRecord] = CLAIMS, *, seeds: tuple[int, ...] = (0, 1, 2), **about) -> Material:
    """Return what a report of these claims is made from; what is given replaces what it has."""
    found = {
        "verdicts": {
            "study": "tiny",
            "dataset": "bands",
            "seeds": list(seeds),
            "images": "32 × 32 pixels and 3 channels",
            "not_the_papers": "",
            "notes": ["A note on the study."],
            "conventions": {"spectra": "paper", "attacks": {"final": "pgd", "transfer": "moved"}},
            "claims": [one.as_data() for one in claims],
        },
        "conventions": {
            "conventions": [convention("paper", claims), convention("rgb", claims, IFR_1="contradicted")],
            "missing": [],
        },
        "tables": {"table1": TABLE},
        "pictures": [
            picture(path) for path in ("fig05", "fig08", "fig09", "fig01/resnet18-relu/depth=17/alpha=1/moved")
        ],
        "doubts": DOUBTS,
        "config": CONFIG,
        "made_by": {
            "commit": "0123abc",
            "uncommitted": ["workflow/scripts/report.py"],
            "versions": {"python": "3.11.7"},
            "inputs_sha256": {"results/tiny/claims.json": "ab" * 32},
        },
        "origins": [{"commit": "0123abc", "uncommitted": [], "versions": {"python": "3.11.7"}}],
    }
    return Material(**(found | about))
