"""The benchmarks run and print what they promise; their figures are for people, not for a gate."""

from __future__ import annotations

import re
import subprocess
import sys

from tests.benchmarks import scaling
from tests.benchmarks.figures import percentile, table
from tests.benchmarks.memory import is_foreign
from tests.benchmarks.startup import own_seconds
from tests.rendering.cards import SAMPLES
from tests.wire.process import ROOT


def test_the_quick_run_prints_its_lines() -> None:
    command = [sys.executable, "-m", "tests.benchmarks", "--quick", "--only", "startup"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert "Cold start" in lines
    names = [line.split("  ")[0] for line in lines]
    for name in ("bare discord.py", "cohort, SQLite", "cohort, SQLite, first start", "discord", "sqlalchemy"):
        assert names.count(name) == 1, done.stdout
    assert lines[-1].endswith("s in all")


def test_every_picture_has_its_milliseconds() -> None:
    command = [sys.executable, "-m", "tests.benchmarks", "--quick", "--only", "pictures"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert "Pictures" in lines
    for name in SAMPLES:
        (line,) = (line for line in lines if line.startswith(f"{name}, dark "))
        assert float(line.split()[2]) > 0


def test_every_board_is_timed_in_small_and_big_tables() -> None:
    command = [sys.executable, "-m", "tests.benchmarks", "--quick", "--only", "boards"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    for size in ("1,000", "20,000"):
        for board in ("lessons, week", "lessons, all", "points, week", "points, all"):
            assert re.search(rf"SQLite +{size} +1,000 +{board} +\d", done.stdout), done.stdout
    assert re.search(r"in less than 50 ms: (reached|MISSED)", done.stdout)


def test_the_next_card_and_a_press_are_timed() -> None:
    command = [sys.executable, "-m", "tests.benchmarks", "--quick", "--only", "reviews"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    for line in ("next card, a tenth is due", "next card, nothing is due", "a press, of those with all due"):
        assert re.search(rf"SQLite +{line} +\d", done.stdout), done.stdout
    assert re.search(r"in less than 20 ms: (reached|MISSED)", done.stdout)


def test_a_press_is_timed_from_the_gateway_to_the_edited_message() -> None:
    command = [sys.executable, "-m", "tests.benchmarks", "--quick", "--only", "presses"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    for act in ("Show answer", "a grade"):
        found = re.search(rf"SQLite, {act} +1 +10 +[\d.]+ +([\d.]+)", done.stdout)
        assert found, done.stdout
        assert float(found[1]) > 0


def test_a_percentile_is_a_value_that_occurred() -> None:
    values = [float(value) for value in range(100, 0, -1)]
    assert [percentile(values, share) for share in (0.0, 0.5, 0.99, 1.0)] == [1.0, 50.0, 99.0, 100.0]
    assert percentile([7.0], 0.99) == 7.0


def test_a_deck_is_imported() -> None:
    command = [sys.executable, "-m", "tests.benchmarks", "--quick", "--only", "decks"]
    printed = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    assert re.search(r"SQLite +again +\d", printed), printed


def test_a_photo_is_classified_beside_fastai() -> None:
    command = [sys.executable, "-m", "tests.benchmarks", "--quick", "--only", "pipeline"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"small, 0\.3 MP +\d+\.\d +\d+\.\d +\d+\.\d", done.stdout), done.stdout
    for line in (
        r"differ by at most 0\.\d+: reached; same label 100\.0%: reached",
        r"16 at once: \d+\.\d a second; the same runtime alone, batches of 16: \d",
        r"\d+ packages, \d+ MB \(onnxruntime \d+.*: reached",
    ):
        assert re.search(line, done.stdout), done.stdout


def test_a_model_that_costs_nothing_is_served_beside_another_server() -> None:
    command = [sys.executable, "-m", "tests.benchmarks", "--quick", "--only", "serving"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    for name in ("ours", "LitServe"):
        found = re.search(rf"{name} +([\d,]+) +[\d.]+ +([\d,]+) ", done.stdout)
        assert found, done.stdout
        assert int(found[2].replace(",", "")) > 0


def test_hostile_images_all_get_a_clear_answer() -> None:
    command = [sys.executable, "-m", "tests.benchmarks", "--quick", "--only", "hostile"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "errors that nobody caught: 0: reached" in done.stdout, done.stdout
    assert "A clear answer to each: 300 of 300: reached" in done.stdout, done.stdout


def test_columns_are_aligned() -> None:
    assert table(("", "ms"), [("one", 1.5), ("eleven", 10)]).splitlines() == [
        "         ms",
        "------  ---",
        "one     1.5",
        "eleven   10",
    ]


def test_libraries_of_models_are_recognised() -> None:
    assert is_foreign("/x/site-packages/torch/lib/libtorch_cpu.so")
    assert is_foreign("/x/site-packages/onnxruntime/capi/onnxruntime_pybind11_state.so")
    assert not is_foreign("/x/site-packages/array_tools/_array.cpython-311.so")


def test_imports_are_counted_by_package() -> None:
    log = (
        "import time: self [us] | cumulative | imported package\n"
        "import time:      1000 |       1000 |   json.decoder\n"
        "2026-01-01 ready\n"
        "import time:      2000 |       5000 | discord.http\n"
        "import time:      3000 |       3000 |     discord\n"
    )
    assert own_seconds(log) == {"the standard library": 0.001, "discord": 0.005}


def test_a_start_imports_nothing_that_it_may_never_need() -> None:
    late = ("alembic", "dateparser", "icalendar", "jsonschema", "torch", "onnxruntime", "numpy")
    code = (
        "import sys, importlib, bot.running, bot.client\n"
        "for name in bot.client.COGS: importlib.import_module(name)\n"
        "bot.bootstrap.CourseLibrary()\n"
        f"print(*(name for name in {late!r} if name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_a_simulated_monday_waits_longer_with_more_servers() -> None:
    few, many = (scaling.monday(servers) for servers in (50, 500))
    assert len(many) > 5 * len(few)
    assert many == sorted(many)
    assert scaling.sent(many, processes=1, reminders_first=False).posts != []
    for processes in (1, 4):
        plain = scaling.sent(many, processes=processes, reminders_first=False)
        first = scaling.sent(many, processes=processes, reminders_first=True)
        assert len(plain.posts) + len(plain.reminders) == len(many)
        assert sum(first.reminders) < sum(plain.reminders)
        # The same work in another order: nothing waits less in all.
        assert abs(sum(first.posts + first.reminders) - sum(plain.posts + plain.reminders)) < 1e-3


def test_a_queue_of_one_server_sends_at_its_rate() -> None:
    said = [scaling.Said(due=0.0, server=0, punctual=number % 2 == 0) for number in range(46)]
    waits = scaling.sent(said, processes=1, reminders_first=True)
    assert max(waits.reminders) < min(waits.posts)
    assert abs(max(waits.posts) - 45 / scaling.PER_SECOND) < 1e-6


def test_claims_need_postgresql_and_say_so() -> None:
    command = [sys.executable, "-m", "tests.benchmarks", "--quick", "--only", "claims"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=True)
    assert "Not measured: this needs PostgreSQL." in done.stdout
