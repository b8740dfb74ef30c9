"""The paper's numbers as typed in paper.yaml."""

from pathlib import Path

import pytest
import yaml

PATH = Path(__file__).parents[2] / "workflow/reference/paper.yaml"


@pytest.fixture(scope="module")
def reference():
    return yaml.safe_load(PATH.read_text(encoding="utf-8"))


def rows(reference, number):
    return {row.get("model"): row for row in reference["tables"][f"table{number}"]["rows"]}


def test_tables_have_all_rows_of_the_paper(reference):
    counts = {name: len(table["rows"]) for name, table in reference["tables"].items()}
    assert counts == {"table1": 6, "table2": 7, "table3": 4, "table4": 13, "table5": 5, "table6": 1}


def test_cells_equal_a_second_transcription(reference):
    # typed from the paper a second time
    table1, table2, table4 = (rows(reference, number) for number in (1, 2, 4))
    assert table1["Full Width Convolution"]["delta_l1"] == {"mean": 376.31, "sd": 32.66}
    assert table1["Bounded Width Convolution"]["beta_l1"] == {"mean": 2623.04, "sd": 331.42}
    assert table1["Deep Full Width Convolution"]["delta_l2"] == {"mean": 17.13, "sd": 1.68}
    assert table1["Deep Bounded Width Convolution"]["beta_l2"] == {"mean": 498.52, "sd": 47.15}
    assert table2["Locally Connected"]["delta_l1"] == {"mean": 587.61, "sd": 29.89}
    assert table2["ResNet18"]["delta_l2"] == {"mean": 22.42, "sd": 0.91}
    assert [row["test_accuracy"] for row in table4.values()] == [41, 35, 41, 41, 41, 36, 41, 52, 54, 63, 64, 91, 92]
    assert [row["learning_rate"] for row in reference["tables"]["table5"]["rows"]] == [0.01, 0.01, 0.01, 0.002, 0.002]


def test_rows_with_numbers_have_one_key_each(reference):
    for number in (1, 2, 4):
        keys = [
            (row["network"], row["activation"], row["depth"]) for row in reference["tables"][f"table{number}"]["rows"]
        ]
        assert len(set(keys)) == len(keys)
