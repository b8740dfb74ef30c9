"""One damaged or missing file of each kind of a finished study, and the command that `verify` prints."""

import shutil

from study import CONFIG, Study
from test_verify import DAMAGES, FILES, bytes_of, paths, repaired, verified


def test_after_the_printed_command_a_study_is_whole_again_with_the_same_bytes(tmp_path):
    study = Study(tmp_path, CONFIG)
    study.run()
    before = bytes_of(study)
    healed, failed = [], []
    for number, (kind, path) in enumerate(FILES.items()):
        damages = [*DAMAGES.items()][number % len(DAMAGES) :] + [*DAMAGES.items()]  # each in its turn
        damage = next(name for name, change in damages if changes(study, path, change, before))
        if number % 2:  # what Snakemake remembers is not needed
            shutil.rmtree(study.folder / ".snakemake", ignore_errors=True)
        _, lists, _ = verified(study)
        alone = paths(lists["damaged, or missing although results made from them exist"]) == {path}
        repaired(study, lists)
        whole = verified(study)[0] == 0 and bytes_of(study) == before
        (healed if alone and whole else failed).append(f"{kind}, {damage}")
        print(f"{len(healed)} of {len(healed) + len(failed)}: {kind}, {damage}", flush=True)
    assert failed == []


def changes(study, path, change, before):
    """Damage a file; return whether it is another one then: of an empty file nothing can be cut."""
    change(study.folder / path)
    return bytes_of(study) != before
