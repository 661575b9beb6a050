from ticket_assets.store.failures import partly_written

NAMES = [f"thing/{number}.json" for number in range(5)]


def test_a_program_can_read_which_files_are_not_written() -> None:
    """The names appear unchanged, so that a script can run exactly the others again."""
    message = str(partly_written("No.", NAMES, NAMES[:2], NAMES[2:3]))
    assert message == (
        "No. Of 5 files, 2 are written: thing/0.json, thing/1.json; 2 are not: thing/3.json,"
        " thing/4.json; 1 may be, without confirmation: thing/2.json. Each file is whole, old or"
        " new. Run the same days again: each file is replaced."
    )


def test_without_unconfirmed_files_none_are_mentioned() -> None:
    message = str(partly_written("No.", NAMES, []))
    assert "0 are written: none; 5 are not: thing/0.json, " in message
    assert "confirmation" not in message
